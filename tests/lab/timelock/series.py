# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of one namespace on the leader.

AtlasDB 0.905.0: PersistentTimestampServiceImpl, PersistentTimestamp, PersistentUpperLimit, AtomicTimestamp.
"""
from __future__ import annotations

import asyncio

from lab.timelock.errors import internal, invalid_argument
from lab.timelock.java import MAX_LONG, MIN_LONG

BUFFER = 1000000
MOST_AT_ONCE = 10000


class Series:
    """The last number issued and the limit it may not pass; both begin at the stored bound."""

    def __init__(self, bound, namespace, store_bound):
        self._last = bound
        self._limit = bound
        self._namespace = namespace
        self._store_bound = store_bound
        self._moving = asyncio.Lock()

    async def take(self, count):
        """Issue up to ``count`` numbers; return the lowest and the highest."""
        if count <= 0:
            raise invalid_argument()
        count = min(count, MOST_AT_ONCE)
        async with self._moving:
            if self._last > MAX_LONG - count:
                raise internal()
            self._last += count
            highest = self._last
            await self._raise_limit(highest)
        return highest - count + 1, highest

    async def fast_forward(self, timestamp):
        """Issue nothing at or below ``timestamp`` from now on."""
        if timestamp == MIN_LONG:
            raise invalid_argument()
        async with self._moving:
            # The number in memory moves first: where the limit cannot follow, the namespace is stuck for this term.
            self._last = max(self._last, timestamp)
            await self._raise_limit(timestamp)

    async def _raise_limit(self, least):
        if least <= self._limit:
            return
        if least > MAX_LONG - BUFFER:
            raise internal()
        await self._store_bound(self._namespace, least + BUFFER)
        self._limit = least + BUFFER
