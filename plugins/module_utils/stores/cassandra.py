# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key-value service on Cassandra: see the interface for what each method promises."""

from __future__ import annotations

import re
import time

from ..bound import ABSENT, ACTIVE, AMBIGUOUS, INVALIDATED, StoreState
from ..proofs import Guard
from ..refusal import Refusal
from . import cassandra_cluster, cassandra_punch, cassandra_row, lock
from .cassandra_connection import THRIFT_PORT, CassandraConnection, NotUnderstood, Unsettled
from .cassandra_login import CassandraLogins
from .cassandra_record import CassandraRecord
from .cassandra_rights import missing_use
from .cassandra_row import TABLE, Cell, Cells
from .fate import FateUnknown
from .interface import PUNCH_TABLE, Change, LoginChange, LoginState, Record, Store
from .states import another_number, is_restored, next_bound, require_openable, require_restorable, require_usable

SETTLE_SECONDS = 45
_PAUSE_SECONDS = 0.3
_KEYSPACE = re.compile(r"^[A-Za-z0-9_]{1,48}\Z")


class CassandraStore(Store):
    """The bound is one partition of one table, and every effect on it one conditional batch.

    The record is another partition, which no batch can compare as well. So the lock is read just before the batch, and
    what comes late all the same finds another value than it was conditioned on.
    """

    def __init__(self, kvs: dict):
        self._keyspace = kvs.get("keyspace") or ""
        if not _KEYSPACE.match(self._keyspace):
            raise Refusal("config-invalid", f"The keyspace {self._keyspace!r} is not one that Cassandra could have.")
        self._thrift_port = kvs.get("thrift_port") or THRIFT_PORT
        self._connection = CassandraConnection(kvs)
        self._record = CassandraRecord(self._connection, self._keyspace)
        self._logins = CassandraLogins(kvs, self._connection, self._record)

    def close(self) -> None:
        self._connection.close()

    def identity(self) -> dict:
        return {
            "type": "cassandra",
            **cassandra_cluster.cluster(self._connection),
            "keyspace": self._keyspace,
            "table": TABLE,
            "table_id": self._table_id(),
        }

    def read(self) -> StoreState:
        return self._look()[0]

    def corroboration(self) -> list:
        manual = cassandra_row.decode(self._look()[1].manual)
        punched = cassandra_punch.last_punched(self._connection, self._keyspace)
        witnesses = (("column 0x7472 of the timestamp table", manual), (PUNCH_TABLE, punched))
        return [{"source": source, "number": number} for source, number in witnesses if number is not None]

    def missing_rights(self) -> list:
        return self._record.missing_rights()

    def filled_table(self) -> str | None:
        return cassandra_cluster.filled_table(self._connection, self._keyspace)

    def sessions(self, ignore: list) -> list:
        own = self._connection.own_addresses()
        return [
            client
            for client in cassandra_cluster.cql_clients(self._connection)
            if (client["address"], client["port"]) not in own
            and {"user": client["user"], "application": client["application"]} not in ignore
        ]

    def session_view(self) -> dict:
        return {
            "complete": False,
            "own": [{"address": address, "port": port} for address, port in self._connection.own_addresses()],
            "addresses": [member.address for member in cassandra_cluster.members(self._connection)],
            "ports": [self._connection.port, self._thrift_port],
        }

    def invalidate(self, expected_bound: int, guard: Guard | None) -> Change:
        def decide(state: StoreState, cells: Cells) -> str | None:
            require_usable(state)
            _require_number(state, expected_bound)
            return None if state.state == INVALIDATED else cassandra_row.invalidating(self._keyspace, cells)

        return self._effect(guard, decide)

    def repair(self, expected_bound: int, guard: Guard | None) -> Change:
        def decide(state: StoreState, cells: Cells) -> str | None:
            if state.code != "bound-manual-backup":
                require_usable(state)
            _require_number(state, expected_bound)
            return cassandra_row.repairing(self._keyspace, cells) if state.code else None

        return self._effect(guard, decide)

    def restore(
        self, at_least: int, guard: Guard | None, raise_only: bool = False, guarded: bool = False
    ) -> Change:
        def decide(state: StoreState, cells: Cells) -> str | None:
            require_restorable(state, raise_only, guarded)
            if is_restored(state, at_least, guarded):
                return None
            number = next_bound(state, at_least, self._record.read())
            return cassandra_row.restoring(self._keyspace, cells, number, guarded)

        return self._effect(guard, decide)

    def open_up(self, guard: Guard | None) -> Change:
        def decide(state: StoreState, cells: Cells) -> str | None:
            require_openable(state)
            return cassandra_row.opening(self._keyspace, cells) if state.guarded else None

        return self._effect(guard, decide)

    def _effect(self, guard: Guard | None, decide) -> Change:
        """Send what ``decide(state, cells)`` returns until it returns None: what is read says that the change is made.

        A conditional batch may be sent again: where the lost one was made after all, this one finds another value.
        """
        deadline = time.monotonic() + SETTLE_SECONDS
        before, changed, sent, problem = None, False, None, None
        while True:
            try:
                state, cells = self._look()
                before = before or state
                if sent and sent != cells:
                    sent, problem = None, None  # what was sent finds other values now than it is conditioned on
                statement = decide(state, cells)
                if statement is None:
                    return Change(changed, before, state)
                lock.require_guard(self._record.read(), guard)
            except Refusal as refusal:
                raise _unknown(refusal) if sent else refusal from None
            if time.monotonic() > deadline:
                problem = problem or Refusal("bound-moved", f"It changes all the time: {state}.")
                raise _unknown(problem) if sent else problem
            try:
                if self._connection.compare_and_set(statement):
                    changed, sent = True, cells
            except Unsettled as error:
                changed, sent, problem = True, cells, error
                time.sleep(_PAUSE_SECONDS)
            except Refusal as refusal:
                if refusal.code != "kvs-unreachable":
                    raise _unknown(refusal) if sent else refusal from None
                problem = refusal
                time.sleep(_PAUSE_SECONDS)

    def _look(self) -> tuple:
        """The state of the bound at SERIAL, which brings half-made changes to their end, and the values that say so."""
        table = f"{self._keyspace}.{TABLE}"
        nothing = Cells(None, None, None)
        if self._table_id() is None:
            return StoreState(ABSENT, code="bound-absent", reason=f"There is no table {table}."), nothing
        try:
            rows = self._connection.look(cassandra_row.selection(self._keyspace), serial=True)
        except NotUnderstood as refusal:
            reason = f"{table} is not AtlasDB's table. {refusal.found}"
            return StoreState(AMBIGUOUS, code="bound-ambiguous", reason=reason), nothing
        cells = [Cell(row["column1"], row["column2"], row["value"], row["ttl(value)"]) for row in rows]
        return cassandra_row.classify(table, cells), cassandra_row.cells_of(cells)

    def _table_id(self) -> str | None:
        return cassandra_cluster.table_id(self._connection, self._keyspace, TABLE)

    def record(self) -> Record | None:
        return self._record.read()

    def take_lock(self, holder: dict, service: str, take_over: str | None, above: int = 0) -> Record:
        return self._record.take_lock(holder, service, take_over, above)

    def note(self, guard: Guard, changes: dict, release: bool) -> Record:
        return self._record.note(guard, changes, release)

    def login(self, login: str) -> LoginState | None:
        return self._logins.state(login)

    def missing_use(self, old: str, looker: str) -> list:
        return missing_use(self._connection, self._keyspace, old)

    def untried(self, login: str) -> str | None:
        return self._logins.untried(login)

    def put_login(self, login: str, enabled: bool, guard: Guard) -> LoginChange:
        before = self.require_login(login).counts_as_enabled(enabled)
        lock.require_guard(self._record.read(), guard)
        if enabled:
            require_openable(self.read())
            self._logins.let_in(login, guard)
        else:
            self._logins.shut_out(login, guard)
        return LoginChange(before, self.require_told(login, enabled), [])


def _require_number(state: StoreState, expected: int) -> None:
    number = state.bound if state.state == ACTIVE else state.backup
    if number != expected:
        raise another_number(number, expected)


def _unknown(refusal: Refusal) -> FateUnknown:
    return FateUnknown(
        refusal.code,
        f"{refusal.found} A change was sent, and whether it was made is unknown.",
        "Start nothing. Run again when the key-value service answers: it says which way to go.",
    )
