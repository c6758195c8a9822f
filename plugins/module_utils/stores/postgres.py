# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The timestamp table of AtlasDB's DbKVS on PostgreSQL.

The table is ``<prefix>_timestamp``, unquoted and without a schema, one row, one column: ``last_allocated`` while the bound
is live, ``legacy_last_allocated`` once it is invalidated. The rename is the backup. Source: AtlasDB InvalidationRunner.java and
LegacyPhysicalBoundStoreStrategy.java, 0.253.2 to 0.1175.0.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from contextlib import contextmanager

from ..bound import ABSENT, ACTIVE, AMBIGUOUS, INVALIDATED, MAX_LONG, StoreState, out_of_range
from ..proofs import Guard
from ..refusal import Refusal
from . import postgres_record
from .interface import Change, Record, Store
from .states import next_bound, require_restorable, require_usable

try:
    import psycopg
    from psycopg import errors, sql
except ImportError:
    psycopg = None

LIVE = "last_allocated"
LEGACY = "legacy_last_allocated"
APPLICATION_NAME = "atlasdb.timelock"
LOCK_TIMEOUT_SECONDS = 5
CONNECT_TIMEOUT_SECONDS = 5
ANSWER_SECONDS = 20
SETTLE_SECONDS = 30
_PLAIN = re.compile(r"^[A-Za-z0-9_]*\Z")


class ConnectionLost(Refusal):
    """The connection broke inside a transaction: what it did is neither done nor undone until somebody looks."""


class PostgresStore(Store):
    """A key-value service on PostgreSQL: see the interface for what each method promises."""

    def __init__(self, kvs: dict):
        if psycopg is None:
            raise Refusal("controller-requirements", "The Python library psycopg is missing.", "pip install 'psycopg[binary]'")
        prefix = kvs.get("table_prefix") or ""
        if not _PLAIN.match(prefix):
            raise Refusal("config-invalid", f"The table prefix {prefix!r} is not one that AtlasDB could use unquoted.")
        self._kvs = kvs
        self._name = f"{prefix}_timestamp".lower()
        self._schema = None
        self._connection = self._connect()

    # Connection -------------------------------------------------------------------------------------------------------

    @property
    def _where(self) -> str:
        return f"{','.join(self._kvs['hosts'])}:{self._kvs.get('port') or 5432}/{self._kvs.get('database')}"

    def _connect(self):
        kvs = self._kvs
        parameters = {
            "host": ",".join(kvs["hosts"]),
            "port": kvs.get("port") or 5432,
            "user": kvs.get("user"),
            "password": kvs.get("password"),
            "dbname": kvs.get("database"),
            "application_name": APPLICATION_NAME,
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            # A lost connection must be noticed within the window, not after the system's two hours.
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 15000,
        }
        if kvs.get("ca_path"):
            parameters.update(sslmode="verify-full" if kvs.get("validate_certs", True) else "require", sslrootcert=kvs["ca_path"])
        if kvs.get("client_cert"):
            parameters.update(sslcert=kvs["client_cert"], sslkey=kvs.get("client_key") or kvs["client_cert"])
        try:
            connection = psycopg.connect(**{key: value for key, value in parameters.items() if value is not None})
        except psycopg.OperationalError as error:
            raise self._cannot_connect(error) from None
        connection.execute(
            sql.SQL("SET lock_timeout = {}").format(sql.Literal(f"{LOCK_TIMEOUT_SECONDS}s"))
        )
        connection.execute("SET idle_in_transaction_session_timeout = '60s'")
        connection.commit()
        return connection

    def _cannot_connect(self, error) -> Refusal:
        words = str(error).strip().splitlines()
        reason = words[-1] if words else type(error).__name__
        if "password authentication failed" in str(error) or "no pg_hba.conf entry" in str(error):
            return Refusal("kvs-denied", f"{self._where} does not let {self._kvs.get('user')} in: {reason}.")
        return Refusal("kvs-unreachable", f"No connection to {self._where}: {reason}.")

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _patience(self):
        """End the connection where the server does not answer: a stopped server keeps its sockets, and says nothing."""
        descriptor = os.dup(self._connection.fileno())

        def end():
            with socket.socket(fileno=os.dup(descriptor)) as wire:
                wire.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(ANSWER_SECONDS, end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            os.close(descriptor)

    @contextmanager
    def _transaction(self, read_only: bool):
        """One transaction; what PostgreSQL answers to it as refusals. Nothing is kept of one that does not commit."""
        try:
            if self._connection.closed:
                self._connection = self._connect()
            with self._patience(), self._connection.transaction():
                cursor = self._connection.cursor()
                cursor.execute(
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY" if read_only
                    else "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
                )
                yield cursor
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            raise self._lock_held() from None
        except errors.InsufficientPrivilege as error:
            raise Refusal(
                "kvs-denied", f"{self._kvs.get('user')} may not do this on {self._where}: {_first_line(error)}."
            ) from None
        except (errors.ReadOnlySqlTransaction, errors.ObjectNotInPrerequisiteState) as error:
            raise Refusal("kvs-identity", f"{self._where} does not take writes: {_first_line(error)}.") from None
        except psycopg.OperationalError as error:
            self._connection.close()
            raise ConnectionLost(
                "kvs-unreachable", f"The connection to {self._where} was lost: {_first_line(error)}."
            ) from None

    def _lock_held(self) -> Refusal:
        """Who keeps the lock on the timestamp table, as a refusal."""
        with self._transaction(read_only=True) as cursor:
            schema = self._schema or "public"
            cursor.execute(
                "SELECT a.pid, a.usename, a.application_name, coalesce(host(a.client_addr), 'a local socket'),"
                " coalesce(a.state, 'unknown'), date_trunc('second', now() - a.xact_start)::text"
                " FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace"
                " JOIN pg_stat_activity a ON a.pid = l.pid"
                " WHERE l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                " AND ((n.nspname, c.relname) = (%s, %s) OR n.nspname = %s) AND l.pid <> pg_backend_pid()",
                (schema, self._name, postgres_record.SCHEMA),
            )
            holders = [
                f"process {pid} of {user} ({application or 'no name'}) from {address}, {state}, for {since}"
                for pid, user, application, address, state, since in cursor.fetchall()
            ]
        found = "; ".join(holders) or "a session that has ended meanwhile, or a prepared transaction"
        return Refusal(
            "kvs-lock-held",
            f"The lock on {schema}.{self._name} in {self._where} was not to be had in {LOCK_TIMEOUT_SECONDS} s: {found}.",
        )

    # Reading ----------------------------------------------------------------------------------------------------------

    def identity(self) -> dict:
        with self._transaction(read_only=True) as cursor:
            return self._identity(cursor)

    def _identity(self, cursor) -> dict:
        schema = self._find_table(cursor)[0]
        cursor.execute("SELECT pg_is_in_recovery()")
        standby = cursor.fetchone()[0]
        position = "pg_last_wal_replay_lsn()" if standby else "pg_current_wal_lsn()"
        cursor.execute(
            "SELECT (SELECT system_identifier::text FROM pg_control_system()),"
            " (SELECT timeline_id FROM pg_control_checkpoint()),"
            f" d.datname, d.oid::bigint, ({position} - '0/0')::bigint"
            " FROM pg_database d WHERE d.datname = current_database()"
        )
        system, timeline, database, oid, place = cursor.fetchone()
        return {
            "type": "postgres",
            "system_identifier": system,
            "timeline": timeline,
            "database": database,
            "database_oid": oid,
            "schema": schema,
            "table": self._name,
            "standby": standby,
            "position": place,
        }

    def _find_table(self, cursor) -> tuple:
        """The schemas of the search path that have the table, in its order, the one that AtlasDB reads first.

        Returns (schema or None, StoreState or None): the state where the place alone is already a refusal.
        """
        cursor.execute(
            "SELECT n.nspname, c.relkind, array_position(current_schemas(false), n.nspname),"
            " n.nspname = current_schema()"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 3 NULLS LAST, 1",
            (self._name,),
        )
        found = cursor.fetchall()
        visible = [row for row in found if row[2] is not None]
        if not visible:
            elsewhere = ", ".join(row[0] for row in found)
            more = f", but in {elsewhere}, which is not in the search path of {self._kvs.get('user')}" if elsewhere else ""
            return None, StoreState(ABSENT, code="bound-absent", reason=f"There is no table {self._name} in {self._where}{more}.")
        schema, kind, _order, first = visible[0]
        if len(visible) > 1:
            names = ", ".join(f"{row[0]}.{self._name}" for row in visible)
            return schema, StoreState(
                AMBIGUOUS, code="bound-ambiguous", reason=f"The search path has several timestamp tables: {names}."
            )
        if not first:
            return schema, StoreState(
                AMBIGUOUS,
                code="bound-ambiguous",
                reason=f"{schema}.{self._name} is not in the login's first schema: at its next start AtlasDB would make "
                "an empty table there, and begin again at 10000.",
            )
        if kind != "r":
            return schema, StoreState(AMBIGUOUS, code="bound-ambiguous", reason=f"{schema}.{self._name} is not a plain table.")
        return schema, None

    def read(self) -> StoreState:
        with self._transaction(read_only=True) as cursor:
            return self._state(cursor)

    def _state(self, cursor) -> StoreState:
        schema, misplaced = self._find_table(cursor)
        self._schema = schema
        if misplaced:
            return misplaced
        table = f"{schema}.{self._name}"
        cursor.execute(
            "SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE (n.nspname, c.relname) = (%s, %s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            (schema, self._name),
        )
        columns = [row[0] for row in cursor.fetchall()]
        kept = [column for column in (LIVE, LEGACY) if column in columns]
        if len(kept) == 2:
            return StoreState(AMBIGUOUS, code="bound-ambiguous", reason=f"{table} has both columns, {LIVE} and {LEGACY}.")
        if not kept:
            names = ", ".join(columns) or "no column"
            return StoreState(
                AMBIGUOUS,
                code="bound-renamed",
                reason=f"{table} has {names}, and neither {LIVE} nor {LEGACY}: AtlasDB would take it for empty.",
            )
        column = kept[0]
        cursor.execute(
            sql.SQL("SELECT {}::text FROM {} LIMIT 3").format(sql.Identifier(column), self._table())
        )
        values = [row[0] for row in cursor.fetchall()]
        return _classify(table, column, values)

    def _table(self):
        return sql.Identifier(self._schema, self._name)

    def corroboration(self) -> list:
        return []

    def missing_rights(self) -> list:
        with self._transaction(read_only=True) as cursor:
            wanted = []
            user = self._kvs.get("user")
            schema, _misplaced = self._find_table(cursor)
            if schema:
                cursor.execute(
                    "SELECT pg_get_userbyid(c.relowner), pg_has_role(c.relowner, 'USAGE') FROM pg_class c"
                    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE (n.nspname, c.relname) = (%s, %s)",
                    (schema, self._name),
                )
                owner, is_owner = cursor.fetchone()
                if not is_owner:
                    wanted.append(f'GRANT "{owner}" TO "{user}"')
            return wanted + postgres_record.missing_rights(cursor, user)

    def sessions(self, ignore: list) -> list:
        with self._transaction(read_only=True) as cursor:
            cursor.execute(
                "SELECT coalesce(usename, ''), coalesce(application_name, ''), coalesce(host(client_addr), ''),"
                " coalesce(client_port, -1) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND coalesce(backend_type, 'client backend') = 'client backend' ORDER BY 3, 4"
            )
            found = [
                {"user": user, "application": application, "address": address, "port": port}
                for user, application, address, port in cursor.fetchall()
            ]
        return [session for session in found if not _ignored(session, self._kvs.get("user"), ignore)]

    # Effects ----------------------------------------------------------------------------------------------------------

    def _locked_state(self, cursor, guard: Guard | None) -> StoreState:
        """The state of the bound, under the record's and the table's lock: nobody changes it before the commit."""
        postgres_record.require_guard(cursor, self._record_key(cursor), guard)
        schema, misplaced = self._find_table(cursor)
        self._schema = schema
        if misplaced is None:
            cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(self._table()))
        return self._state(cursor)

    def _effect(self, guard: Guard | None, decide, achieved) -> Change:
        """Run ``decide(cursor, before)``, which returns whether it changed anything, in one transaction, and read back.

        A commit whose answer is lost is neither done nor undone: its session is ended, and the store is read again;
        ``achieved(state)`` says of what is there whether it was done.
        """
        before, changed, pid = None, False, None
        try:
            with self._transaction(read_only=False) as cursor:
                pid = self._connection.info.backend_pid
                before = self._locked_state(cursor, guard)
                changed = decide(cursor, before)
        except ConnectionLost as lost:
            self._settle(pid)
            after = self.read()
            if before is None or not achieved(after):
                raise Refusal("kvs-unreachable", f"{lost.found} The change was not made.", "Run again.") from None
            return Change(changed, before, after)
        return Change(changed, before, self.read())

    def _settle(self, pid: int | None) -> None:
        """Wait until the session ``pid`` of ours, whose commit may still be under way, is gone."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            try:
                with self._transaction(read_only=True) as cursor:
                    cursor.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND application_name = %s"
                        " AND pid <> pg_backend_pid()",
                        (pid, APPLICATION_NAME),
                    )
                    if cursor.fetchone() is None:
                        return
            except Refusal as refusal:
                if refusal.code != "kvs-unreachable":
                    raise
            if time.monotonic() > deadline:
                raise Refusal(
                    "kvs-unreachable",
                    f"The connection to {self._where} was lost while the bound was changed; whether it was is unknown.",
                    "Start nothing. Run again when the database answers: the store says which way to go.",
                )
            time.sleep(0.2)

    def invalidate(self, expected_bound: int, guard: Guard | None) -> Change:
        def decide(cursor, state: StoreState) -> bool:
            require_usable(state)
            number = state.bound if state.state == ACTIVE else state.backup
            if number != expected_bound:
                raise Refusal("bound-moved", f"The bound is {number}, and {expected_bound} was expected.")
            if state.state == INVALIDATED:
                return False
            cursor.execute(
                sql.SQL("ALTER TABLE {} RENAME {} TO {}").format(
                    self._table(), sql.Identifier(LIVE), sql.Identifier(LEGACY)
                )
            )
            return True

        return self._effect(
            guard, decide, lambda state: state.state == INVALIDATED and state.backup == expected_bound
        )

    def restore(self, at_least: int, guard: Guard | None) -> Change:
        wanted = [at_least]

        def decide(cursor, state: StoreState) -> bool:
            require_restorable(state)
            if state.state == ACTIVE and state.bound >= at_least:
                wanted[0] = state.bound
                return False
            wanted[0] = next_bound(state, at_least, postgres_record.read(cursor, self._record_key(cursor)))
            if state.state == INVALIDATED:
                cursor.execute(
                    sql.SQL("ALTER TABLE {} RENAME {} TO {}").format(
                        self._table(), sql.Identifier(LEGACY), sql.Identifier(LIVE)
                    )
                )
            statement = "INSERT INTO {} ({}) VALUES (%s)" if state.empty_table else "UPDATE {} SET {} = %s"
            cursor.execute(sql.SQL(statement).format(self._table(), sql.Identifier(LIVE)), (wanted[0],))
            return True

        return self._effect(guard, decide, lambda state: state.state == ACTIVE and state.bound == wanted[0])

    # Record -----------------------------------------------------------------------------------------------------------

    def _record_key(self, cursor) -> str:
        """One record a bound, so that two services that share one share its lock."""
        return f"{self._find_table(cursor)[0] or ''}.{self._name}"

    def record(self) -> Record | None:
        with self._transaction(read_only=True) as cursor:
            return postgres_record.read(cursor, self._record_key(cursor))

    def take_lock(self, holder: dict, service: str, take_over: str | None) -> Record:
        def take(cursor) -> Record:
            missing = postgres_record.missing_rights(cursor, self._kvs.get("user"))
            if missing:
                raise Refusal(
                    "kvs-denied", f"The login may not make its record in {self._where}.", f"Run: {'; '.join(missing)}."
                )
            return postgres_record.take_lock(cursor, self._record_key(cursor), holder, service, take_over)

        return self._repeatable(take)

    def note(self, guard: Guard, changes: dict, release: bool) -> Record:
        return self._repeatable(
            lambda cursor: postgres_record.note(cursor, self._record_key(cursor), guard, changes, release)
        )

    def _repeatable(self, write) -> Record:
        """Run ``write``, which does the same when done twice, once more where its answer was lost."""
        pid = self._connection.info.backend_pid
        try:
            with self._transaction(read_only=False) as cursor:
                return write(cursor)
        except ConnectionLost:
            self._settle(pid)
            with self._transaction(read_only=False) as cursor:
                return write(cursor)


def _first_line(error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _ignored(session: dict, own_user: str, ignore: list) -> bool:
    if session["user"] == own_user and session["application"] == APPLICATION_NAME:
        return True
    return any(
        all(session[key] == rule[key] for key in ("user", "application") if key in rule) for rule in ignore if rule
    )


def _classify(table: str, column: str, values: list) -> StoreState:
    """The state of a table whose one column that counts is ``column`` with ``values`` (text, or None for NULL)."""
    live = column == LIVE
    if not values:
        if live:
            return StoreState(ABSENT, code="bound-absent", reason=f"{table} has no row.", empty_table=True)
        return StoreState(
            INVALIDATED,
            code="bound-unreadable",
            reason=f"{table} is invalidated, and has no row that holds a backup.",
            empty_table=True,
        )
    if len(values) > 1:
        return StoreState(AMBIGUOUS, code="bound-ambiguous", reason=f"{table} has several rows: {', '.join(map(str, values))} ...")
    if values[0] is None:
        return StoreState(AMBIGUOUS, code="bound-ambiguous", reason=f"{table}.{column} is NULL: AtlasDB would read 0.")
    if not re.match(r"^-?[0-9]+\Z", values[0]) or not -MAX_LONG - 1 <= int(values[0]) <= MAX_LONG:
        return StoreState(
            AMBIGUOUS, code="bound-out-of-range", reason=f"{table}.{column} is {values[0]}, which is no 64-bit integer."
        )
    number = int(values[0])
    problem = out_of_range(number)
    code = "bound-out-of-range" if problem else None
    if live:
        return StoreState(ACTIVE, bound=number, code=code, reason=problem)
    return StoreState(INVALIDATED, backup=number, code=code, reason=problem)
