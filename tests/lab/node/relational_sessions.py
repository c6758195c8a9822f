# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pool of idle database sessions, as the real client keeps one, and its retried transactions."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator

import psycopg

from lab.node.failures import StoreFailure
from lab.node.limits import POOLED_SESSIONS, STORE_RETRY_PAUSE, STORE_RETRY_SECONDS

APPLICATION_NAME = "PostgreSQL JDBC Driver"
SET_NAME = f"SET application_name = '{APPLICATION_NAME}'"


class Sessions:
    """Eight sessions of one login, opened at start whichever way the node takes its timestamps."""

    def __init__(self, connection: dict):
        self._connection = connection
        self._idle: deque[psycopg.Connection] = deque()

    def open(self) -> None:
        """Fill the pool. Raises StoreFailure when the database stays away for STORE_RETRY_SECONDS."""
        deadline = time.monotonic() + STORE_RETRY_SECONDS
        while len(self._idle) < POOLED_SESSIONS:
            try:
                self._idle.append(self._connect())
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise StoreFailure(str(error).strip()) from error
                time.sleep(STORE_RETRY_PAUSE)

    def close(self) -> None:
        """End the sessions that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> psycopg.Connection:
        session = psycopg.connect(
            host=self._connection["host"], port=self._connection["port"], dbname=self._connection["dbName"],
            user=self._connection["dbLogin"], password=self._connection["dbPassword"],
            application_name=APPLICATION_NAME, autocommit=True, connect_timeout=5,
        )  # fmt: skip
        session.execute(SET_NAME)
        return session

    @contextlib.contextmanager
    def session(self) -> Iterator[psycopg.Connection]:
        """One of them, or a new one in place of one that broke."""
        try:
            session = self._idle.pop()
        except IndexError:
            session = self._connect()
        try:
            yield session
        finally:
            if not session.closed:
                self._idle.append(session)

    def replace_broken(self) -> None:
        """Look at every idle session, and open a new one for each that the server has ended."""
        with contextlib.suppress(psycopg.Error, IndexError):
            for _ignored in range(len(self._idle)):
                session = self._idle.popleft()
                with contextlib.suppress(psycopg.Error):
                    session.execute(SET_NAME)
                if not session.closed:
                    self._idle.append(session)
            while len(self._idle) < POOLED_SESSIONS:
                self._idle.append(self._connect())

    def transaction(self, work: Callable[[psycopg.Connection], object]) -> object:
        """Run `work` in one transaction, again and again on any database error, for STORE_RETRY_SECONDS.

        As AtlasDB's RetriableTransactions (0.253.2): a row with the transaction's own id goes in with the work, so
        that a commit whose acknowledgement was lost is recognised, and not made twice.

        Raises StoreFailure with the database's words when the time is over; other exceptions pass at once.
        """
        transaction_id = str(uuid.uuid4())
        deadline = time.monotonic() + STORE_RETRY_SECONDS
        answers: list[object] = []
        while True:
            try:
                with self.session() as session:
                    with session.transaction():
                        if not (answers and _is_logged(session, transaction_id)):
                            answers = []
                            answer = work(session)
                            session.execute("INSERT INTO pt_retriable_txn_log_v1 (id) VALUES (%s)", [transaction_id])
                            answers = [answer]
                    with contextlib.suppress(psycopg.Error):
                        session.execute("DELETE FROM pt_retriable_txn_log_v1 WHERE id = %s", [transaction_id])
                    return answers[0]
            except psycopg.Error as error:
                if _log_table_is_missing(error):
                    self._create_log_table()
                elif time.monotonic() > deadline:
                    raise StoreFailure(f"ERROR: {str(error).strip()}") from error
                time.sleep(STORE_RETRY_PAUSE)

    def _create_log_table(self) -> None:
        with contextlib.suppress(psycopg.Error), self.session() as session:
            session.execute(
                "CREATE TABLE IF NOT EXISTS pt_retriable_txn_log_v1"
                " (id VARCHAR(36) PRIMARY KEY, created TIMESTAMP DEFAULT CURRENT_TIMESTAMP)"
            )


def _is_logged(session: psycopg.Connection, transaction_id: str) -> bool:
    query = "SELECT 1 FROM pt_retriable_txn_log_v1 WHERE id = %s"
    return session.execute(query, [transaction_id]).fetchone() is not None


def _log_table_is_missing(error: psycopg.Error) -> bool:
    return isinstance(error, psycopg.errors.UndefinedTable) and "pt_retriable_txn_log_v1" in str(error)
