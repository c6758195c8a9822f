# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of a service on Cassandra: one row in the keyspace ``atlasdb_timelock`` of its own cluster.

It stands in a table of its own, called as the service's keyspace is: services of one cluster have logins of their own,
and none of them may use what another has made.

Each change is a compare-and-set on the lock's epoch and holder, so of two that come at once one is refused. One whose
answer was lost is looked at and, where it was not made, made again.
"""

from __future__ import annotations

import json
import time
import uuid

from ..proofs import Guard
from ..refusal import Refusal
from . import cassandra_cluster, lock
from .cassandra_connection import CassandraConnection
from .cassandra_rights import RECORD_KEYSPACE, missing_rights
from .cassandra_row import TABLE
from .interface import Record

SETTLE_SECONDS = 45
_PAUSE_SECONDS = 0.3


class CassandraRecord:
    """The record of the bound in ``keyspace``."""

    def __init__(self, connection: CassandraConnection, keyspace: str):
        self._connection = connection
        self._keyspace = keyspace
        self._key = f"{keyspace}.{TABLE}"
        self._table = f'{RECORD_KEYSPACE}."{keyspace}"'

    def missing_rights(self) -> list:
        """See Store.missing_rights."""
        has_keyspace = cassandra_cluster.replication(self._connection, RECORD_KEYSPACE) is not None
        return missing_rights(self._connection, self._keyspace, has_keyspace, has_keyspace and self._exists())

    def read(self) -> Record | None:
        """See Store.record."""
        return self._read() if self._exists() else None

    def take_lock(self, holder: dict, service: str, take_over: str | None, above: int) -> Record:
        """See Store.take_lock."""
        if not self._exists():
            self._create()

        def attempt(before: Record | None) -> Record | None:
            if not lock.must_take(before, service, holder["run_id"], take_over):
                return before
            after = Record(lock.next_epoch(before, above), holder, before.document if before else {})
            return after if self._replace(before, after) else None

        return self._settled(attempt)

    def note(self, guard: Guard, changes: dict, release: bool) -> Record:
        """See Store.note. A release that was done before, by the same guard, is done."""

        def attempt(before: Record | None) -> Record | None:
            if release and before and not before.holder and before.document.get("released") == lock.released_by(guard):
                return before
            lock.require_guard(before, guard)
            after = lock.noted(before, guard, changes, release)
            return after if self._replace(before, after) else None

        return self._settled(attempt)

    def _exists(self) -> bool:
        return cassandra_cluster.table_id(self._connection, RECORD_KEYSPACE, self._keyspace) is not None

    def _create(self) -> None:
        """The keyspace is replicated as the service's own is: what the one survives the other does."""
        missing = self.missing_rights()
        if missing:
            raise Refusal(
                "kvs-denied", "The login may not keep the record of the service.", f"Run: {'; '.join(missing)}."
            )
        replication = cassandra_cluster.replication(self._connection, self._keyspace)
        if replication is None:
            raise Refusal("bound-absent", f"There is no keyspace {self._keyspace}.")
        shown = ", ".join(f"'{name}': '{value}'" for name, value in replication.items())
        self._connection.define(f"CREATE KEYSPACE IF NOT EXISTS {RECORD_KEYSPACE} WITH replication = {{{shown}}}")
        # Two that make a table at once would make two of one name, but for the id.
        table_id = uuid.uuid3(uuid.UUID(int=0), self._table)
        self._connection.define(
            f"CREATE TABLE IF NOT EXISTS {self._table}"
            " (bound text PRIMARY KEY, epoch bigint, holder text, document text)"
            # A node that has died, which the others notice after 20 s, is not waited for.
            f" WITH id = '{table_id}' AND speculative_retry = 'ALWAYS'"
        )

    def _read(self) -> Record | None:
        rows = self._connection.look(
            f"SELECT epoch, holder, document FROM {self._table} WHERE bound = %s", (self._key,), serial=True
        )
        if not rows:
            return None
        row = rows[0]
        return Record(row["epoch"], json.loads(row["holder"]) if row["holder"] else None, json.loads(row["document"]))

    def _replace(self, before: Record | None, after: Record) -> bool:
        """Whether ``after`` now stands where ``before`` was read."""
        written = (after.epoch, _text(after.holder), _text(after.document))
        if before is None:
            return self._connection.compare_and_set(
                f"INSERT INTO {self._table} (bound, epoch, holder, document) VALUES (%s, %s, %s, %s) IF NOT EXISTS",
                (self._key, *written),
            )
        return self._connection.compare_and_set(
            f"UPDATE {self._table} SET epoch = %s, holder = %s, document = %s WHERE bound = %s"
            " IF epoch = %s AND holder = %s AND document = %s",
            (*written, self._key, before.epoch, _text(before.holder), _text(before.document)),
        )

    def _settled(self, attempt) -> Record:
        """The record once ``attempt(what is there)`` has brought it about; it is tried again where it was refused or
        its answer was lost, until what is read says that it is done or must not be.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            try:
                after = attempt(self._read())
                if after is not None:
                    return after
                problem = Refusal("operator-locked", "The record of the service changed again and again.")
            except Refusal as refusal:
                if refusal.code != "kvs-unreachable":
                    raise
                problem = Refusal(refusal.code, refusal.found, "Run again when the key-value service answers.")
            if time.monotonic() > deadline:
                raise problem
            time.sleep(_PAUSE_SECONDS)


def _text(value: dict | None) -> str | None:
    return None if value is None else json.dumps(value, sort_keys=True)
