# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection as its users get it: built, installed from the tarball, its playbooks read by name."""

from __future__ import annotations

import os
import tarfile
import tempfile
from pathlib import Path

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


def unexpected(tarball: Path) -> list[str]:
    """Files in the tarball that the checkout's git does not know: leftovers of tools."""
    with tarfile.open(tarball) as archive:
        shipped = {member.name for member in archive.getmembers() if not member.isdir()}
    return sorted(shipped - set(checkout.files()) - MADE_BY_BUILD)


def package(log: Log) -> None:
    with tempfile.TemporaryDirectory(prefix="atlasdb-package-") as made:
        log.run("ansible-galaxy", "collection", "build", "--output-path", made)
        (tarball,) = Path(made).glob("*.tar.gz")
        if leftovers := unexpected(tarball):
            raise Failed(f"the tarball holds what git does not: {', '.join(leftovers[:5])}")
        # No other copy of the collection may be found by accident.
        env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": made}
        log.run("ansible-galaxy", "collection", "install", tarball, "--collections-path", made, "--offline", env=env)
        inventory = Path(made, "inventory.yml")
        inventory.write_text(INVENTORY)
        playbooks = [f"atlasdb.timelock.{path.stem}" for path in sorted((checkout.ROOT / "playbooks").glob("*.yml"))]
        for look in ("--syntax-check", "--list-hosts"):
            log.run("ansible-playbook", "-i", inventory, *playbooks, look, cwd=Path(made), env=env)
