# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of real Cassandra: nodes on loopback addresses of their own, so that they have the real ports."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import ssl
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from cassandra import ConsistencyLevel, DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile, NoHostAvailable, Session
from cassandra.cluster import Cluster as Driver
from cassandra.policies import DCAwareRoundRobinPolicy, FallthroughRetryPolicy
from cassandra.query import SimpleStatement

from lab.cassandra import addresses, certificates, configuration, distribution, schema
from lab.cassandra.distribution import DEFAULT_VERSION, Version
from lab.cassandra.schema import quoted
from lab.processes import LAB_VARIABLE, Process, end, identify, is_alive, send, wait_gone

START_SECONDS = 120
STOP_SECONDS = 5
REQUEST_SECONDS = 30
SUPERUSER = "lab"
FIRST_LOGIN = ("cassandra", "cassandra")


def _hand_out(table: str) -> SimpleStatement:
    """A reading at ALL, which brings what logins are and may, written on one node, to all others."""
    return SimpleStatement(f"SELECT * FROM system_auth.{table}", consistency_level=ConsistencyLevel.ALL)


class Cassandra:
    """Nodes are numbered from 0, in the order of `addresses`; their data lies in `folder`.

    What identifies the cluster (version, addresses, password) lies in `settings`, a dict that the caller keeps and
    hands in again to attach.
    """

    def __init__(self, folder: Path, settings: dict):
        self.folder = folder
        self.settings = settings
        self._secured = folder / "secured"

    @property
    def version(self) -> str:
        """Of distribution.VERSIONS."""
        return self.settings["version"]

    @property
    def addresses(self) -> list[str]:
        return self.settings["addresses"]

    @property
    def port(self) -> int:
        return addresses.CQL_PORT

    @property
    def thrift_port(self) -> int | None:
        return addresses.THRIFT_PORT if self._distribution.has_thrift else None

    @property
    def tls_files(self) -> Path:
        """Where certificates.AUTHORITY and its like are, of a cluster with TLS."""
        return self.folder / "tls"

    @property
    def client_stores(self) -> tuple[Path, Path] | None:
        """By what its clients trust it, and what they show; None without TLS."""
        files = self.tls_files
        return (files / certificates.AUTHORITY, files / certificates.CLIENT_STORE) if self.settings.get("tls") else None

    @property
    def _tls(self) -> ssl.SSLContext | None:
        return certificates.context(self.tls_files) if self.settings.get("tls") else None

    @property
    def _distribution(self) -> Version:
        return distribution.VERSIONS[self.version]

    def create(
        self, version: str = DEFAULT_VERSION, nodes: int = 1, auth: bool = True, tls: bool = False,
        client_certificates: bool = False, at: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Write the nodes' configurations. Without `auth` everybody may do everything, without a login.

        With `tls` clients speak nothing else, and with `client_certificates` they show one. `at`: the nodes'
        addresses, where they are not to be loopback's.
        """
        self.settings.update(
            version=version, addresses=list(at) or addresses.free_block(nodes), auth=auth,
            password=secrets.token_hex(12),
            lab_id=os.environ.get(LAB_VARIABLE) or secrets.token_hex(8), tls=tls,
        )  # fmt: skip
        encryption = None
        if tls:
            certificates.write(self.tls_files, self.addresses)
            encryption = certificates.options(self.tls_files, client_certificates)
        for node in range(nodes):
            configuration.write(
                self._home(node), self._distribution, self.addresses, node, self.folder.name, auth, encryption
            )

    def start(self) -> None:
        """Start every node that does not run, and wait until all answer and see each other.

        Raises RuntimeError with a log's end, NotAvailable and WrongContent.
        """
        deadline = time.monotonic() + START_SECONDS
        down = [node for node in range(len(self.addresses)) if self._process(node) is None]
        if not self._secured.exists() and 0 in down:
            # Alone first: what it knows of logins before the others are there is what they get.
            self._launch(0)
            self._wait_answer(0, deadline)
            self._replicate_logins(deadline)
            down.remove(0)
        for node in down:
            self._launch(node)
        for node in down:
            self._wait_answer(node, deadline)
        self._wait_agreed(deadline)
        self._secured.touch()

    def start_node(self, node: int) -> None:
        """Start one node with what it has on disk, and wait until it answers. Raises as `start`."""
        if self._process(node) is None:
            self._launch(node)
        self._wait_answer(node, time.monotonic() + START_SECONDS)

    def stop(self) -> None:
        """End every node, whoever started it; what they stored stays. Raises RuntimeError if one cannot be ended."""
        if "addresses" in self.settings and (left := end(self.processes(), STOP_SECONDS)):
            raise RuntimeError(f"These nodes cannot be ended: {left}")

    def kill(self, node: int) -> None:
        """SIGKILL, as a host that loses its power."""
        if process := self._process(node):
            send(process, signal.SIGKILL)
            wait_gone([process], STOP_SECONDS)

    def pause(self, node: int) -> None:
        """SIGSTOP: it neither answers nor closes."""
        self._signal(node, signal.SIGSTOP)

    def resume(self, node: int) -> None:
        self._signal(node, signal.SIGCONT)

    def _signal(self, node: int, number: signal.Signals) -> None:
        if process := self._process(node):
            send(process, number)

    def processes(self) -> list[Process]:
        """The nodes that run, paused or not."""
        return [process for node in range(len(self.addresses)) if (process := self._process(node))]

    def connect(self, **options: object) -> Session:
        """A session of the superuser at QUORUM and SERIAL, without retries; `options` go to the driver's Cluster.

        It is closed by `session.cluster.shutdown()`. Raises NoHostAvailable.
        """
        return self._connect((SUPERUSER, self.settings["password"]), **options)

    def _connect(self, login: tuple[str, str], **options: object) -> Session:
        profile = ExecutionProfile(
            DCAwareRoundRobinPolicy(configuration.DATACENTER), FallthroughRetryPolicy(), ConsistencyLevel.QUORUM,
            ConsistencyLevel.SERIAL, REQUEST_SECONDS,
        )  # fmt: skip
        defaults = {
            "contact_points": self.addresses,
            "port": self.port,
            "protocol_version": 4 if self._distribution.release < (4, 0) else 5,
            "execution_profiles": {EXEC_PROFILE_DEFAULT: profile},
            "auth_provider": PlainTextAuthProvider(*login) if self.settings["auth"] else None,
            "ssl_context": self._tls,
        }
        driver = Driver(**{**defaults, **options})
        try:
            return driver.connect()
        except BaseException:
            driver.shutdown()
            raise

    def create_keyspace(self, name: str) -> str:
        """A keyspace on every node, and a login of the same name that may use it and add others; the login's password.

        The rights are what AtlasDB is given where it makes its own tables, and a look at the cluster's clients.
        """
        password = secrets.token_hex(12)
        with self._session() as session:
            session.execute(
                f"CREATE KEYSPACE {quoted(name)} WITH replication = {self._replication} AND durable_writes = true"
            )
            if self.settings["auth"]:
                session.execute(f"CREATE ROLE {quoted(name)} WITH PASSWORD = '{password}' AND LOGIN = true")
                session.execute(_hand_out("roles"))
                session.execute(f"GRANT ALL PERMISSIONS ON KEYSPACE {quoted(name)} TO {quoted(name)}")
                session.execute(f"GRANT CREATE ON ALL KEYSPACES TO {quoted(name)}")
                if self._distribution.release >= (4, 0):
                    session.execute(f"GRANT SELECT ON system_views.clients TO {quoted(name)}")
                session.execute(_hand_out("role_permissions"))
        return password

    def create_timestamp_table(self, keyspace: str) -> None:
        """The table as AtlasDB makes it, its id included."""
        with self._session() as session:
            session.execute(schema.timestamp_table(keyspace, self._distribution.release))

    @property
    def _replication(self) -> str:
        return f"{{'class': 'NetworkTopologyStrategy', '{configuration.DATACENTER}': {len(self.addresses)}}}"

    @contextlib.contextmanager
    def _session(self, *login: str):
        session = self._connect(login) if login else self.connect()
        try:
            yield session
        finally:
            session.cluster.shutdown()

    def _home(self, node: int) -> Path:
        return self.folder / f"node{node + 1}"

    def _log(self, node: int) -> Path:
        return self._home(node) / "cassandra.log"

    def _process(self, node: int) -> Process | None:
        try:
            process = Process(*map(int, (self._home(node) / "process").read_text().split()))
        except (OSError, ValueError, TypeError):
            return None
        return process if is_alive(process) else None

    def _launch(self, node: int) -> None:
        home = self._home(node)
        command = [
            distribution.java(),
            *configuration.java_options(home, self._distribution, distribution.jars(self.version)),
        ]
        with open(self._log(node), "ab") as log:
            server = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home, start_new_session=True,
                env={**os.environ, LAB_VARIABLE: self.settings["lab_id"], "MALLOC_ARENA_MAX": "4"},
            )  # fmt: skip
        process = identify(server.pid)
        if process is not None:
            (home / "process").write_text(f"{process.pid} {process.start}\n")

    def _wait_answer(self, node: int, deadline: float) -> None:
        """Raises RuntimeError with the log's end."""
        tls = self._tls
        while not addresses.answers(self.addresses[node], tls):
            if self._process(node) is None or time.monotonic() > deadline:
                raise RuntimeError(f"Cassandra on {self.addresses[node]} does not answer.\n{self._end_of_log(node)}")
            time.sleep(0.05)

    def _end_of_log(self, node: int) -> str:
        return self._log(node).read_text(errors="replace")[-3000:]

    def _replicate_logins(self, deadline: float) -> None:
        """A superuser that is read at LOCAL_ONE (`cassandra` takes a QUORUM), and logins on all nodes that will be."""

        def change() -> None:
            with self._session(*FIRST_LOGIN) as session:
                if self.settings["auth"]:
                    session.execute(
                        f"CREATE ROLE IF NOT EXISTS {SUPERUSER} WITH PASSWORD = '{self.settings['password']}'"
                        " AND SUPERUSER = true AND LOGIN = true"
                    )
                session.execute(f"ALTER KEYSPACE system_auth WITH replication = {self._replication}")

        self._retry(change, deadline)

    def _wait_agreed(self, deadline: float) -> None:
        """Until every node knows and reaches all others, and has the logins.

        A node that knows itself alone is all that there is, for itself.
        """
        if len(self.addresses) == 1:
            return

        def look(address: str) -> None:
            with self._session() as session:
                host = session.cluster.metadata.get_host(address)
                schemas = list(session.execute("SELECT schema_version FROM system.local", host=host))
                schemas += session.execute("SELECT schema_version FROM system.peers", host=host)
                if len(schemas) < len(self.addresses) or len(set(schemas)) > 1:
                    raise DriverException(f"{address} sees {len(schemas)} nodes, of which not all have its schema.")
                session.execute(_hand_out("roles"), host=host)

        for address in self.addresses:
            self._retry(lambda address=address: look(address), deadline)

    def _retry(self, action, deadline: float) -> None:
        """Raises RuntimeError with the log's end of the first node."""
        while True:
            try:
                action()
                return
            except (DriverException, NoHostAvailable) as error:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"Cassandra is not ready: {error}\n{self._end_of_log(0)}") from error
                time.sleep(0.1)
