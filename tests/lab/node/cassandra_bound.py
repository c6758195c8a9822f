# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bound in Cassandra, and AtlasDB's own migration of it.

Sources: CassandraTimestampBoundStore, CassandraTimestampStoreInvalidator (AtlasDB 0.905.0), and the statements and log
lines of the real client. It compares and sets over Thrift, which is the same Paxos.
"""

from __future__ import annotations

from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.query import SimpleStatement

from lab.cassandra.schema import timestamp_table
from lab.node import cassandra_backup
from lab.node.cassandra_row import TS, compare_and_set, decode, encode, execute
from lab.node.cassandra_sessions import CassandraSessions
from lab.node.failures import IllegalArgument, IllegalState, MultipleRunningTimestampService
from lab.node.log import log
from lab.node.store import INITIAL_BOUND

SELECT = 'SELECT value FROM "_timestamp" WHERE key=0x7473 AND column1=0x7473 AND column2=-1;'


class CassandraBoundStore:
    """The bound in the row `ts` of the table `_timestamp`, moved by compare-and-set."""

    def __init__(self, sessions: CassandraSessions, keyspace: str):
        self._sessions = sessions
        self._keyspace = keyspace
        self._in_memory: int | None = None
        self.open = sessions.open
        self.replace_broken = sessions.replace_broken
        self.close = sessions.close

    def load(self) -> int:
        """Create what is missing and read the bound, 10000 where there is none yet.

        Raises IllegalState on a store that is invalidated, MultipleRunningTimestampService, CassandraFailure.
        """
        self._create_table()
        value = self._sessions.attempt(lambda session: _read(session, ConsistencyLevel.LOCAL_QUORUM))
        if value is None:
            _debug(f"[GET] Null result, setting timestamp limit to {INITIAL_BOUND}")
            self.move(INITIAL_BOUND)
            return INITIAL_BOUND
        try:
            self._in_memory = decode(value)
        except IllegalArgument as error:
            raise IllegalState(
                "Caught an IllegalArgumentException trying to convert the stored value to a long. This can happen if"
                " you attempt to run AtlasDB without a timelock block after having previously migrated to the TimeLock"
                " server. Please adjust your configuration to allow AtlasDB to talk to TimeLock, shut down all service"
                " nodes, and then restart."
            ) from error
        return self._in_memory

    def _create_table(self) -> None:
        def create(session: Session) -> None:
            (host,) = session.execute("SELECT release_version FROM system.local").current_rows
            major, minor = host["release_version"].split(".")[:2]
            session.execute(timestamp_table(self._keyspace, (int(major), int(minor))))

        self._sessions.attempt(create)

    def move(self, bound: int) -> None:
        """Store a new bound, on condition that the store still holds the one in memory.

        When the answer is lost, what came of it is read back at SERIAL.

        Raises MultipleRunningTimestampService, IllegalArgument (the store is invalidated), CassandraFailure.
        """
        expected = None if self._in_memory is None else encode(self._in_memory)
        statement = compare_and_set(TS, expected, encode(bound))
        _debug(f"[CAS] Trying to set upper limit from {_shown(self._in_memory)} to {bound}.")
        sent = False

        def move(session: Session) -> None:
            nonlocal sent
            if sent and _read(session, ConsistencyLevel.SERIAL) == encode(bound):
                return
            sent = True
            applied, found = execute(session, statement)
            if not applied:
                stored = decode(found[TS]) if TS in found else None
                raise MultipleRunningTimestampService(
                    f"Unable to CAS from {_shown(self._in_memory)} to {bound}. Timestamp limit changed underneath us"
                    f" (limit in memory: {_shown(self._in_memory)}, stored in DB: {_shown(stored)}). This may indicate"
                    " that another timestamp service is running against this cassandra keyspace."
                )

        self._sessions.attempt(move)
        self._in_memory = bound

    def backup_and_invalidate(self) -> int:
        """AtlasDB's automated migration of the store; returns the bound to fast-forward TimeLock to.

        Done again as a whole when an answer is lost: what it did then is found done.

        Raises IllegalState on a store in which there is not exactly one of bound and backup, CassandraFailure.
        """
        self._create_table()
        return self._sessions.attempt(cassandra_backup.run)


def _read(session: Session, consistency: int) -> bytes | None:
    rows = session.execute(SimpleStatement(SELECT, consistency_level=consistency)).current_rows
    return rows[0]["value"] if rows else None


def _shown(bound: int | None) -> str:
    return "null" if bound is None else str(bound)


def _debug(message: str) -> None:
    log("INFO", "com.palantir.timestamp.DebugLogger", message)
