# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running a command of a service manager, such that it has no effect later than the node's lock.

A module may be killed while its command runs; the command goes on. So the command is run by a small process of its
own that holds the lock (it inherits it) until the command has ended: a successor waits. The command itself does not
inherit the lock, and has its own session: it survives the end of the module, and of the connection.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import tempfile
import time
from dataclasses import dataclass

from ansible_collections.atlasdb.timelock.plugins.module_utils.node import program

_WORDS = 400


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit status (as ``program.wait`` says; None if it could not be run) and, where they
    were kept, its words."""

    status: int | None
    words: str

    def __str__(self) -> str:
        said = f": {self.words}" if self.words else ""
        return f"could not be run{said}" if self.status is None else f"exit status {self.status}{said}"


class Command:
    """A running command. ``keep_words``: for commands that leave no process behind (one that did would write on for
    ever)."""

    def __init__(self, arguments: list[str], folder: str, keep_words: bool):
        self._outcome: Outcome | None = None
        self._pid: int | None = None
        self._buffer = b""
        self._reader, writer = os.pipe()
        self._keeper = os.fork()
        if self._keeper == 0:
            try:
                _run(arguments, folder, keep_words, writer)
            finally:
                os._exit(0)
        os.close(writer)

    def poll(self, seconds: float) -> Outcome | None:
        """The outcome, after at most ``seconds``; None while it runs."""
        deadline = time.monotonic() + seconds
        while self._outcome is None:
            if not select.select([self._reader], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return None
            self._read()
        return self._outcome

    def _read(self) -> None:
        data = os.read(self._reader, 65536)
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "pid" in told:
                self._pid = told["pid"]
            else:
                self._outcome = Outcome(told["status"], told["words"])
        if not data and self._outcome is None:
            self._outcome = Outcome(None, "the process that ran it was killed")
        if self._outcome is not None:
            self._end()

    def kill(self) -> None:
        """End the command and what it began, as long as that did not make itself independent."""
        if self.poll(0) is None and self._pid is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                os.killpg(self._pid, signal.SIGKILL)
            self.poll(5)

    def leave(self) -> None:
        """Let the command go on for good, without the lock: it is the service itself."""
        if self._outcome is None:
            os.kill(self._keeper, signal.SIGKILL)
            self._outcome = Outcome(0, "")
            self._end()

    def _end(self) -> None:
        os.close(self._reader)
        os.waitpid(self._keeper, 0)


def _run(arguments: list[str], folder: str, keep_words: bool, writer: int) -> None:
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    try:
        with tempfile.TemporaryFile() if keep_words else open(null, "w+b", closefd=False) as words:
            pid = program.begin(arguments, folder, words.fileno(), words.fileno())
            _tell(writer, {"pid": pid})
            status = program.wait(pid)
            words.seek(0)
            _tell(writer, {"status": status, "words": words.read(_WORDS).decode("utf-8", "replace").strip()})
    except OSError as error:
        _tell(writer, {"status": None, "words": f"{error.filename}: {error.strerror}"})


def _tell(writer: int, what: dict) -> None:
    with contextlib.suppress(BrokenPipeError):  # the module was killed: there is nobody to tell
        os.write(writer, json.dumps(what).encode() + b"\n")
