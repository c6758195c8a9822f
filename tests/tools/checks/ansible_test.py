# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-test without containers, in a copy of the checkout, with a home of its own under .build."""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from configparser import RawConfigParser
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from ansible_test._internal.python_requirements import get_venv_packages

import checkout
from checks.outcome import Log

WORK = checkout.BUILD / "ansible-test"
HOME = WORK / "home"
COPY = WORK / "ansible_collections/atlasdb/timelock"
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"

# ansible-test fetches get-pip.py from its project's own server, unless a file of this name is in its cache. It makes
# nine environments, and a copy of one pip takes a tenth of the time of an installation.
GET_PIP = """
import shutil, sysconfig
shutil.copytree({source!r}, sysconfig.get_path("purelib"), dirs_exist_ok=True)
"""


def provide_get_pip() -> None:
    version = get_venv_packages(SimpleNamespace(version=PYTHON))["pip"]
    source = WORK / f"pip-{version}"
    if not source.exists():
        partial = tempfile.mkdtemp(dir=WORK)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", partial, f"pip=={version}"]
        subprocess.run(command, check=True)
        os.rename(partial, source)
    cached = HOME / f".ansible/test/cache/get_pip_{version.replace('.', '_')}.py"
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_text(GET_PIP.format(source=str(source)))


def hand_on_pip_settings() -> None:
    """ansible-test gives pip a clean environment: what the user has set for pip must be found in the home."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    settings = RawConfigParser()
    for line in listed.splitlines():
        name, value = line.split("=", 1)
        section, option = name.rsplit(".", 1)
        section = "global" if section == ":env:" else section
        if not settings.has_section(section):
            settings.add_section(section)
        settings.set(section, option, "".join(shlex.split(value)))
    target = HOME / ".config/pip/pip.conf"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=0o600)
    with target.open("w") as file:
        settings.write(file)


@contextmanager
def prepared() -> Iterator[Mapping[str, str]]:
    """The environment for ansible-test, with a fresh copy of the checkout; one run at a time."""
    WORK.mkdir(parents=True, exist_ok=True)
    with (WORK / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        provide_get_pip()
        hand_on_pip_settings()
        checkout.copy_to(COPY)
        # ansible-test asks git for the content, and would find the checkout's, which ignores all that is under .build.
        subprocess.run(["git", "init", "--quiet", str(COPY)], check=True)
        yield {**os.environ, "HOME": str(HOME)}


def ansible_test(log: Log, *arguments: str) -> None:
    # ansible-test writes scripts that begin with the path of its Python, which may be neither long nor hold a space.
    with prepared() as env, tempfile.TemporaryDirectory(prefix="atlasdb-") as short:
        Path(short, "python").symlink_to(sys.prefix)
        command = [f"{short}/python/bin/python", f"{short}/python/bin/ansible-test"]
        log.run(*command, *arguments, "--python", PYTHON, "--color", "no", cwd=COPY, env=env)


def sanity(log: Log) -> None:
    ansible_test(log, "sanity", "--requirements")


def units(log: Log) -> None:
    ansible_test(log, "units")
