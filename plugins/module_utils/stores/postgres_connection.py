# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to PostgreSQL that never waits without end, and never guesses what became of a lost commit."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import contextmanager

from ..printable import brief
from ..refusal import Refusal
from .fate import FateUnknown

try:
    import psycopg
    from psycopg import errors
except ImportError:
    psycopg = None

APPLICATION_NAME = "atlasdb.timelock"
CONNECT_TIMEOUT_SECONDS = 5
LOCK_TIMEOUT_SECONDS = 5
ANSWER_SECONDS = 20
SETTLE_SECONDS = 30

_BEGIN = (
    f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SECONDS}s';"
    # A transaction whose client has vanished would keep its locks for hours.
    " SET LOCAL idle_in_transaction_session_timeout = '60s';"
    # A row hidden by a policy must be an error: it would look like an empty table.
    " SET LOCAL row_security = off"
)


class ConnectionLost(Refusal):
    """The connection broke inside a transaction, which is neither done nor undone until somebody looks."""


class PostgresConnection:
    """Transactions on the database that ``kvs`` names (see arguments.KVS).

    ``watched`` is the name of the table whose lock others may hold; a refusal names who does.
    """

    def __init__(self, kvs: dict, watched: str, record_schema: str):
        if psycopg is None:
            raise Refusal(
                "controller-requirements",
                "The Python library psycopg is missing.",
                "Run: pip install 'psycopg[binary]'.",
            )
        for name in ("user", "database"):
            if not kvs.get(name):
                raise Refusal("config-invalid", f"The key-value service is on PostgreSQL, and kvs.{name} is missing.")
        if len(kvs["hosts"]) != 1:
            raise Refusal(
                "config-invalid", f"The key-value service is on PostgreSQL, which has one host, not {kvs['hosts']}."
            )
        self._kvs = kvs
        self._watched = (watched, record_schema)
        self.user = kvs["user"]
        self.where = f"{kvs['hosts'][0]}:{kvs.get('port') or 5432}/{kvs['database']}"
        self._connection = self._connect()

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self, read_only: bool):
        """One transaction at READ COMMITTED, as its cursor. Nothing is kept of one that does not commit.

        Raises Refusal: ConnectionLost (nobody knows whether it committed), ``kvs-lock-held``, ``kvs-denied``,
        ``kvs-identity`` where the server takes no writes, ``kvs-unreachable`` for whatever else the server says.
        """
        if self._connection.closed:
            self._connection = self._connect()
        try:
            with _patience(self._connection), self._connection.transaction():
                cursor = self._connection.cursor()
                mode = "READ ONLY" if read_only else "READ WRITE"
                cursor.execute(f"SET TRANSACTION ISOLATION LEVEL READ COMMITTED, {mode}; {_BEGIN}")
                yield cursor
        except psycopg.Error as error:
            raise self._refusal(error) from None

    def read(self, work):
        """The result of ``work(cursor)``, which writes nothing; tried once more on a connection that was lost."""
        try:
            with self.transaction(read_only=True) as cursor:
                return work(cursor)
        except ConnectionLost:
            with self.transaction(read_only=True) as cursor:
                return work(cursor)

    def write(self, work):
        """The result of ``work(cursor)``, committed.

        Raises ConnectionLost where the answer was lost, and only once the lost session is gone, so that whoever looks
        then sees what became of it for good; FateUnknown where that could not be waited for.
        """
        session = None
        try:
            with self.transaction(read_only=False) as cursor:
                session = _own_session(cursor)
                return work(cursor)
        except ConnectionLost:
            if session:
                try:
                    self._settle(session)
                except Refusal as refusal:
                    raise FateUnknown(refusal.code, refusal.found, refusal.do) from None
            raise

    def _settle(self, session: dict) -> None:
        """Wait until ``session`` of ours, whose commit may still be under way, is gone; end it if it is idle."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            try:
                with self.transaction(read_only=True) as cursor:
                    now = _own_session(cursor)
                    if now["server"] != session["server"]:
                        raise Refusal(
                            "kvs-identity",
                            f"{self.where} is another server or timeline than before the connection was lost.",
                        )
                    cursor.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s",
                        (session["pid"], session["start"]),
                    )
                    if cursor.fetchone() is None:
                        return
            except Refusal as refusal:
                if refusal.code != "kvs-unreachable":
                    raise
            if time.monotonic() > deadline:
                raise Refusal(
                    "kvs-unreachable",
                    f"The connection to {self.where} was lost during a change; whether it was made is unknown.",
                    "Start nothing. Run again when the database answers: the store says which way to go.",
                )
            time.sleep(0.1)

    def _connect(self):
        kvs = self._kvs
        parameters = {
            "host": kvs["hosts"][0],
            "port": kvs.get("port") or 5432,
            "user": kvs["user"],
            "password": kvs.get("password"),
            "dbname": kvs["database"],
            "application_name": APPLICATION_NAME,
            # Whoever runs this may have PGOPTIONS with a search path of his own.
            "options": "",
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            # A lost connection must be noticed within the window, not after the system's two hours.
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 15000,
        }
        if kvs.get("ca_path"):
            # libpq verifies the chain as soon as it is given a root certificate, so without verification it gets none.
            verified = {"sslmode": "verify-full", "sslrootcert": kvs["ca_path"]}
            parameters.update(verified if kvs.get("validate_certs", True) else {"sslmode": "require"})
        if kvs.get("client_cert"):
            parameters.update(sslcert=kvs["client_cert"], sslkey=kvs.get("client_key") or kvs["client_cert"])
        given = {key: value for key, value in parameters.items() if value is not None}
        try:
            # A statement that psycopg prepares by itself fails once the column that it reads was renamed.
            return psycopg.connect(prepare_threshold=None, **given)
        except psycopg.Error as error:
            raise self._cannot_connect(error) from None

    def _cannot_connect(self, error) -> Refusal:
        reason = self._words(error, line=-1)
        # libpq gives no SQLSTATE for what the server says before the session exists.
        denials = (
            "authentication failed", "pg_hba.conf", "permission denied", "is not permitted", "does not exist",
            "requires a valid client certificate", "does not have CONNECT privilege",
        )  # fmt: skip
        if any(denial in reason for denial in denials):
            return Refusal("kvs-denied", f"{self.where} does not let {self.user} in: {reason}.")
        return Refusal("kvs-unreachable", f"No connection to {self.where}: {reason}.")

    def _refusal(self, error) -> Refusal:
        reason = self._words(error, line=0)
        if self._connection.closed:
            return ConnectionLost("kvs-unreachable", f"The connection to {self.where} was lost: {reason}.")
        if isinstance(error, (errors.LockNotAvailable, errors.DeadlockDetected)):
            return self._lock_held()
        if isinstance(error, errors.InsufficientPrivilege):
            return Refusal("kvs-denied", f"{self.user} may not do this on {self.where}: {reason}.")
        if isinstance(error, (errors.ReadOnlySqlTransaction, errors.ObjectNotInPrerequisiteState)):
            return Refusal("kvs-identity", f"{self.where} does not take writes: {reason}.")
        return Refusal("kvs-unreachable", f"{self.where} answers with an error: {reason} ({error.sqlstate}).")

    def _words(self, error, line: int) -> str:
        # libpq indents its hints, which ask what the reader knows: whether the server runs.
        lines = [text for text in str(error).strip().splitlines() if not text.startswith("\t")]
        reason = (lines or [type(error).__name__])[line].rstrip(".")
        secret = self._kvs.get("password")
        return brief(reason.replace(secret, "***") if secret else reason)

    def _lock_held(self) -> Refusal:
        """Who keeps the lock on the timestamp table or on the record, as a refusal."""
        table, record_schema = self._watched
        with self.transaction(read_only=True) as cursor:
            cursor.execute(
                "SELECT DISTINCT a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no name'),"
                " coalesce(host(a.client_addr), 'an address that the login may not see'),"
                " coalesce(a.state, 'in a state that the login may not see'),"
                " coalesce(date_trunc('second', now() - a.xact_start)::text, 'an unknown time')"
                " FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace"
                " JOIN pg_stat_activity a ON a.pid = l.pid"
                " WHERE l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                " AND (c.relname = %s OR n.nspname = %s) AND l.pid <> pg_backend_pid() ORDER BY a.pid",
                (table, record_schema),
            )
            holders = [
                f"process {pid} of {user} ({application}) from {address}, {state}, for {since}"
                for pid, user, application, address, state, since in cursor.fetchall()
            ]
        found = "; ".join(holders) or "by a session that has ended meanwhile, or by a prepared transaction"
        return Refusal(
            "kvs-lock-held",
            f"A lock on {table} or its record in {self.where} was not to be had in {LOCK_TIMEOUT_SECONDS} s."
            f" It is held: {found}.",
        )


def _own_session(cursor) -> dict:
    """This session, and the server and timeline that it is on.

    The timeline is that of the file being written: after a failover the control file names the old one for a while.
    """
    cursor.execute(
        "SELECT pid, backend_start, (SELECT system_identifier FROM pg_control_system()),"
        " left(pg_walfile_name(pg_current_wal_lsn()), 8) FROM pg_stat_activity WHERE pid = pg_backend_pid()"
    )
    pid, start, *server = cursor.fetchone()
    return {"pid": pid, "start": start, "server": server}


@contextmanager
def _patience(connection):
    """End the connection where the server does not answer: a stopped server keeps its sockets, and says nothing."""
    descriptor = os.dup(connection.fileno())

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
