# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the lab's own programs lie and run on a host."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from lab import compiled, host_python
from lab.hosts import image
from lab.hosts.host import Bind, Host

USER = "app"
USER_ID = 900
CODE = "/opt/lab/tests"
CODE_BIND = Bind(str(image.TESTS / "lab"), f"{CODE}/lab")
COMPILED = "/var/lab/compiled"
COMPILED_BIND = Bind(str(compiled.KEPT), COMPILED, writable=True)
PYTHON = "/opt/lab/python"
"""As ansible_python_interpreter: the host's own, which does not compile the same module again at every call."""
PYTHON_PATH = f"{CODE}:/{image.LIBRARIES}"
UNITS = "/etc/systemd/system"


def environment() -> str:
    """A unit's line for a program of the lab."""
    return f"Environment=PYTHONPATH={PYTHON_PATH} PYTHONDONTWRITEBYTECODE=1"


def write_python(host: Host) -> None:
    host.write(PYTHON, host_python.script("/usr/bin/python3", tests=CODE, kept=COMPILED), 0o755)


def add_user(host: Host) -> int:
    """The user that the programs run as; its number."""
    subprocess.run(
        ["chroot", host.root, "useradd", "--system", "--uid", str(USER_ID), "--home", "/nonexistent", USER], check=True
    )
    return USER_ID


def give(host: Host, folder: str, user: int) -> None:
    """The folder and what is in it to a user."""
    for place, folders, files in os.walk(host.root / folder.lstrip("/")):
        for name in (".", *folders, *files):
            os.lchown(Path(place) / name, user, user)


def add_unit(host: Host, name: str, content: str, target: str) -> None:
    """A unit that starts at boot with that target; the host has not booted yet."""
    host.write(f"{UNITS}/{name}", content)
    wanted = host.root / UNITS.lstrip("/") / f"{target}.wants" / name
    wanted.parent.mkdir(exist_ok=True)
    wanted.symlink_to(f"{UNITS}/{name}")


def log(host: Host, unit: str) -> str:
    """The end of what a unit said."""
    return host.run("journalctl", "--no-pager", "--lines=40", "--output=cat", "-u", unit, check=False).stdout
