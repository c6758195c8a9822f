# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole lab: PostgreSQL, Cassandra, a TimeLock cluster and services, made, attached to and taken down."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lab import clusters, host_python, inventory, ports, processes, templates
from lab.checker import ServiceReport, check_folder
from lab.layout import POSTGRES, Layout, NodeSettings, ServiceSettings, Settings, write_whole
from lab.postgres import Postgres
from lab.service import Node, Service
from lab.timelock.cluster import Cluster
from lab.trust import write_trust_store

SESSIONS = 800
END_GRACE_SECONDS = 2.0
# No cluster of Cassandra has its nodes there (cassandra/addresses.py).
CLIENT_ADDRESSES = ipaddress.IPv4Address("127.255.0.0")


class NoLab(Exception):
    """There is no lab in the folder."""


class Lab:
    """A lab that exists in a folder. `up` makes one, `attach` finds one; several processes may have the same."""

    def __init__(self, layout: Layout, settings: Settings, timelock: Cluster):
        self.layout = layout
        self.settings = settings
        self.postgres = Postgres(Path(settings.temporary), settings.postgres)
        self.cassandra = clusters.attach(Path(settings.temporary), settings.cassandra)
        self.timelock = timelock
        self.services = {
            service.name: Service(layout, settings.lab_id, service) for service in settings.services
        }  # fmt: skip

    @classmethod
    def up(cls, folder: Path | str, services: list[ServiceSettings], **timelock: object) -> Lab:
        """Make a lab from nothing, and wait until every node is healthy; `timelock`: what Cluster takes.

        There is always a PostgreSQL, and the Cassandra clusters that the services name. What an earlier lab in this
        folder left is ended and removed first, whether it runs or was killed.

        Raises RuntimeError with a log's end when a part does not come up, or in one line when it cannot be had here;
        the parts that did are ended then.
        """
        layout = Layout(Path(folder).absolute())
        layout.folder.mkdir(parents=True, exist_ok=True)
        with _locked(layout):
            _take_down(layout)
            parts = (layout.journal, layout.timelock, layout.services, layout.reports, layout.trust_store.parent)
            for left in parts:
                shutil.rmtree(left, ignore_errors=True)
            lab_id = secrets.token_hex(8)
            settings = Settings(lab_id, str(_temporary_root() / f"atlasdb-lab-{lab_id}"))
            layout.write_settings(settings)
            try:
                _make_public_folder(Path(settings.temporary))
                host_python.write(layout.host_python)
                return cls._make(layout, settings, Cluster(layout.timelock, **timelock), services)
            except BaseException:
                _take_down(layout)
                raise

    @classmethod
    def _make(cls, layout: Layout, settings: Settings, cluster: Cluster, services: list[ServiceSettings]) -> Lab:
        lab = cls(layout, settings, cluster)
        with _environment(processes.LAB_VARIABLE, settings.lab_id):
            _all_at_once(
                [cluster.start, lab._make_postgres, lambda: write_trust_store(layout.trust_store),
                 lambda: lab._make_cassandra(services)]
            )  # fmt: skip
        if cluster.ca_path is not None:
            shutil.copyfile(cluster.ca_path, layout.trust_store)
        settings.timelock_urls = list(cluster.urls)
        lab.add(services)
        return lab

    def add(self, services: list[ServiceSettings]) -> None:
        """Further services: databases, files, inventory; started, and waited for until they are healthy.

        A Cassandra cluster that is not there yet is made. Raises RuntimeError as `up` does.
        """
        with _environment(processes.LAB_VARIABLE, self.settings.lab_id):
            self._make_cassandra(services)
        nodes = [node for service in services for node in service.nodes]
        for node, port in zip(nodes, ports.free_ports(len(nodes)), strict=True):
            node.port = port
        for number, service in enumerate(services, len(self.settings.services) + 1):
            if service.store != POSTGRES:
                _give_addresses(number, service)
        self.settings.services += services
        added = [Service(self.layout, self.settings.lab_id, service) for service in services]
        self.services |= {service.name: service for service in added}
        for service in added:
            service.write(self.make_database(service.settings))
        self.layout.write_settings(self.settings)
        content = inventory.render(
            self.layout, list(self.services.values()), self.settings.timelock_urls, self.cassandra
        )  # fmt: skip
        write_whole(self.layout.inventory, content, 0o600)
        for service in added:
            service.start()
        for service in added:
            service.wait_healthy()

    def _make_postgres(self) -> None:
        self.postgres.create(max_connections=SESSIONS)
        self.postgres.start()

    def _make_cassandra(self, services: list[ServiceSettings]) -> None:
        """The clusters that services name and that are not there yet."""
        wanted = {service.store for service in services} - {POSTGRES} - self.cassandra.keys()
        clusters.require(sorted(wanted))
        for name in sorted(wanted):
            self.settings.cassandra[name] = {}
            self.cassandra |= clusters.attach(Path(self.settings.temporary), {name: self.settings.cassandra[name]})
            self.cassandra[name].create(**clusters.shape(name))
            self.layout.write_settings(self.settings)
            self.cassandra[name].start()

    def make_database(self, service: ServiceSettings) -> str:
        """A database or a keyspace of its own; the block of its nodes' configuration that says where it is."""
        if service.store == POSTGRES:
            service.password = self.postgres.create_database(service.name)
            return templates.relational_block(service.name, service.password, self.postgres.port)
        cluster = self.cassandra[service.store]
        service.password = cluster.create_keyspace(service.name)
        cluster.create_timestamp_table(service.name)
        return templates.cassandra_block(
            service.name, service.password, cluster.addresses, cluster.port, cluster.thrift_port, cluster.client_stores
        )

    @classmethod
    def attach(cls, folder: Path | str) -> Lab:
        """The lab that is in the folder. Raises NoLab."""
        layout = Layout(Path(folder).absolute())
        try:
            settings = layout.read_settings()
        except FileNotFoundError:
            raise NoLab(f"There is no lab in {layout.folder}.") from None
        return cls(layout, settings, Cluster.attach(layout.timelock))

    def node(self, name: str) -> Node:
        """Raises KeyError."""
        return {node.name: node for service in self.services.values() for node in service.nodes}[name]

    def load_on(self, rate: float = 100, span: int = 10) -> None:
        """Load on every node of every service, those that will be started later included."""
        for service in self.services.values():
            service.load(rate, span)

    def load_off(self) -> None:
        for service in self.services.values():
            service.load(0, 1)

    def check(self) -> list[ServiceReport]:
        """The checker's verdict on everything so far, the load on or off. Raises JournalError."""
        return check_folder(self.layout.journal)

    def processes(self) -> list[processes.Process]:
        """Every process that the lab's commands and start scripts have started, and the databases'."""
        server = self.postgres.process()
        nodes = [node for cluster in self.cassandra.values() for node in cluster.processes()]
        return sorted({*processes.owned_by(self.settings.lab_id), *([server] if server else []), *nodes})

    def down(self) -> None:
        """End all of it and remove what is temporary. Journals, logs and configurations stay."""
        take_down(self.layout.folder)


def take_down(folder: Path | str) -> None:
    """End whatever lab there is in the folder, also one whose `up` was killed.

    Raises RuntimeError if a process cannot be ended.
    """
    layout = Layout(Path(folder).absolute())
    if layout.folder.exists():
        with _locked(layout):
            _take_down(layout)


def services_named(
    names: list[str], nodes: int, managers: list[str], version: str, leader: bool = True,
    stores: Sequence[str] = (POSTGRES,),
) -> list[ServiceSettings]:  # fmt: skip
    """Settings of services with `nodes` nodes each; the managers and the stores are given out in turn."""
    return [
        ServiceSettings(
            name, managers[position % len(managers)], version, leader,
            [NodeSettings(f"{name}-{number}", 0) for number in range(1, nodes + 1)],
            store=stores[position % len(stores)],
        )
        for position, name in enumerate(names)
    ]  # fmt: skip


def _take_down(layout: Layout) -> None:
    """Raises RuntimeError if a process cannot be ended."""
    try:
        settings = layout.read_settings()
    except FileNotFoundError:
        return
    Postgres(Path(settings.temporary), settings.postgres).stop()
    for cluster in clusters.attach(Path(settings.temporary), settings.cassandra).values():
        cluster.stop()
    with contextlib.suppress(FileNotFoundError):
        Cluster.attach(layout.timelock).stop()
    left = processes.end(processes.owned_by(settings.lab_id), END_GRACE_SECONDS)
    if left:
        raise RuntimeError(f"These processes of the lab cannot be ended: {left}")
    shutil.rmtree(settings.temporary, ignore_errors=True)
    layout.settings_file.unlink()


def _give_addresses(number: int, service: ServiceSettings) -> None:
    """Addresses of its own to each node of the lab's service with this number, counted from 1."""
    for position, node in enumerate(service.nodes, 1):
        node.address = str(CLIENT_ADDRESSES + 256 * number + position)


def _temporary_root() -> Path:
    """A folder that every user reaches, as PostgreSQL does not run as root; TMPDIR may be somebody's own."""
    public = Path("/tmp")
    return public if os.access(public, os.W_OK) else Path(tempfile.gettempdir())


def _make_public_folder(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)


@contextlib.contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    """One `up` or `down` at a time in one folder."""
    with open(layout.lock_file, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _all_at_once(parts: list[Callable[[], None]]) -> None:
    """Run the parts in threads; raises the first failure after all have ended."""
    failures: list[BaseException] = []

    def run(part: Callable[[], None]) -> None:
        try:
            part()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
