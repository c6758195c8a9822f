# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections of a node to Cassandra: a pool on the Thrift port, and a session of the CQL driver."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from cassandra import ConsistencyLevel, DriverException, InvalidRequest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.connection import Connection, ConnectionException
from cassandra.policies import FallthroughRetryPolicy, RoundRobinPolicy
from cassandra.protocol import ErrorMessage
from cassandra.query import dict_factory

from lab.node.failures import CassandraFailure
from lab.node.key_value_service import CassandraService
from lab.node.limits import CASSANDRA_REQUEST_TIMEOUT, CASSANDRA_RETRY_PAUSE, CASSANDRA_RETRY_SECONDS
from lab.node.pem import context_of
from lab.node.thrift_pool import ThriftPool

TROUBLE = (DriverException, NoHostAvailable, ConnectionException, ErrorMessage)
PROTOCOL_VERSION = 4


class CassandraSessions:
    """Twenty Thrift connections to each host, and the one CQL session.

    A real client without CQL hosts in its configuration has none of the latter. Here its bound is moved over CQL too,
    and the session is closed when it was not used between two calls of `replace_broken`.
    """

    def __init__(self, service: CassandraService, address: str):
        self._service = service
        self._connection_class = _connections_from(address)
        self._tls = context_of(service.trust_store, service.key_store) if service.tls else None
        if self._tls:
            # Cassandra 2.2 offers only what is not in Python's own list.
            self._tls.set_ciphers("DEFAULT")
        self._thrift = ThriftPool(service.thrift, address, self._tls)
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._used = False

    def open(self) -> None:
        """Raises CassandraFailure when no host answers for CASSANDRA_RETRY_SECONDS."""
        self._thrift.fill()
        self.attempt(lambda session: None)

    def replace_broken(self) -> None:
        self._thrift.fill()
        if not self._service.cql:
            with self._lock:
                if not self._used:
                    self._end_session()
                self._used = False

    def close(self) -> None:
        """Does not wait for a request that is under way."""
        self._thrift.close()
        self._end_session()

    def attempt(self, work: Callable[[Session], object]) -> object:
        """Run `work`, again and again while Cassandra or the way to it fails, for CASSANDRA_RETRY_SECONDS.

        Raises CassandraFailure with the driver's words when the time is over; other exceptions pass at once.
        """
        deadline = time.monotonic() + CASSANDRA_RETRY_SECONDS
        while True:
            try:
                with self._one_session() as session:
                    return work(session)
            except TROUBLE as error:
                if isinstance(error, InvalidRequest) or time.monotonic() > deadline:
                    raise CassandraFailure(str(error)) from error
                time.sleep(CASSANDRA_RETRY_PAUSE)

    @contextlib.contextmanager
    def _one_session(self) -> Iterator[Session]:
        with self._lock:
            self._used = True
            if self._session is None:
                self._session = self._connect()
            try:
                yield self._session
            except TROUBLE:
                self._end_session()
                raise

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.cluster.shutdown()

    def _connect(self) -> Session:
        service = self._service
        profile = ExecutionProfile(
            RoundRobinPolicy(), FallthroughRetryPolicy(), ConsistencyLevel.QUORUM, ConsistencyLevel.SERIAL,
            CASSANDRA_REQUEST_TIMEOUT, dict_factory,
        )  # fmt: skip
        cluster = Cluster(
            [host for host, _port in service.contact_points], port=service.contact_points[0][1],
            auth_provider=PlainTextAuthProvider(service.user, service.password) if service.user else None,
            connection_class=self._connection_class, execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            protocol_version=PROTOCOL_VERSION, schema_metadata_enabled=False, token_metadata_enabled=False,
            ssl_context=self._tls,
        )  # fmt: skip
        try:
            return cluster.connect(service.keyspace)
        except BaseException:
            cluster.shutdown()
            raise


def _connections_from(address: str) -> type[Connection]:
    """The driver's connections, with a source address."""

    class ConnectionFrom(Cluster.connection_class):
        def _initiate_connection(self, sockaddr: tuple) -> None:
            self._socket.bind((address, 0))
            super()._initiate_connection(sockaddr)

    return ConnectionFrom
