# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection as its users get it: built, installed from the tarball, its playbooks read by name."""

from __future__ import annotations

import os
import re
import tarfile
import tempfile
from pathlib import Path

import yaml
from packaging.requirements import Requirement

import checkout
from checks.outcome import Failed, Log

INVENTORY = """
all:
  children:
    timelock_servers:
      hosts: {tl-1: , tl-2: , tl-3: }
    atlasdb_services:
      children:
        orders:
          hosts: {orders-1: , orders-2: , orders-3: }
          vars: {atlasdb_service_name: orders}
"""
MADE_BY_BUILD = {"MANIFEST.json", "FILES.json"}
EXECUTION_ENVIRONMENT = "meta/execution-environment.yml"
COMMAND = re.compile(r"ansible-playbook -i \S+ (\S+)")


def unexpected(tarball: Path) -> list[str]:
    """Files in the tarball that the checkout's git does not know: leftovers of tools."""
    with tarfile.open(tarball) as archive:
        shipped = {member.name for member in archive.getmembers() if not member.isdir()}
    return sorted(shipped - set(checkout.files()) - MADE_BY_BUILD)


def unbuildable(installed: Path) -> list[str]:
    """What an execution environment with the collection, and with others, could not be built of."""
    definition = yaml.safe_load((installed / EXECUTION_ENVIRONMENT).read_text(encoding="utf-8"))
    dependencies = definition["dependencies"]
    wrong = [f"{name}, which is not there" for name in dependencies.values() if not (installed / name).is_file()]
    if wrong:
        return wrong
    lines = (installed / dependencies["python"]).read_text(encoding="utf-8").splitlines()
    needed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return [f"{each}, which leaves no choice" for each in needed if "==" in str(each.specifier)]


def unknown_commands(installed: Path, playbooks: list[str]) -> list[str]:
    """Playbooks that a page says to type, and that whoever has installed the collection does not have."""
    pages = sorted(installed.rglob("*.md"))
    named = [(page, name) for page in pages for name in COMMAND.findall(page.read_text(encoding="utf-8"))]
    return [f"{name} in {page.relative_to(installed)}" for page, name in named if name not in playbooks]


def package(log: Log) -> None:
    with tempfile.TemporaryDirectory(prefix="atlasdb-package-") as made:
        log.run("ansible-galaxy", "collection", "build", "--output-path", made)
        (tarball,) = Path(made).glob("*.tar.gz")
        if leftovers := unexpected(tarball):
            raise Failed(f"the tarball holds what git does not: {', '.join(leftovers[:5])}")
        # No other copy of the collection may be found by accident.
        env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": made}
        log.run("ansible-galaxy", "collection", "install", tarball, "--collections-path", made, "--offline", env=env)
        installed = Path(made, "ansible_collections/atlasdb/timelock")
        if wrong := unbuildable(installed):
            raise Failed(f"{EXECUTION_ENVIRONMENT} asks for {'; '.join(wrong)}")
        inventory = Path(made, "inventory.yml")
        inventory.write_text(INVENTORY)
        playbooks = [f"atlasdb.timelock.{path.stem}" for path in sorted((checkout.ROOT / "playbooks").glob("*.yml"))]
        if unknown := unknown_commands(installed, playbooks):
            raise Failed(f"no such playbook: {'; '.join(unknown)}")
        for look in ("--syntax-check", "--list-hosts"):
            log.run("ansible-playbook", "-i", inventory, *playbooks, look, cwd=Path(made), env=env)
