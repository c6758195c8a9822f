# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a migration on Cassandra done by hand: the rows that AtlasDB leaves, set by conditional statements."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.cassandra.cluster import Cassandra

TS, OLD_TS, MANUAL = b"ts", b"oldTs", b"tr"
INVALIDATED = b"\x00"
NOTICE_SECONDS = 60


class CassandraByHand:
    """The timestamp rows of the keyspace of one service."""

    def __init__(self, cluster: Cassandra, keyspace: str):
        self._cluster = cluster
        self.keyspace = keyspace
        self.table = f'"{keyspace}"."_timestamp"'

    def cells(self) -> dict[bytes, bytes]:
        """The values by column, read at QUORUM, again where replicas do not answer in time.

        The nodes of a cluster go on asking one that was killed until they notice, after about 20 s.
        """
        from cassandra import ReadTimeout

        deadline = time.monotonic() + NOTICE_SECONDS
        while True:
            try:
                rows = self.run(f"SELECT column1, value FROM {self.table} WHERE key = 0x7473")
                return {row.column1: row.value for row in rows}
            except ReadTimeout:
                if time.monotonic() > deadline:
                    raise

    def bound(self) -> int:
        value = self.cells()[TS]
        if len(value) != 8:
            raise LookupError(f"The bound is invalidated: {value!r}")
        return int.from_bytes(value, "big")

    def write_bound(self, value: int) -> None:
        self.set(TS, encode(value))

    def invalidate(self) -> None:
        """Raises RuntimeError where the bound moves meanwhile, or a backup is there."""
        live = encode(self.bound())
        self._change(
            f"BEGIN UNLOGGED BATCH\n{self._update(TS, live, INVALIDATED)};\n{self._insert(OLD_TS, live)};\nAPPLY BATCH"
        )

    def write_manual_backup(self) -> int:
        """The bound into the column where AtlasDB's document wants it and AtlasDB does not look; the bound."""
        bound = self.bound()
        self._insert_plainly(MANUAL, encode(bound))
        return bound

    def invalidate_as_documented(self) -> int:
        """By plain statements, as AtlasDB's document for a manual migration has them; the bound."""
        bound = self.write_manual_backup()
        self._insert_plainly(TS, INVALIDATED)
        return bound

    def _insert_plainly(self, column: bytes, value: bytes) -> None:
        self.run(
            f"INSERT INTO {self.table} (key, column1, column2, value)"
            f" VALUES (0x7473, 0x{column.hex()}, -1, 0x{value.hex()})"
        )

    def forget(self) -> None:
        self.run(f"DROP TABLE {self.table}")

    def put_back(self) -> None:
        self.set(TS, self.cells()[OLD_TS])
        self.delete(OLD_TS)

    def punch(self, timestamp: int) -> None:
        """The time, and in column2 the timestamp, each with all bits flipped."""
        table = f'"{self.keyspace}"."_punch"'
        self.run(
            f"CREATE TABLE {table} (key blob, column1 blob, column2 bigint, value blob,"
            " PRIMARY KEY (key, column1, column2))"
        )
        self.run(f"INSERT INTO {table} (key, column1, column2, value) VALUES (0xffff, 0x74, {~timestamp}, 0x00)")

    def set(self, column: bytes, value: bytes) -> None:
        """Whatever is there, by compare-and-set, so that it is newer than what nodes have written so."""
        found = self.cells().get(column)
        self._change(self._insert(column, value) if found is None else self._update(column, found, value))

    def _insert(self, column: bytes, value: bytes) -> str:
        return (
            f"INSERT INTO {self.table} (key, column1, column2, value)"
            f" VALUES (0x7473, 0x{column.hex()}, -1, 0x{value.hex()}) IF NOT EXISTS"
        )

    def _update(self, column: bytes, old: bytes, new: bytes) -> str:
        return (
            f"UPDATE {self.table} SET value = 0x{new.hex()}"
            f" WHERE key = 0x7473 AND column1 = 0x{column.hex()} AND column2 = -1 IF value = 0x{old.hex()}"
        )

    def delete(self, column: bytes) -> None:
        """Raises RuntimeError where it is not there."""
        self._change(
            f"DELETE FROM {self.table} WHERE key = 0x7473 AND column1 = 0x{column.hex()} AND column2 = -1 IF EXISTS"
        )

    def _change(self, statement: str) -> None:
        """Raises RuntimeError if it was not applied."""
        rows = self.run(statement)
        if not rows[0][0]:
            raise RuntimeError(f"Not applied: {statement}: {rows}")

    def run(self, statement: str) -> list:
        """As the superuser. Raises what the driver raises."""
        session = self._cluster.connect()
        try:
            return list(session.execute(statement).current_rows)
        finally:
            session.cluster.shutdown()


def encode(bound: int) -> bytes:
    return bound.to_bytes(8, "big")
