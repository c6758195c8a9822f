# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements on Cassandra at the consistency that AtlasDB uses, each with a limit, and none repeated by the driver."""

from __future__ import annotations

import logging
import ssl
import time

from ..refusal import Refusal

try:
    from cassandra import (
        AuthenticationFailed,
        ConsistencyLevel,
        DriverException,
        InvalidRequest,
        Timeout,
        Unauthorized,
        Unavailable,
    )
    from cassandra.auth import PlainTextAuthProvider
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
    from cassandra.policies import DCAwareRoundRobinPolicy, FallthroughRetryPolicy
    from cassandra.protocol import SyntaxException
    from cassandra.query import SimpleStatement, dict_factory
except ImportError:
    Cluster = None
else:
    # Without a handler of its own the driver's warnings would go to the terminal.
    logging.getLogger("cassandra").addHandler(logging.NullHandler())

CQL_PORT = 9042
THRIFT_PORT = 9160
CONNECT_SECONDS = 5
ANSWER_SECONDS = 12
LOOK_SECONDS = 30
_PAUSE_SECONDS = 0.3


class Unsettled(Refusal):
    """A conditional write was sent, and no answer says whether it was made."""


class NotUnderstood(Refusal):
    """The server says that a statement makes no sense on what it has: no such keyspace, table or column."""


class CassandraConnection:
    """A session with the cluster that ``kvs`` names (see arguments.KVS)."""

    def __init__(self, kvs: dict):
        if Cluster is None:
            raise Refusal(
                "controller-requirements",
                "The Python library cassandra-driver is missing.",
                "Run: pip install cassandra-driver.",
            )
        self._kvs = kvs
        self.port = kvs.get("port") or CQL_PORT
        self.where = f"{', '.join(kvs['hosts'])} port {self.port}"
        self.user = kvs.get("user")
        self._cluster = self._describe()
        try:
            self._session = self._cluster.connect()
        except Exception as error:
            self._cluster.shutdown()
            raise self._cannot_connect(error) from None

    def close(self) -> None:
        self._cluster.shutdown()

    def _describe(self):
        kvs = self._kvs
        profile = ExecutionProfile(
            # Those of the datacentre of the hosts that are named.
            load_balancing_policy=DCAwareRoundRobinPolicy(),
            # A statement that the driver repeats by itself may have been made twice.
            retry_policy=FallthroughRetryPolicy(),
            consistency_level=ConsistencyLevel.QUORUM,
            serial_consistency_level=ConsistencyLevel.SERIAL,
            request_timeout=ANSWER_SECONDS,
            row_factory=dict_factory,
        )
        login = PlainTextAuthProvider(kvs["user"], kvs.get("password") or "") if kvs.get("user") else None
        return Cluster(
            kvs["hosts"],
            port=self.port,
            auth_provider=login,
            ssl_context=_tls(kvs),
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            connect_timeout=CONNECT_SECONDS,
            control_connection_timeout=CONNECT_SECONDS,
            schema_metadata_enabled=False,
            token_metadata_enabled=False,
            compression=False,
            idle_heartbeat_interval=0,
            executor_threads=2,
            application_name="atlasdb.timelock",
        )

    def hosts(self) -> list:
        """The nodes that the driver knows, for ``look(host=...)``."""
        return sorted(self._cluster.metadata.all_hosts(), key=lambda host: host.address)

    def own_addresses(self) -> list:
        """The local ends of our own connections, as (address, port)."""
        pools = self._session.get_pools()
        connections = [connection for pool in pools for connection in pool.get_connections()]
        connections += self._cluster.control_connection.get_connections()
        ends = []
        for connection in connections:
            try:
                ends.append(tuple(connection._socket.getsockname()[:2]))
            except OSError:
                continue  # closed meanwhile
        return ends

    def look(self, statement: str, parameters: tuple = (), *, serial: bool = False, host=None) -> list:
        """The rows of a reading ``statement``, as dictionaries; at SERIAL, or at LOCAL_ONE for what a node says of
        itself and of the schema.

        Repeated for LOOK_SECONDS where replicas or answers are missing. Raises Refusal: ``kvs-unreachable``,
        ``kvs-denied``, and NotUnderstood.
        """
        level = ConsistencyLevel.SERIAL if serial else ConsistencyLevel.LOCAL_ONE
        deadline = time.monotonic() + LOOK_SECONDS
        while True:
            try:
                return self._execute(statement, parameters, level, host)
            except InvalidRequest as error:
                refusal = self._refusal(error)
                raise NotUnderstood(refusal.code, refusal.found, refusal.do) from None
            except (DriverException, NoHostAvailable) as error:
                refusal = self._refusal(error)
                if refusal.code != "kvs-unreachable" or time.monotonic() > deadline:
                    raise refusal from None
            time.sleep(_PAUSE_SECONDS)

    def compare_and_set(self, statement: str, parameters: tuple = ()) -> bool:
        """Whether a conditional ``statement`` was applied.

        Raises Unsettled where nobody knows (a timeout of the commit alone says that it was, and is not told apart), and Refusal ``kvs-unreachable`` or ``kvs-denied`` where it was not made.
        """
        try:
            rows = self._execute(statement, parameters, ConsistencyLevel.QUORUM, None)
        except (DriverException, NoHostAvailable) as error:
            refusal = self._refusal(error)
            if isinstance(error, (Unavailable, InvalidRequest, Unauthorized, SyntaxException)):
                raise refusal from None
            raise Unsettled(refusal.code, refusal.found, refusal.do) from None
        return bool(rows[0]["[applied]"])

    def define(self, statement: str) -> None:
        """Run a statement of the schema, and wait until the nodes that are up agree on it."""
        try:
            self._execute(statement, (), ConsistencyLevel.QUORUM, None)
        except (DriverException, NoHostAvailable) as error:
            raise self._refusal(error) from None

    def _execute(self, statement: str, parameters: tuple, level, host) -> list:
        query = SimpleStatement(statement, consistency_level=level)
        return list(self._session.execute(query, parameters or None, host=host).current_rows or [])

    def _refusal(self, error) -> Refusal:
        reason = self._words(error)
        if isinstance(error, (Unauthorized, AuthenticationFailed)):
            return Refusal(
                "kvs-denied", f"{self.where} does not let {self.user or 'an unnamed user'} do this: {reason}."
            )
        if isinstance(error, Unavailable):
            level = ConsistencyLevel.value_to_name.get(error.consistency, error.consistency)
            return Refusal(
                "kvs-unreachable",
                f"{level} needs {error.required_replicas} replicas of the row, and only {error.alive_replicas} are up.",
            )
        if isinstance(error, Timeout):
            level = ConsistencyLevel.value_to_name.get(error.consistency, error.consistency)
            found = f"{error.received_responses} of {error.required_responses} replicas answered at {level} in time"
            return Refusal("kvs-unreachable", f"{self.where}: {found}.")
        return Refusal("kvs-unreachable", f"{self.where} answers with an error: {reason}.")

    def _cannot_connect(self, error) -> Refusal:
        causes = list(error.errors.values()) if isinstance(error, NoHostAvailable) else [error]
        reason = "; ".join(dict.fromkeys(self._words(cause) for cause in causes)) or self._words(error)
        if any(isinstance(cause, (AuthenticationFailed, Unauthorized)) for cause in causes):
            return Refusal("kvs-denied", f"{self.where} does not let {self.user or 'an unnamed user'} in: {reason}.")
        return Refusal("kvs-unreachable", f"No connection to {self.where}: {reason}.")

    def _words(self, error) -> str:
        reason = (str(error).strip().splitlines() or [""])[0].rstrip(".") or type(error).__name__
        secret = self._kvs.get("password")
        return reason.replace(secret, "***") if secret else reason


def _tls(kvs: dict):
    """TLS as ``kvs`` asks for it, or None where it does not."""
    if not (kvs.get("tls") or kvs.get("ca_path") or kvs.get("client_cert")):
        return None
    try:
        context = ssl.create_default_context(cafile=kvs.get("ca_path"))
        # Cassandra 2.2 offers only what Python 3.10 and later have put out of their default list.
        context.set_ciphers("DEFAULT")
        if not kvs.get("validate_certs", True):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if kvs.get("client_cert"):
            context.load_cert_chain(kvs["client_cert"], kvs.get("client_key") or kvs["client_cert"])
    except (OSError, ValueError) as error:
        raise Refusal("kvs-unreachable", f"The TLS files of the key-value service cannot be used: {error}.") from None
    return context
