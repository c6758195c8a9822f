# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: every timestamp that a process got, with the start and end of its request on the machine's one clock.

A file per process, `SERVICE/NODE-PID-START.journal`, holds first one JSON line (service, namespace, node, pid, mode)
and then a line per request: `START END LOWER UPPER` (time.monotonic_ns(), and the range it got, both ends included).
A line is one write(2), so that a process that is killed has lost none of what it got.
"""

from __future__ import annotations

import json
import os
import time
from array import array
from pathlib import Path
from typing import NamedTuple


class Origin(NamedTuple):
    """The process that took the timestamps; `mode` is `embedded`, `leader` or `timelock`."""

    service: str
    namespace: str
    node: str
    pid: int
    mode: str

    def __str__(self) -> str:
        return f"{self.node} (process {self.pid}, {self.mode})"


class Journal:
    """Writes one process's file. Safe for several threads: each record is a single append."""

    def __init__(self, folder: Path, origin: Origin):
        folder = folder / origin.service
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{origin.node}-{origin.pid}-{time.monotonic_ns()}.journal"
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(self._file, json.dumps(origin._asdict()).encode() + b"\n")

    def record(self, start: int, end: int, lower: int, upper: int) -> None:
        os.write(self._file, b"%d %d %d %d\n" % (start, end, lower, upper))


class JournalError(Exception):
    """A journal that cannot be read: its verdict would be worth nothing."""


class Requests:
    """Requests of one process, column by column: millions fit in memory."""

    def __init__(self, origin: Origin):
        self.origin = origin
        self.start = array("q")
        self.end = array("q")
        self.lower = array("q")
        self.upper = array("q")

    def add(self, start: int, end: int, lower: int, upper: int) -> None:
        """Raises JournalError for a request that ends before it starts, or a range upside down."""
        if start > end or lower > upper:
            raise JournalError(f"{self.origin}: impossible request {start} {end} {lower} {upper}")
        self.start.append(start)
        self.end.append(end)
        self.lower.append(lower)
        self.upper.append(upper)

    def __len__(self) -> int:
        return len(self.start)


def read_file(path: Path) -> Requests | None:
    """One process's requests; None when it was killed before it wrote its first line.

    A last line without its end of line is what a killed process left, and is passed over.

    Raises JournalError for anything else that is not a journal.
    """
    lines = path.read_bytes().split(b"\n")[:-1]
    if not lines:
        return None
    try:
        requests = Requests(Origin(**json.loads(lines[0])))
        for line in lines[1:]:
            start, end, lower, upper = line.split()
            requests.add(int(start), int(end), int(lower), int(upper))
    except (ValueError, TypeError, OverflowError) as error:
        raise JournalError(f"{path}: {error}") from error
    return requests


def read_folder(folder: Path) -> list[Requests]:
    """All journals below `folder`."""
    read = [read_file(path) for path in sorted(folder.glob("*/*.journal"))]
    return [requests for requests in read if requests is not None]
