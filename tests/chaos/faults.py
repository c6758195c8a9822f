# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults themselves: each begins when it is called, and returns what ends it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import struct
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from lab import ports, processes
from lab.lab import Lab
from lab.service import Node, Service

End = Callable[[], object]

CONNECTED_SECONDS = 30.0
GET_FLAGS, SET_FLAGS, IMMUTABLE = 0x80086601, 0x40086602, 0x10  # linux/fs.h


def nothing() -> None:
    """Ends what has ended by itself."""


def is_held(node: Node) -> bool:
    return node.config_path.read_bytes().startswith(b"# held by")


class OfAService:
    """Faults of one service; ``copy`` is a copy of its first node's configuration as it was before any run."""

    def __init__(self, lab: Lab, service: Service, copy: Path):
        self._lab = lab
        self._service = service
        self._node = service.nodes[0]
        self._copy = copy
        self._old = self._node.config_path.read_bytes()
        self._clients: list[processes.Process] = []

    def begin(self, fault: str) -> End:
        return getattr(self, fault)()

    def node_rebooted(self) -> End:
        """Its processes are gone at once, and its service manager starts it, as after every boot."""
        with contextlib.suppress(RuntimeError):
            self._node.kill()
        self._node.start()
        return nothing

    def node_paused(self) -> End:
        with contextlib.suppress(RuntimeError):
            self._node.pause()
        return self._resume

    def _resume(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._node.resume()

    def folder_sealed(self) -> End:
        """Nothing can be written beside the configuration: as on a full disk, or a read-only one."""
        folder = self._node.config_path.parent
        if os.geteuid() != 0:
            folder.chmod(0o500)
            return lambda: folder.chmod(0o700)
        _seal(folder, True)
        return lambda: _seal(folder, False)

    def configuration_rewritten(self) -> End:
        """By configuration management, which knows the old one only; where a node is not held, nothing changes."""
        if is_held(self._node):
            with contextlib.suppress(OSError):
                self._node.config_path.write_bytes(self._old)
        return nothing

    def client_on_a_copy(self) -> End:
        self._start_on_a_copy()
        return self.end_clients

    def suspended_client_on_a_copy(self) -> End:
        """Suspended for as long as the fault lasts, and then it goes on: it is found, and ended, after the run."""
        client = self._start_on_a_copy()
        if client is None or not processes.send(client, signal.SIGSTOP):
            return nothing
        return lambda: processes.send(client, signal.SIGCONT)

    def _start_on_a_copy(self) -> processes.Process | None:
        """Its process once it has a connection; it may not get one, where the store has been invalidated."""
        text = self._old.decode().replace(f"port: {self._node.port}   #", f"port: {ports.free_port()}   #")
        self._copy.write_text(text)
        client = processes.identify(self._node.start_with(self._copy, self._copy.with_suffix(".log")).pid)
        self._clients += [client] if client else []
        deadline = time.monotonic() + CONNECTED_SECONDS
        while client and processes.is_alive(client) and time.monotonic() < deadline and not _connected(client):
            time.sleep(0.05)
        return client

    def end_clients(self) -> None:
        """As whoever finds them does."""
        processes.end(self._clients, 1)

    def sessions_ended(self) -> End:
        """All of them: the nodes', and the run's own in the middle of what it does."""
        with contextlib.suppress(psycopg.OperationalError), self._lab.postgres.connect() as session:
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self._service.name]
            )
        return nothing

    def table_locked(self) -> End:
        try:
            session = self._lab.postgres.connect(self._service.name)
            session.autocommit = False
            session.execute("SET statement_timeout = 5000")
            session.execute("LOCK TABLE _timestamp IN SHARE MODE")
        except psycopg.Error:
            return nothing
        return session.close

    def idle_pool(self) -> End:
        """Connections of the service's own login that do nothing now, as a forgotten batch job has them."""
        try:
            session = psycopg.connect(
                host="127.0.0.1", port=self._lab.postgres.port, dbname=self._service.name, user=self._service.name,
                password=self._service.settings.password, application_name="PostgreSQL JDBC Driver", connect_timeout=5,
            )  # fmt: skip
        except psycopg.Error:
            return nothing
        return session.close


def _connected(process: processes.Process) -> bool:
    """Whether it has an established TCP connection (proc(5): net/tcp, state 01)."""
    with contextlib.suppress(OSError):
        folder = Path(f"/proc/{process.pid}")
        own = {os.readlink(descriptor) for descriptor in (folder / "fd").iterdir()}
        lines = [line.split() for line in (folder / "net/tcp").read_text().splitlines()[1:]]
        return any(line[3] == "01" and f"socket:[{line[9]}]" in own for line in lines)
    return False


def _seal(folder: Path, sealed: bool) -> None:
    """Raises OSError on a file system that has no such flag."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        (flags,) = struct.unpack("l", fcntl.ioctl(descriptor, GET_FLAGS, struct.pack("l", 0)))
        flags = flags | IMMUTABLE if sealed else flags & ~IMMUTABLE
        fcntl.ioctl(descriptor, SET_FLAGS, struct.pack("l", flags))
    finally:
        os.close(descriptor)


class OfTheFleet:
    """Faults of TimeLock, of the store's server, and of the run itself (``kill``)."""

    def __init__(self, lab: Lab, store: str, kill: Callable[[], object]):
        self._timelock = lab.timelock
        self._store = lab.postgres if store == "postgres" else lab.cassandra[store]
        self._cassandra = store != "postgres"
        self._kill = kill

    def begin(self, fault: str) -> End:
        return getattr(self, fault)()

    def controller_killed(self) -> End:
        self._kill()
        return nothing

    def leader_killed(self) -> End:
        leader = self._timelock.leader()
        if leader is None:
            return nothing
        with contextlib.suppress(ProcessLookupError):
            self._timelock.kill(leader)
        return self._all_servers

    def quorum_lost(self) -> End:
        self._timelock.lose_quorum()
        return self._all_servers

    def _all_servers(self) -> None:
        for server in range(self._timelock.size):
            self._timelock.start_node(server)

    def servers_slow(self) -> End:
        self._each(lambda server: self._timelock.slow(server, 0.7))
        return lambda: self._each(lambda server: self._timelock.slow(server, 0))

    def answers_dropped(self) -> End:
        """Of the next three requests that change something: the work is done, and nobody is told."""
        self._each(lambda server: self._timelock.drop_answers(server, 3, "/timestamp"))
        return nothing

    def _each(self, act: Callable[[int], object]) -> None:
        for server in range(self._timelock.size):
            with contextlib.suppress(OSError):
                act(server)

    def store_paused(self) -> End:
        if self._cassandra:
            self._store.pause(0)
            return lambda: self._store.resume(0)
        self._store.pause()
        return self._store.resume

    def store_killed(self) -> End:
        if self._cassandra:
            self._store.kill(0)
            return lambda: self._store.start_node(0)
        self._store.kill()
        return self._store.start
