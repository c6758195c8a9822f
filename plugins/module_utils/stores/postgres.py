# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key-value service on PostgreSQL (AtlasDB's DbKVS): see the interface for what each method promises."""

from __future__ import annotations

import time

from ..bound import ACTIVE, INVALIDATED, StoreState
from ..cluster_sessions import words
from ..proofs import Guard
from ..refusal import Refusal
from . import lock, postgres_login, postgres_record, postgres_server, postgres_table
from .interface import PUNCH_TABLE, Change, LoginChange, LoginState, Record, Store
from .postgres_connection import ConnectionLost, PostgresConnection
from .postgres_table import LEGACY, LIVE
from .states import another_number, is_restored, next_bound, require_openable, require_restorable, require_usable

SESSIONS_END_SECONDS = 15
QUIET_LOOKS = 3


class PostgresStore(Store):
    """The bound is one row of one table, and every effect on it one transaction."""

    ends_sessions = True

    def __init__(self, kvs: dict):
        self._table = postgres_table.table_name(kvs.get("table_prefix") or "")
        self._connection = PostgresConnection(kvs, self._table, postgres_record.SCHEMA)

    def close(self) -> None:
        self._connection.close()

    def identity(self) -> dict:
        def look(cursor) -> dict:
            found = postgres_server.identity(cursor)
            return {**found, "schema": postgres_table.find(cursor, self._table).schema, "table": self._table}

        return self._connection.read(look)

    def read(self) -> StoreState:
        return self._connection.read(
            lambda cursor: postgres_table.state(cursor, postgres_table.find(cursor, self._table), self._table)
        )

    def corroboration(self) -> list:
        def look(cursor) -> list:
            place = postgres_table.find(cursor, self._table)
            number = postgres_table.last_punched(cursor, place, self._table) if place.schema else None
            return [] if number is None else [{"source": PUNCH_TABLE, "number": number}]

        return self._connection.read(look)

    def missing_rights(self) -> list:
        def look(cursor) -> list:
            place = postgres_table.find(cursor, self._table)
            return (
                postgres_table.missing_rights(cursor, place, self._table)
                + postgres_record.missing_rights(cursor)
                + postgres_server.missing_rights(cursor)
            )

        return self._connection.read(look)

    def filled_table(self) -> str | None:
        return self._connection.read(postgres_table.filled_table)

    def sessions(self, ignore: list) -> list:
        return self._connection.read(lambda cursor: postgres_server.sessions(cursor, ignore))

    def invalidate(self, expected_bound: int, guard: Guard | None) -> Change:
        def decide(cursor, place, state: StoreState) -> bool:
            require_usable(state)
            number = state.bound if state.state == ACTIVE else state.backup
            if number != expected_bound:
                raise another_number(number, expected_bound)
            if state.state == INVALIDATED:
                return False
            postgres_table.rename(cursor, place, self._table, LIVE, LEGACY)
            return True

        return self._effect(guard, decide, lambda state: state.state == INVALIDATED and state.backup == expected_bound)

    def restore(
        self, at_least: int, guard: Guard | None, raise_only: bool = False, guarded: bool = False
    ) -> Change:
        wanted = at_least

        def decide(cursor, place, state: StoreState) -> bool:
            nonlocal wanted
            require_restorable(state, raise_only, guarded)
            if is_restored(state, at_least, guarded):
                wanted = state.bound
                return False
            wanted = next_bound(state, at_least, postgres_record.read(cursor, self._record_key(place)))
            if state.state == INVALIDATED:
                postgres_table.rename(cursor, place, self._table, LEGACY, LIVE)
            postgres_table.write(cursor, place, self._table, wanted, state.empty_table)
            if guarded and not state.guarded:
                postgres_table.guard(cursor, place, self._table)
            return True

        return self._effect(guard, decide, lambda state: is_restored(state, wanted, guarded) and state.bound == wanted)

    def open_up(self, guard: Guard | None) -> Change:
        def decide(cursor, place, state: StoreState) -> bool:
            require_openable(state)
            if state.guarded:
                postgres_table.open_up(cursor, place, self._table)
            return state.guarded

        return self._effect(guard, decide, lambda state: state.state == ACTIVE and not state.code)

    def _effect(self, guard: Guard | None, decide, is_achieved) -> Change:
        """Run ``decide(cursor, place, before)``, which returns whether it changed anything, and read back.

        The record's row and the table are locked before the state is read, and until the commit. A commit whose answer
        is lost is neither done nor undone: what is there afterwards says which, by ``is_achieved(state)``.
        """
        before, changed, lost = None, False, None

        def work(cursor) -> None:
            nonlocal before, changed
            place = postgres_table.find(cursor, self._table)
            lock.require_guard(postgres_record.read(cursor, self._record_key(place), keep=True), guard)
            if not place.problem:
                postgres_table.lock(cursor, place, self._table)
            before = postgres_table.state(cursor, place, self._table)
            changed = decide(cursor, place, before)

        try:
            self._connection.write(work)
        except ConnectionLost as error:
            lost = error
        after = self.read()
        if before is not None and is_achieved(after):
            return Change(changed, before, after)
        if lost:
            raise Refusal("kvs-unreachable", f"{lost.found} The change was not made.", "Run again.")
        raise Refusal("bound-moved", f"It was changed, and is otherwise when read back: {after}.")

    def _record_key(self, place) -> str:
        """One record a bound, so that two services that share one share its lock."""
        return f"{place.schema or ''}.{self._table}"

    def record(self) -> Record | None:
        return self._connection.read(lambda cursor: postgres_record.read(cursor, self._found_key(cursor)))

    def take_lock(self, holder: dict, service: str, take_over: str | None, above: int = 0) -> Record:
        return self._repeatable(
            lambda cursor: postgres_record.take_lock(cursor, self._found_key(cursor), holder, service, take_over, above)
        )

    def note(self, guard: Guard, changes: dict, release: bool) -> Record:
        return self._repeatable(
            lambda cursor: postgres_record.note(cursor, self._found_key(cursor), guard, changes, release)
        )

    def login(self, login: str) -> LoginState | None:
        return self._connection.read(lambda cursor: postgres_login.state(cursor, login))

    def missing_use(self, old: str, looker: str) -> list:
        def look(cursor) -> list:
            schema = postgres_table.find(cursor, self._table).schema
            return postgres_login.missing_use(cursor, schema, old, looker)

        return self._connection.read(look)

    def put_login(self, login: str, enabled: bool, guard: Guard) -> LoginChange:
        before = self.require_login(login).enabled

        def work(cursor) -> None:
            self._require_guard(cursor, guard)
            if enabled:
                require_openable(postgres_table.state(cursor, postgres_table.find(cursor, self._table), self._table))
            # Not what was seen before: a run that is over by now may have changed it.
            if postgres_login.state(cursor, login).enabled != enabled:
                postgres_login.put(cursor, login, enabled)

        self._repeatable(work)
        ended = [] if enabled else self._end_sessions(login, guard)
        return LoginChange(before, self.require_told(login, enabled), ended)

    def _require_guard(self, cursor, guard: Guard) -> None:
        lock.require_guard(postgres_record.read(cursor, self._found_key(cursor), keep=True), guard)

    def _end_sessions(self, login: str, guard: Guard) -> list:
        """Until several looks find none: one that was let in just before is seen a moment later."""

        def work(cursor) -> list:
            self._require_guard(cursor, guard)
            return postgres_login.end_sessions(cursor, login)

        ended: list = []
        deadline = time.monotonic() + SESSIONS_END_SECONDS
        quiet = 0
        while quiet < QUIET_LOOKS:
            found = self._repeatable(work)
            ended += [session for session in found if session not in ended]
            quiet = 0 if found else quiet + 1
            if found and time.monotonic() > deadline:
                raise Refusal("fence-open", f"Sessions of {login} do not end: {words(found)}.")
            time.sleep(0.1)
        return ended

    def _found_key(self, cursor) -> str:
        return self._record_key(postgres_table.find(cursor, self._table))

    def _repeatable(self, work):
        """Run ``work``, which does the same when it is done twice, once more where its answer was lost."""
        try:
            return self._connection.write(work)
        except ConnectionLost:
            return self._connection.write(work)
