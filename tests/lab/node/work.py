# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work that makes a node take timestamps: load on command, and a little of its own when idle."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

from lab.node.failures import AtlasFailure
from lab.node.limits import IDLE_WORK_PAUSE
from lab.node.log import log

CONTROL_PAUSE = 0.1
FAILURE_PAUSE = 0.1
WORKERS = 2


class Load:
    """Two workers: one takes single timestamps, the other ranges of `span`, together `rate` requests a second.

    Both numbers stand in a JSON file that is looked at all the time; while it is absent there is no load.
    """

    def __init__(self, control: Path, take: Callable[[int], tuple[int, int]]):
        self._control = control
        self._take = take
        self._rate = 0.0
        self._span = 1
        self._wanted = threading.Event()

    def start(self) -> None:
        self._read_control()
        for target in (self._watch, self._single, self._range):
            threading.Thread(target=target, daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(CONTROL_PAUSE)
            self._read_control()

    def _read_control(self) -> None:
        try:
            wanted = json.loads(self._control.read_text())
        except FileNotFoundError:
            wanted = {"rate": 0, "span": 1}
        self._rate, self._span = wanted["rate"], wanted["span"]
        if self._rate:
            self._wanted.set()
        else:
            self._wanted.clear()

    def _single(self) -> None:
        self._work(lambda: 1)

    def _range(self) -> None:
        self._work(lambda: self._span)

    def _work(self, count: Callable[[], int]) -> None:
        due = time.monotonic()
        said = ""
        while True:
            rate = self._rate
            if not rate:
                self._wanted.wait()
                due = time.monotonic()
                continue
            try:
                self._take(count())
            except AtlasFailure as error:
                if str(error) != said:
                    said = str(error)
                    log("ERROR", "lab.load", said)
                time.sleep(FAILURE_PAUSE)
            due = max(due + WORKERS / rate, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))


def work_when_idle(take: Callable[[int], tuple[int, int]], replace_broken_sessions: Callable[[], None]) -> None:
    """What sweep and puncher do in a real node: every few seconds a timestamp, and a look at the sessions."""

    def work() -> None:
        pause = 1.0
        while True:
            time.sleep(pause)
            pause = IDLE_WORK_PAUSE
            replace_broken_sessions()
            try:
                take(1)
            except AtlasFailure as error:
                log("WARN", "com.palantir.atlasdb.transaction.impl.SnapshotTransactionManager", str(error))

    threading.Thread(target=work, daemon=True).start()
