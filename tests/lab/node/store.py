# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store of a node's bound, whatever keeps it."""

from __future__ import annotations

from typing import Protocol

from lab.node.key_value_service import CassandraService, RelationalService
from lab.node.log import log

INITIAL_BOUND = 10_000
NO_OP_FAST_FORWARD = -(2**63) + 1


class BoundStore(Protocol):
    """The bound, and the connections that a node holds to what keeps it."""

    def open(self) -> None:
        """Connect, whichever way the node takes its timestamps. Raises StoreFailure when the store stays away."""

    def replace_broken(self) -> None:
        """Look at the connections that are held, and open a new one for each that the store has ended."""

    def close(self) -> None:
        """End the connections."""

    def load(self) -> int:
        """Create what is missing and read the bound, INITIAL_BOUND where there is none yet.

        Raises AtlasFailure, as on a store that is invalidated.
        """

    def move(self, bound: int) -> None:
        """Store a new bound, on condition that the store still holds the one that was loaded or moved to last.

        Raises MultipleRunningTimestampService where it holds another one, other AtlasFailures where it cannot be done.
        """

    def backup_and_invalidate(self) -> int:
        """AtlasDB's automated migration of the store; returns the bound to fast-forward TimeLock to.

        NO_OP_FAST_FORWARD when it finds nothing to back up, be it by mistake. Raises AtlasFailure.
        """


def bound_store(service: RelationalService | CassandraService, address: str) -> BoundStore:
    """The store that a configuration speaks of; `address` is where connections to Cassandra come from.

    Each kind's library takes a while to load, and is loaded only for its own.
    """
    if isinstance(service, CassandraService):
        from lab.node.cassandra_bound import CassandraBoundStore
        from lab.node.cassandra_sessions import CassandraSessions

        return CassandraBoundStore(CassandraSessions(service, address), service.keyspace)
    from lab.node.relational import RelationalBoundStore
    from lab.node.relational_sessions import Sessions

    return RelationalBoundStore(Sessions(service.connection), service.table_prefix)


def no_invalidator(kvs_type: str) -> int:
    """What a client does that has no automated migration for its store, or none yet: nothing."""
    log("WARN", "com.palantir.atlasdb.spi.AtlasDbFactory", "AtlasDB doesn't yet support automated migration for KVS"
        f" type {kvs_type}.")  # fmt: skip
    return NO_OP_FAST_FORWARD
