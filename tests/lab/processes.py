# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of a lab: what identifies one, which ones belong to a lab, how they are ended.

A process is the pair (pid, start time), as pids are used again. What belongs to a lab is found by a variable in
its environment, so that a process of an `up` that was killed is found as well, whoever started it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import NamedTuple

LAB_VARIABLE = "ATLASDB_LAB"


class Process(NamedTuple):
    """A process of this machine: `start` is its start time in clock ticks since boot (/proc/PID/stat, field 22)."""

    pid: int
    start: int


def identify(pid: int) -> Process | None:
    """The process that has this pid now, or None if there is none or only a zombie (which is reaped, if it is ours).

    One whose first thread has ended looks like a zombie; as long as another thread runs, its sockets are open.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
        threads = len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return None
    if fields[0] in (b"Z", b"X") and threads < 2:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        return None
    return Process(pid, int(fields[19]))


def is_alive(process: Process) -> bool:
    """Whether this very process, and not a later one with its pid, runs."""
    return identify(process.pid) == process


def owned_by(lab_id: str) -> list[Process]:
    """Every process with LAB_VARIABLE=lab_id in its environment, but ourselves."""
    variable = f"{LAB_VARIABLE}={lab_id}".encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        process = identify(int(name))
        if process is not None and variable in _environment(process.pid):
            found.append(process)
    return found


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def send(process: Process, number: signal.Signals) -> bool:
    """Send a signal to this very process; False if it is gone."""
    if not is_alive(process):
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def wait_gone(processes: list[Process], seconds: float) -> list[Process]:
    """Wait until all are gone, at most so long; the ones that are left."""
    deadline = time.monotonic() + seconds
    left = [process for process in processes if is_alive(process)]
    while left and time.monotonic() < deadline:
        time.sleep(0.01)
        left = [process for process in left if is_alive(process)]
    return left


def end(processes: list[Process], grace: float) -> list[Process]:
    """SIGTERM, then after `grace` seconds SIGKILL; the ones that are left even so."""
    for process in processes:
        send(process, signal.SIGTERM)
        send(process, signal.SIGCONT)
    for process in wait_gone(processes, grace):
        send(process, signal.SIGKILL)
    return wait_gone(processes, 5)
