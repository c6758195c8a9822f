# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded timestamp service: blocks of 1,000,000 from the store, handed out from memory.

Sources: PersistentTimestampServiceImpl, PersistentTimestamp, PersistentUpperLimit (AtlasDB 0.905.0).
"""

from __future__ import annotations

import threading

from lab.node.failures import AllocationFailure, AtlasFailure, MultipleRunningTimestampService, ServiceNotAvailable
from lab.node.log import log
from lab.node.store import BoundStore

BUFFER = 1_000_000
MAX_PER_REQUEST = 10_000


class EmbeddedTimestamps:
    """Issues from memory up to the bound, wherever the store has gone meanwhile; the first one is bound + 1."""

    mode = "embedded"

    def __init__(self, store: BoundStore):
        """Raises AtlasFailure when the bound cannot be read."""
        self._store = store
        self._lock = threading.Lock()
        self._bound = store.load()
        self._last = self._bound
        self._ended: MultipleRunningTimestampService | None = None

    def fresh(self, count: int) -> tuple[int, int]:
        """The next `count` timestamps (at most MAX_PER_REQUEST): lowest and highest.

        Raises AllocationFailure while the store gives no new block, ServiceNotAvailable for good once its bound
        is another than the one in memory. A request that fails has used up its numbers, as in the real one.
        """
        count = min(count, MAX_PER_REQUEST)
        with self._lock:
            self._refuse_if_ended()
            self._last += count
            if self._last > self._bound:
                self._raise_bound(self._last + BUFFER)
            return self._last - count + 1, self._last

    def _raise_bound(self, bound: int) -> None:
        try:
            self._store.move(bound)
        except MultipleRunningTimestampService as error:
            log("ERROR", "com.palantir.timestamp.TimestampAllocationFailures", str(error))
            self._ended = error
            self._refuse_if_ended()
        except AtlasFailure as error:
            log("ERROR", "com.palantir.timestamp.TimestampAllocationFailures", "We encountered an error while trying to"
                " allocate more timestamps. If this failure repeats it will be logged at the INFO level")  # fmt: skip
            raise AllocationFailure(f"Could not allocate more timestamps <- {error}") from error
        self._bound = bound

    def _refuse_if_ended(self) -> None:
        if self._ended is not None:
            raise ServiceNotAvailable(
                "This server is no longer usable as there appears to be another timestamp server running. <- "
                f"{self._ended}"
            )

    def health(self) -> str | None:
        """What is wrong, or None."""
        return "another timestamp server is running" if self._ended else None
