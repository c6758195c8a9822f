# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`initializeAsync: true`: the node starts at once, and takes its timestamps when the store and TimeLock let it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from lab.node.failures import AtlasFailure, NotInitialized
from lab.node.limits import ASYNC_INITIALIZE_PAUSE
from lab.node.log import log
from lab.node.timestamps import Timestamps


class WaitingTimestamps:
    """Fails every request until `create` succeeds, which is tried again and again (AsyncInitializer, 0.905.0)."""

    def __init__(self, mode: str, create: Callable[[], Timestamps]):
        self.mode = mode
        self._create = create
        self._created: Timestamps | None = None
        threading.Thread(target=self._initialize, daemon=True).start()

    def _initialize(self) -> None:
        while self._created is None:
            try:
                self._created = self._create()
            except AtlasFailure as error:
                log("INFO", "com.palantir.async.initializer.AsyncInitializer", f"Failed to initialize | {error}")
                time.sleep(ASYNC_INITIALIZE_PAUSE)

    def fresh(self, count: int) -> tuple[int, int]:
        if self._created is None:
            raise NotInitialized("TransactionManager is not initialized yet")
        return self._created.fresh(count)

    def health(self) -> str | None:
        return "not initialized" if self._created is None else self._created.health()
