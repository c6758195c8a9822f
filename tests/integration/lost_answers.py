# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Invalidations of which nobody knows whether they are made: they are sent, and not answered."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

from fleet import Fleet, wait_for
from lab.cassandra import addresses
from lab.layout import POSTGRES
from lab.postgres import Postgres
from lab.service import Service

BEHIND = "127.0.78.1"
"""Where the proxy before Cassandra connects from: as another client of the cluster."""

Meanwhile = dict[str, Callable[[], object]]
"""By the moments of a run, what is to be done at each."""


@contextlib.contextmanager
def lost_invalidations(services: Fleet) -> Iterator[Meanwhile]:
    """What is to be done in a run of the only service so that its invalidation is lost, and not made before the service
    is put back.
    """
    (service,) = services.services
    lost = _on_postgres if service.settings.store == POSTGRES else _on_cassandra
    with lost(services, service) as (begin, end):
        yield {"begin-invalidate": begin, "begin-put_back": end}


@contextlib.contextmanager
def _on_postgres(services: Fleet, service: Service) -> Iterator[tuple[Callable, Callable]]:
    """The server's process that makes it is suspended, so that it neither answers nor ends for who tells it to."""
    server, suspended = services.lab.postgres, []

    def begin() -> None:
        holder = lock_table(server, service)
        thread = threading.Thread(target=suspend, args=(holder,))
        thread.start()

    def suspend(holder) -> None:
        with holder:
            suspended.append(wait_for(lambda: waiting_for_the_table(server, service), "nobody waits for the table"))
            os.kill(suspended[-1], signal.SIGSTOP)

    def end() -> None:
        while suspended:
            process = suspended.pop()
            os.kill(process, signal.SIGCONT)
            wait_for(lambda process=process: not _is_there(server, process), "it does not end")

    services.set(timelock_ignore_sessions=[{"user": "postgres", "application": "lab"}])
    try:
        yield begin, end
    finally:
        end()


def lock_table(server: Postgres, service: Service):
    """A session that lets others read the table of timestamps, and not change it."""
    session = server.connect(service.name)
    session.autocommit = False
    session.execute("LOCK TABLE _timestamp IN SHARE MODE")
    return session


def waiting_for_the_table(server: Postgres, service: Service) -> int | None:
    """The number of the server's process that waits for the lock on the table, and is of no node."""
    waiting = (
        "SELECT pid FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        " AND application_name <> 'PostgreSQL JDBC Driver'"
    )
    with server.connect() as session:
        row = session.execute(waiting, [service.name]).fetchone()
    return row[0] if row else None


def _is_there(server: Postgres, process: int) -> bool:
    with server.connect() as session:
        return bool(session.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [process]).fetchall())


@contextlib.contextmanager
def _on_cassandra(services: Fleet, service: Service) -> Iterator[tuple[Callable, Callable]]:
    """The collection reaches the cluster by way of a proxy, which lets everything pass but that."""
    cluster = services.lab.cassandra[service.settings.store]
    with contextlib.closing(_Proxy((cluster.addresses[0], cluster.port))) as proxy:

        def change(everything: dict) -> None:
            everything["vars"]["atlasdb_kvs_overrides"] = {"hosts": [proxy.address]}
            everything["vars"]["timelock_kvs_known_clients"].append(BEHIND)

        services.write(change)
        yield proxy.swallows.set, proxy.swallows.clear


class _Proxy:
    """A TCP proxy that can swallow the conditional statements on a table of timestamps."""

    def __init__(self, server: tuple[str, int]):
        self.swallows = threading.Event()
        self._server = server
        (self.address,) = addresses.free_block(1)
        self._listener = socket.create_server((self.address, server[1]))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                server = socket.create_connection(self._server, source_address=(BEHIND, 0))
                for here, there, may_swallow in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pass_on, args=(here, there, may_swallow), daemon=True).start()

    def _pass_on(self, here: socket.socket, there: socket.socket, may_swallow: bool) -> None:
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                conditional = b'"_timestamp"' in data and b" IF " in data
                if not (may_swallow and conditional and self.swallows.is_set()):
                    there.sendall(data)
        for end in (here, there):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
