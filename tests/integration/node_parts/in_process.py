# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a node module as Ansible would, in a process of its own, and can kill it between two of its effects."""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import signal
import sys
from dataclasses import dataclass
from typing import BinaryIO

from ansible.module_utils.testing import patch_module_args
from ansible_collections.atlasdb.timelock.plugins.module_utils.node import disk, offline, online
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers import systemd

MODULES = "ansible_collections.atlasdb.timelock.plugins.modules"
EFFECTS = ("create", "fill", "adopt", "flush", "rename", "remove", "make_folder", "remove_folder", "flush_folder")


@dataclass(frozen=True)
class Fault:
    """What goes wrong at the effect number ``at`` (from 0): ``how`` is "before", "torn" (half of the bytes are
    written) or "after", when the module is killed there, or "full", when the disk is."""

    at: int
    how: str


class Running:
    """A module that has been begun."""

    def __init__(self, pid: int, answer: int, trace: BinaryIO):
        self.pid = pid
        self._answer = answer
        self._trace = trace

    def result(self) -> dict:
        """Its result; ``killed`` if it left none. ``effects`` names what it did."""
        with open(self._answer, "rb") as file:
            answer = file.read()
        os.waitpid(self.pid, 0)
        with self._trace:
            self._trace.seek(0)
            effects = self._trace.read().decode().split()
        if not answer:
            return {"killed": True, "effects": effects}
        told = json.loads(answer.decode().strip().splitlines()[-1])
        return {"failed": False, "killed": False, **told, "effects": effects}


def begin(name: str, options: dict, fault: Fault | None = None, check: bool = False, units: str = "") -> Running:
    """Begin module ``name``; ``units`` stands for /etc/systemd/system."""
    answer, answer_writer = os.pipe()
    trace = os.fdopen(os.memfd_create("effects"), "w+b")
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(answer_writer, 1)
            os.dup2(trace.fileno(), 3)
            os.closerange(4, 10000)  # as a module has nothing open; least of all a lock of the test's
            sys.stdout = os.fdopen(1, "w", closefd=False)
            systemd.UNIT_FOLDER = units
            _instrument(fault, 3)
            module = importlib.import_module(f"{MODULES}.{name}")
            with patch_module_args({**options, "_ansible_check_mode": check, "_ansible_remote_tmp": "/tmp"}):
                module.main()
        except SystemExit:
            sys.stdout.flush()
        finally:
            os._exit(0)
    os.close(answer_writer)
    return Running(pid, answer, trace)


def _instrument(fault: Fault | None, trace: int) -> None:
    count = 0

    def wrapped(name, real):
        def effect(*arguments, **named):
            nonlocal count
            number, count = count, count + 1
            os.write(trace, f"{name}\n".encode())
            if fault is None or number != fault.at:
                return real(*arguments, **named)
            if fault.how == "full":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if fault.how == "torn" and name == "fill":
                real(arguments[0], arguments[1][: len(arguments[1]) // 2])
            if fault.how == "after":
                with contextlib.suppress(OSError):
                    real(*arguments, **named)
            return os.kill(os.getpid(), signal.SIGKILL)

        return effect

    for name in EFFECTS:
        setattr(disk, name, wrapped(name, getattr(disk, name)))
    offline.Command = online.Command = wrapped("command", online.Command)
