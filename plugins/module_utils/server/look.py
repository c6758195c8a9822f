# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server's own disk says of it. Runs on the server: standard library, Python 3.8."""

from __future__ import annotations

import os
import socket
import subprocess

from . import record as kept

ABSENT, EMPTY, PRESENT = "absent", "empty", "present"
"""What there is of a directory."""

COMPLETE = ".complete"
"""In the folder of a version that is unpacked entirely; says from what."""


def look(params: dict) -> dict:
    """See the module timelock_server_info."""
    root = params["root"]
    record = kept.read(root)
    looked = [params["java_home"]] if params["java_home"] else _usual_homes()
    return {
        "version": _current(root),
        "versions": _installed(root),
        "record": kept.public(record),
        "paxos": _contents(params["data_directory"]),
        "paxos_directory": params["data_directory"],
        "sqlite": _contents(params["sqlite_directory"]),
        "sqlite_directory": params["sqlite_directory"],
        "changed_files": kept.changed(record, params["files"]),
        "listening": _listens(params["address"], params["port"]),
        "java": next(filter(None, map(_java, looked)), None),
        "java_looked": looked,
    }


def _current(root: str) -> str | None:
    try:
        return os.path.basename(os.readlink(os.path.join(root, "current")))
    except FileNotFoundError:
        return None


def _installed(root: str) -> dict:
    """For each version that is unpacked entirely, the hash of its package."""
    found = {}
    folder = os.path.join(root, "versions")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        try:
            with open(os.path.join(folder, name, COMPLETE), encoding="utf-8") as file:
                found[name] = file.read().strip()
        except FileNotFoundError:
            continue
    return found


def _contents(path: str) -> str:
    """Whether a directory holds any file, however deep: what TimeLock itself does not look at."""
    if not os.path.isdir(path):
        return ABSENT
    return PRESENT if any(files for _folder, _folders, files in os.walk(path)) else EMPTY


def _listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except OSError:
        return False


def _usual_homes() -> list[str]:
    """JAVA_HOME, what ``java`` on the path leads to, and Debian's and Red Hat's folder, the newest name first."""
    homes = [os.environ["JAVA_HOME"]] if os.environ.get("JAVA_HOME") else []
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        program = os.path.join(folder, "java")
        if os.path.isfile(program):
            homes.append(os.path.dirname(os.path.dirname(os.path.realpath(program))))
    machines = "/usr/lib/jvm"
    if os.path.isdir(machines):
        homes += [os.path.join(machines, name) for name in sorted(os.listdir(machines), reverse=True)]
    return list(dict.fromkeys([*homes, machines]))


def _java(home: str) -> dict | None:
    """``home`` and what its Java says of its version; None where none runs there."""
    program = os.path.join(home, "bin", "java")
    try:
        said = subprocess.run(
            [program, "-version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return {"home": home, "version": (said.stderr or said.stdout).strip().partition("\n")[0]}
