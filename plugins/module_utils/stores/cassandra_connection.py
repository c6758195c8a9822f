# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements on Cassandra at the consistency that AtlasDB uses, each with a limit, and none repeated by the driver."""

from __future__ import annotations

import logging
import ssl
import sys
import time
from collections import Counter

from ..printable import brief
from ..refusal import Refusal

try:
    from cassandra import (
        AuthenticationFailed,
        ConsistencyLevel,
        DriverException,
        InvalidRequest,
        OperationTimedOut,
        Timeout,
        Unauthorized,
        Unavailable,
        UnresolvableContactPoints,
    )
    from cassandra.auth import PlainTextAuthProvider
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
    from cassandra.connection import ConnectionException
    from cassandra.policies import DCAwareRoundRobinPolicy, FallthroughRetryPolicy
    from cassandra.protocol import ErrorMessage, RequestValidationException
    from cassandra.query import SimpleStatement, dict_factory
except ImportError:
    Cluster = None
else:
    # Without a handler of its own the driver's warnings would go to the terminal.
    logging.getLogger("cassandra").addHandler(logging.NullHandler())
    # A lost connection, and what a server says that the driver has no class for, are no DriverException.
    _ERRORS = (DriverException, NoHostAvailable, ConnectionException, ErrorMessage)
    # The server has looked at the statement, and not begun.
    _REFUSED = (InvalidRequest, Unauthorized, RequestValidationException)

    class _SilentLast(DCAwareRoundRobinPolicy):
        """In turn, but first the nodes that have left the fewest statements without an answer.

        The driver goes on asking a node that hangs while its connections stand, and by turns alone the same statement
        of a round may meet it in every round.
        """

        def __init__(self, every_datacentre: bool):
            # No name of a datacentre: that of the hosts that are named.
            super().__init__(used_hosts_per_remote_dc=sys.maxsize if every_datacentre else 0)
            self.silences = Counter()

        def make_query_plan(self, working_keyspace=None, query=None):
            plan = super().make_query_plan(working_keyspace, query)
            return iter(sorted(plan, key=lambda host: self.silences[host]))

CQL_PORT = 9042
THRIFT_PORT = 9160
CONNECT_SECONDS = 5
ANSWER_SECONDS = 12
# The nodes of a cluster take about 20 s to notice that one has died, and read from it in vain until then.
LOOK_SECONDS = 45
_PAUSE_SECONDS = 0.3


class Unsettled(Refusal):
    """A conditional write was sent, and no answer says whether it was made."""


class NotUnderstood(Refusal):
    """The server says that a statement makes no sense on what it has: no such keyspace, table or column."""


class CassandraConnection:
    """A session with the cluster that ``kvs`` names (see arguments.KVS), in the datacentre of its hosts, or in all."""

    def __init__(self, kvs: dict, every_datacentre: bool = False):
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
        self._policy = _SilentLast(every_datacentre)
        try:
            self._cluster = self._describe()
        except UnresolvableContactPoints:
            raise Refusal("kvs-unreachable", f"None of {', '.join(kvs['hosts'])} has an address.") from None
        try:
            # Connections that come up later would not be known as our own.
            self._session = self._cluster.connect(wait_for_all_pools=True)
        except Exception as error:
            self._cluster.shutdown()
            raise self._cannot_connect(error) from None

    def close(self) -> None:
        self._cluster.shutdown()

    def _describe(self):
        kvs = self._kvs
        profile = ExecutionProfile(
            load_balancing_policy=self._policy,
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

    def look(
        self,
        statement: str,
        parameters: tuple = (),
        *,
        serial: bool = False,
        quorum: bool = False,
        everywhere: bool = False,
        host=None,
    ) -> list:
        """The rows of a reading ``statement``, as dictionaries; at SERIAL, at QUORUM for several partitions, at ALL
        (``everywhere``), or at LOCAL_ONE for what a node says of itself and of the schema.

        Repeated for LOOK_SECONDS where replicas or answers are missing, unless it is one ``host`` that is asked. Raises
        Refusal: ``kvs-unreachable``, ``kvs-denied``, and NotUnderstood.
        """
        level = ConsistencyLevel.QUORUM if quorum else ConsistencyLevel.LOCAL_ONE
        level = ConsistencyLevel.SERIAL if serial else level
        level = ConsistencyLevel.ALL if everywhere else level
        deadline = time.monotonic() + LOOK_SECONDS
        while True:
            try:
                return self._execute(statement, parameters, level, host)
            except InvalidRequest as error:
                raise self._not_understood(error) from None
            except _ERRORS as error:
                refusal = self._refusal(error)
                if host or refusal.code != "kvs-unreachable" or time.monotonic() > deadline:
                    raise refusal from None
            time.sleep(_PAUSE_SECONDS)

    def look_at_one(self, statements: list) -> list:
        """The rows of each of ``statements``, all from one node, whichever answers. Raises as ``look`` does."""
        problem = None
        for host in self.hosts():
            try:
                return [self.look(statement, host=host) for statement in statements]
            except NotUnderstood:
                raise
            except Refusal as refusal:
                problem = refusal
        raise problem or Refusal("kvs-unreachable", f"{self.where}: no node is known.")

    def scan(self, statement: str, seconds: float):
        """Yield the rows of a ``statement`` at LOCAL_ONE, page by page, until all are read or the time is used up.

        Raises Refusal: ``kvs-unreachable``, ``kvs-denied``, and NotUnderstood.
        """
        deadline = time.monotonic() + seconds
        query = SimpleStatement(statement, consistency_level=ConsistencyLevel.LOCAL_ONE)
        try:
            pages = self._session.execute(query, timeout=seconds)
            while True:
                yield from pages.current_rows
                if not pages.has_more_pages or time.monotonic() > deadline:
                    return
                pages.fetch_next_page()
        except _ERRORS as error:
            raise self._refusal(error) from None

    def compare_and_set(self, statement: str, parameters: tuple = ()) -> bool:
        """Whether a conditional ``statement`` was applied.

        Raises Unsettled where nobody knows (a timeout of the commit alone says that it was, and is not told apart), and
        Refusal ``kvs-unreachable`` or ``kvs-denied`` where it was not made.
        """
        try:
            rows = self._execute(statement, parameters, ConsistencyLevel.QUORUM, None)
        except _ERRORS as error:
            refusal = self._refusal(error)
            # Replicas that are missing at QUORUM may be missing for the commit of what was accepted.
            missing = isinstance(error, Unavailable) and error.consistency == ConsistencyLevel.SERIAL
            if missing or isinstance(error, _REFUSED):
                raise refusal from None
            raise Unsettled(refusal.code, refusal.found, refusal.do) from None
        return bool(rows[0]["[applied]"])

    def define(self, statement: str) -> None:
        """Run a statement of the schema or of rights, and wait until the nodes that are up agree on the schema.

        Raises Refusal: ``kvs-unreachable``, ``kvs-denied``, and NotUnderstood.
        """
        try:
            self._execute(statement, (), ConsistencyLevel.QUORUM, None)
        except InvalidRequest as error:
            raise self._not_understood(error) from None
        except _ERRORS as error:
            raise self._refusal(error) from None

    def _execute(self, statement: str, parameters: tuple, level, host) -> list:
        query = SimpleStatement(statement, consistency_level=level)
        plain = tuple(_plain(parameter) for parameter in parameters)
        try:
            return list(self._session.execute(query, plain or None, host=host).current_rows or [])
        except OperationTimedOut as error:
            self._policy.silences[error.last_host] += 1
            raise

    def _not_understood(self, error) -> NotUnderstood:
        refusal = self._refusal(error)
        return NotUnderstood(refusal.code, refusal.found, refusal.do)

    def _refusal(self, error) -> Refusal:
        reason = self._words(error)
        if isinstance(error, (Unauthorized, AuthenticationFailed)):
            return Refusal(
                "kvs-denied", f"{self.where} does not let {self.user or 'an unnamed user'} do this: {reason}."
            )
        do = None
        if isinstance(error, (Unavailable, Timeout)):
            do = "Bring back the nodes of the cluster that do not answer, then run again."
        if isinstance(error, Unavailable):
            found = f"{_level(error)} needs {error.required_replicas} replicas, and {error.alive_replicas} are alive"
        elif isinstance(error, Timeout):
            answered = f"{error.received_responses} of the {error.required_responses} replicas"
            found = f"{answered} that {_level(error)} needs have answered in time"
        elif isinstance(error, OperationTimedOut):
            found = f"no answer within {ANSWER_SECONDS} s"
        elif isinstance(error, ConnectionException):
            found = f"the connection was lost: {reason}"
        else:
            found = f"an error: {reason}"
        return Refusal("kvs-unreachable", f"{self.where}: {found}.", do)

    def _cannot_connect(self, error) -> Refusal:
        causes = list(error.errors.values()) if isinstance(error, NoHostAvailable) else [error]
        reason = "; ".join(dict.fromkeys(self._words(cause) for cause in causes)) or self._words(error)
        if any(isinstance(cause, (AuthenticationFailed, Unauthorized)) for cause in causes):
            return Refusal("kvs-denied", f"{self.where} does not let {self.user or 'an unnamed user'} in: {reason}.")
        return Refusal("kvs-unreachable", f"No connection to {self.where}: {reason}.")

    def _words(self, error) -> str:
        reason = (str(error).strip().splitlines() or [""])[0].rstrip(".") or type(error).__name__
        secret = self._kvs.get("password")
        return brief(reason.replace(secret, "***") if secret else reason)


def _plain(parameter):
    """The driver quotes by exact type: a str of Ansible's own would go into the statement as it is."""
    if parameter is None:
        return None
    return int(parameter) if isinstance(parameter, int) else str(parameter)


def _level(error) -> str:
    return ConsistencyLevel.value_to_name.get(error.consistency, str(error.consistency))


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
            # Without a password OpenSSL would ask the terminal for that of an encrypted key.
            context.load_cert_chain(kvs["client_cert"], kvs.get("client_key") or kvs["client_cert"], password="")
    except (OSError, ValueError) as error:
        raise Refusal("kvs-unreachable", f"The TLS files of the key-value service cannot be used: {error}.") from None
    return context
