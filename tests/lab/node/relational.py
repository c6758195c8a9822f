# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timestamp table of a relational key-value service, with AtlasDB's own statements.

Sources: InDbTimestampBoundStore, LegacyPhysicalBoundStoreStrategy, CreateTimestampTableQueries, InvalidationRunner and
DbTimestampStoreInvalidator (AtlasDB 0.905.0, the invalidation since 0.253.2), and the statements of the real client as
PostgreSQL logged them.
"""

from __future__ import annotations

import contextlib

import psycopg

from lab.node.failures import IllegalState, MultipleRunningTimestampService, StoreFailure
from lab.node.relational_sessions import Sessions
from lab.node.store import INITIAL_BOUND, NO_OP_FAST_FORWARD


class RelationalBoundStore:
    """The bound in the table `<prefix>_timestamp`, moved by compare-and-set."""

    def __init__(self, sessions: Sessions, table_prefix: str):
        self._sessions = sessions
        self._table = f"{table_prefix}_timestamp"
        self._in_memory: int | None = None
        self.open = sessions.open
        self.replace_broken = sessions.replace_broken
        self.close = sessions.close

    def load(self) -> int:
        """Create what is missing and read the bound, 10000 where there is none yet.

        Raises StoreFailure, as on a store that is invalidated: the column is not there.
        """
        self._create_table()
        self._in_memory = self._sessions.transaction(self._read_or_insert)
        return self._in_memory

    def _create_table(self) -> None:
        create = f"CREATE TABLE IF NOT EXISTS {self._table} ( last_allocated int8 NOT NULL )"
        try:
            with contextlib.suppress(psycopg.errors.UniqueViolation), self._sessions.session() as session:
                session.execute(create)
        except psycopg.Error as error:
            raise StoreFailure(f"ERROR: {str(error).strip()}") from error

    def _read(self, session: psycopg.Connection) -> int | None:
        row = session.execute(f"SELECT last_allocated FROM {self._table} FOR UPDATE").fetchone()
        return None if row is None else row[0]

    def _read_or_insert(self, session: psycopg.Connection) -> int:
        bound = self._read(session)
        if bound is None:
            session.execute(f"INSERT INTO {self._table} (last_allocated) VALUES (%s)", [INITIAL_BOUND])
            return INITIAL_BOUND
        return bound

    def move(self, bound: int) -> None:
        """Store a new bound, on condition that the store still holds the one in memory.

        Raises MultipleRunningTimestampService, IllegalState (no row any more), StoreFailure.
        """

        def compare_and_set(session: psycopg.Connection) -> None:
            found = self._read(session)
            if found is None:
                raise IllegalState(
                    "Unable to retrieve a timestamp when expected. This service is in a dangerous state and should be"
                    " taken down until a new safe timestamp value can be established in the KVS."
                )
            if found != self._in_memory:
                raise MultipleRunningTimestampService(
                    f"Timestamp limit changed underneath us (limit in memory: {self._in_memory}, limit in DB:"
                    f" OptionalLong[{found}]). This may indicate that another timestamp service is running against"
                    " this database!"
                )
            session.execute(f"UPDATE {self._table} SET last_allocated = %s", [bound])

        self._sessions.transaction(compare_and_set)
        self._in_memory = bound

    def backup_and_invalidate(self) -> int:
        """AtlasDB's automated migration of the store; returns the bound to fast-forward TimeLock to.

        NO_OP_FAST_FORWARD when it finds nothing to back up, be it by mistake. Raises IllegalState when both
        columns are there.
        """
        self._create_table()
        return self._sessions.transaction(self._rename_column)

    def _rename_column(self, session: psycopg.Connection) -> int:
        cursor = session.execute(f"SELECT * FROM {self._table} FOR UPDATE")
        names = [column.name for column in cursor.description]
        row = cursor.fetchone()
        columns = {} if row is None else dict(zip(names, row, strict=True))
        if "legacy_last_allocated" in columns:
            if "last_allocated" in columns:
                raise IllegalState(
                    "We detected the table has been poisoned but last_allocated column still exists.This is"
                    " unexpected. Please contact support."
                )
            return columns["legacy_last_allocated"]
        if "last_allocated" in names:
            session.execute(f"ALTER TABLE {self._table} RENAME last_allocated TO legacy_last_allocated")
        return columns.get("last_allocated", NO_OP_FAST_FORWARD)
