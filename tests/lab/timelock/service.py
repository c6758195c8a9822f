# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TimeLock's namespaces on one node: which are served, and what only the leader may do with them."""
from __future__ import annotations

import re
import time
import uuid

from lab.timelock.errors import NotLeading, TooManyClients, internal, invalid_argument
from lab.timelock.java import hash_set_order

VALID_NAME = re.compile(r"(?!(?:tl|lw)\Z)[a-zA-Z0-9_-]+\Z")
ELECTION_NAMESPACE = "leader"
HIDDEN_NAMESPACE = "leaderPaxos"


class Service:
    """What the endpoints call. Every namespaced method may raise the failures of ``lab.timelock.errors``."""

    def __init__(self, election, store, max_clients):
        self._election = election
        self._store = store
        self._max_clients = max_clients
        self._served = {}
        self.uuid = str(uuid.uuid4())
        self.lifecycle_id = str(uuid.uuid4())

    def open(self, namespace):
        """Begin to serve the namespace; this is what makes a node stand for election."""
        if namespace in self._served:
            return
        if namespace is None:
            raise internal()
        if not VALID_NAME.match(namespace) or namespace == ELECTION_NAMESPACE:
            raise invalid_argument()
        if len(self._served) >= self._max_clients:
            raise TooManyClients()
        self._served[namespace] = True
        self._election.join()

    async def _lead(self, namespace, work):
        self.open(namespace)
        leadership = self._election.leadership
        if leadership is None:
            raise NotLeading("this node does not lead")
        result = await work(leadership, await leadership.series(namespace))
        await leadership.confirm()
        return result

    async def ping(self, namespace):
        async def work(leadership, series):
            return None

        await self._lead(namespace, work)

    async def take(self, namespace, count):
        """Issue numbers; return the lowest and the highest."""
        async def work(leadership, series):
            return await series.take(count)

        return await self._lead(namespace, work)

    async def fast_forward(self, namespace, timestamp):
        async def work(leadership, series):
            await series.fast_forward(timestamp)

        await self._lead(namespace, work)

    async def leader_time(self, namespace):
        """Return the term's id and a clock of nanoseconds that only counts within it."""
        async def work(leadership, series):
            return {"id": leadership.id, "currentTime": time.monotonic_ns()}

        return await self._lead(namespace, work)

    def claims_to_lead(self):
        return self._election.claims_to_lead

    def stored_namespaces(self):
        """Return what this node has on disk; another node may know more."""
        return _as_shown(self._store.bounds)

    def served_namespaces(self):
        return _as_shown(self._served)


def _as_shown(namespaces):
    return [name for name in hash_set_order(namespaces) if name != HIDDEN_NAMESPACE]
