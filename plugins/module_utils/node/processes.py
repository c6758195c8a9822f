# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes, as /proc tells them (proc(5)).

A number alone does not name a process: numbers are used again. A process is its number, its start (clock ticks after
boot) and the boot.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass

from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
GRAIN_SECONDS = 0.1
"""The clocks of processes and of files are the kernel's ticks, a hundredth of a second at most."""


@dataclass(frozen=True)
class Process:
    """``pid``, ``parent`` (a pid) and ``start``, in clock ticks after boot."""

    pid: int
    parent: int
    start: int


class Processes:
    """What runs on this host. ``root`` is where proc(5) is mounted."""

    def __init__(self, root: str = "/proc"):
        self._root = root

    def require_sight(self) -> None:
        """Raise Refusal probe-blind where /proc shows only our own processes (mount option hidepid)."""
        if self.get(1) is None:
            raise Refusal(
                "probe-blind",
                "This login does not see the other processes of the host: /proc is mounted with hidepid.",
                "Run the task with become.",
            )

    def boot_id(self) -> str:
        return self._read("sys/kernel/random/boot_id").decode().strip()

    def now(self) -> int:
        """Now, in the unit of Process.start."""
        return int(time.clock_gettime(time.CLOCK_BOOTTIME) * TICKS_PER_SECOND)

    def started_at(self, process: Process) -> float:
        """The start by the wall clock, in seconds of the epoch; it moves when that clock is set."""
        return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - process.start / TICKS_PER_SECOND)

    def ticks_at(self, moment: float) -> int:
        """A moment of the wall clock, in seconds of the epoch, in the unit of Process.start: now at the latest. It
        moves when that clock is set."""
        boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        return int(min(boot, boot - (time.time() - moment) - GRAIN_SECONDS) * TICKS_PER_SECOND)

    def get(self, pid: int) -> Process | None:
        """The process with this number if it lives. One that has ended and was not yet waited for does not live."""
        try:
            text = self._read(f"{pid}/stat").decode("utf-8", "replace")
        except OSError:
            return None
        fields = text[text.rindex(")") + 2:].split()
        if fields[0] in "ZX" and len(self._threads(pid)) < 2:
            return None
        return Process(pid, parent=int(fields[1]), start=int(fields[19]))

    def _threads(self, pid: int) -> list[str]:
        try:
            return os.listdir(os.path.join(self._root, str(pid), "task"))
        except OSError:
            return []

    def all(self) -> dict[int, Process]:
        """Every living process, by its number."""
        found = (self.get(int(name)) for name in os.listdir(self._root) if name.isdigit())
        return {process.pid: process for process in found if process is not None}

    def in_cgroup(self, cgroup: str) -> set[int]:
        """The numbers of all processes in this control group and those below it."""
        return {int(name) for name in os.listdir(self._root) if name.isdigit() and self._is_in(name, cgroup)}

    def _is_in(self, name: str, cgroup: str) -> bool:
        try:
            lines = self._read(f"{name}/cgroup").decode("utf-8", "replace").splitlines()
        except OSError:
            return False
        paths = (line.split(":", 2)[2] for line in lines)
        return any(path == cgroup or path.startswith(cgroup.rstrip("/") + "/") for path in paths)

    def command_line(self, pid: int) -> list[str]:
        """The arguments; empty where they cannot be read."""
        try:
            return self._read(f"{pid}/cmdline").decode("utf-8", "replace").rstrip("\0").split("\0")
        except OSError:
            return []

    def program(self, pid: int) -> str:
        """The first argument; the others may hold secrets."""
        return (self.command_line(pid) or [""])[0]

    def working_folder(self, pid: int) -> str:
        """Where it works; empty where that cannot be read."""
        return self._target(f"{pid}/cwd")

    def likeness(self, pid: int) -> str | None:
        """Equal for two processes with the same arguments in the same folder; None where that cannot be told."""
        arguments, folder = self.command_line(pid), self.working_folder(pid)
        if not any(arguments) or not folder:
            return None
        return hashlib.sha256("\0".join([folder, *arguments]).encode()).hexdigest()[:32]

    def touches(self, pid: int, folder: str) -> bool:
        """Whether the process has anything to do with a folder: works there, was called with it, has a file open
        there."""
        inside = folder.rstrip("/") + "/"
        names = [self.working_folder(pid) + "/", self._target(f"{pid}/exe")]
        try:
            names += [self._target(f"{pid}/fd/{name}") for name in os.listdir(os.path.join(self._root, f"{pid}/fd"))]
        except OSError:
            return True  # it cannot be ruled out
        names += self.command_line(pid)
        return any(inside in name for name in names)

    def sockets(self, pid: int) -> set[int]:
        """Inodes of the sockets that a process has open. Raises Refusal probe-blind if this login may not see
        them."""
        folder = f"{self._root}/{pid}/fd"
        try:
            targets = [self._target(f"{pid}/fd/{name}") for name in os.listdir(folder)]
        except PermissionError as error:
            raise Refusal(
                "probe-blind",
                f"This login may not see the sockets of process {pid}.",
                "Run the task with become, as root or as the user of the service.",
            ) from error
        except OSError:
            return set()
        return {int(target[8:-1]) for target in targets if target.startswith("socket:[")}

    def _target(self, name: str) -> str:
        try:
            return os.readlink(os.path.join(self._root, name))
        except OSError:
            return ""

    def _read(self, name: str) -> bytes:
        with open(os.path.join(self._root, name), "rb") as file:
            return file.read()


def descendants(pids: set[int], everything: dict[int, Process]) -> set[int]:
    """``pids`` that live, with all that they began."""
    found = {pid for pid in pids if pid in everything}
    grown = True
    while grown:
        more = {process.pid for process in everything.values() if process.parent in found} - found
        found |= more
        grown = bool(more)
    return found
