# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab on hosts: TimeLock's three, and those of services; the stores are in the hub, where the controller is.

Cassandra's nodes are hosts of the inventory too, which are reached without SSH.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import yaml

from lab import clusters, inventory, templates
from lab.checker import ServiceReport, check_folder
from lab.hosts import network, programs
from lab.hosts.fleet import Hosts
from lab.hosts.host import Bind
from lab.hosts.node import JOURNAL, PORT, SHARED, TRUST_STORE, HostNode
from lab.hosts.timelock import PORTS, TimeLock, Unfounded
from lab.lab import SESSIONS
from lab.layout import DEFAULT_VERSION, POSTGRES, Layout, NodeSettings, ServiceSettings, Settings, write_whole
from lab.postgres import Postgres
from lab.service import Service

TIMELOCK_HOSTS = ["tl-1", "tl-2", "tl-3"]

SERVICES = {"orders": 3, "users": 3, "accounts": 3}
STORES = {"users": "cassandra", "accounts": "cassandra-tls"}
"""A whole fleet: services with so many nodes, and their stores where these are not PostgreSQL."""


class HostService(Service):
    """All nodes of one service, on hosts."""

    def __init__(self, layout: Layout, settings: ServiceSettings, hosts: Hosts):
        super().__init__(layout, "", settings)
        self.nodes = [HostNode(layout, settings, hosts[node.name]) for node in settings.nodes]


class HostLab:
    """Made and taken down by one process, which does everything else from inside the hosts' network."""

    def __init__(self, folder: Path, hosts: Hosts, services: list[ServiceSettings], timelock: type[TimeLock]):
        self.hosts = hosts
        self.layout = Layout(folder.absolute())
        self.timelock = timelock(self.layout.timelock, [hosts[name] for name in TIMELOCK_HOSTS])
        self.services = {
            service.name: HostService(self.layout, service, hosts) for service in services
        }  # fmt: skip
        self.settings = Settings(hosts.hub, str(hosts.place), timelock_urls=self.timelock.urls, services=services)
        self.settings.postgres["host"] = network.STORE_ADDRESS
        self._stores = hosts.place / "stores"
        self.postgres = Postgres(self._stores, self.settings.postgres)
        self.settings.cassandra = {service.store: {} for service in services if service.store != POSTGRES}
        self.cassandra = clusters.attach(self._stores, self.settings.cassandra)

    @classmethod
    def up(
        cls, folder: Path, services: dict[str, int], managers: Mapping[str, str] = MappingProxyType({}),
        stores: Mapping[str, str] = MappingProxyType({}), small_disks: Collection[str] = (), founded: bool = True,
        owned: bool = True,
    ) -> HostLab:  # fmt: skip
        """A lab with services of so many nodes, each on a host of its own; it waits until every node is healthy.

        `managers`: those of services that are no units of systemd; `stores`: of services that are not on PostgreSQL.
        `small_disks`: services whose nodes have their configuration on a disk of its own, that is soon full. Not
        `founded`: TimeLock's hosts have none yet. `owned`: see Hosts.make.

        Raises NotAvailable, and RuntimeError with a log's end where a part does not come up; nothing is left then.
        """
        settings = [
            ServiceSettings(
                name, managers.get(name, "systemd"), DEFAULT_VERSION, count > 1,
                [NodeSettings(f"{name}-{number}", PORT) for number in range(1, count + 1)],
                store=stores.get(name, POSTGRES),
            )
            for name, count in services.items()
        ]  # fmt: skip
        names = TIMELOCK_HOSTS + [node.name for service in settings for node in service.nodes]
        clusters.require(sorted({*stores.values()}))
        hosts = Hosts.make(names, owned=owned)
        try:
            lab = cls(folder, hosts, settings, TimeLock if founded else Unfounded)
            with lab.inside():
                lab._make(small_disks)
            return lab
        except BaseException:
            hosts.down()
            raise

    def _make(self, small_disks: Collection[str]) -> None:
        for place in (self.layout.journal, *(self.layout.shared(name) for name in self.services)):
            place.mkdir(parents=True)
            place.chmod(0o777)
        self.postgres.folder.mkdir()
        self.postgres.create(max_connections=SESSIONS)
        self.postgres.start()
        self._make_cassandra()
        self.timelock.write()
        self.hosts.each(programs.write_python)
        for name in small_disks:
            for node in self.services[name].nodes:
                node.give_small_disk()
        for service in self.services.values():
            self._write(service)
        self.layout.trust_store.parent.mkdir(parents=True)
        shutil.copyfile(self.timelock.ca_path, self.layout.trust_store)
        self.write_inventory()
        self.hosts.boot(
            (
                programs.CODE_BIND, programs.COMPILED_BIND, Bind(str(self.layout.journal), JOURNAL, writable=True),
                Bind(str(self.layout.services), SHARED, writable=True),
            )
        )  # fmt: skip
        self.timelock.wait_ready()
        for service in self.services.values():
            service.wait_healthy()

    def _make_cassandra(self) -> None:
        free = iter(network.OTHER_ADDRESSES)
        for name, cluster in self.cassandra.items():
            shape = clusters.shape(name)
            cluster.create(**shape, at=[next(free) for _node in range(shape["nodes"])])
        with ThreadPoolExecutor() as workers:
            list(workers.map(lambda cluster: cluster.start(), self.cassandra.values()))

    def _write(self, service: HostService) -> None:
        name, cluster = service.name, self.cassandra.get(service.settings.store)
        if cluster is None:
            password = self.postgres.create_database(name)
            block = templates.relational_block(name, password, self.postgres.port, network.STORE_ADDRESS)
            stores = None
        else:
            password = cluster.create_keyspace(name)
            cluster.create_timestamp_table(name)
            stores = cluster.client_stores
            block = templates.cassandra_block(
                name, password, cluster.addresses, cluster.port, cluster.thrift_port,
                service.nodes[0].kvs_stores if stores else None,
            )  # fmt: skip
        service.settings.password = password
        for node in service.nodes:
            node.lay_out(block, [other.url for other in service.nodes], stores)
            node.on.write(TRUST_STORE, self.timelock.ca_path.read_text())

    def inside(self):
        return self.hosts.inside()

    def inventory(self, services: list[HostService]) -> dict:
        """As the users of these services would write it."""
        timelock = {
            "vars": self.timelock.variables(),
            "hosts": {host.name: {"ansible_host": host.address} for host in self.timelock.hosts},
        }
        groups = {
            service.name: {
                "vars": {
                    "atlasdb_service_name": service.name, **service.nodes[0].variables(),
                    **inventory.overrides(service.settings, self.cassandra),
                },
                "hosts": {node.name: {"ansible_host": node.host} for node in service.nodes},
            }
            for service in services
        }  # fmt: skip
        variables = {
            **self.hosts.connection(), "ansible_python_interpreter": programs.PYTHON,
            "timelock_port": PORTS["application"], "timelock_ca_path": str(self.layout.trust_store),
        }  # fmt: skip
        cassandra = inventory.cassandra_hosts(services, self.cassandra)
        here = {
            "ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable,
            "ansible_remote_tmp": str(self.layout.folder / "remote"),
        }  # fmt: skip
        return {
            "vars": variables,
            "children": {
                "timelock_servers": timelock,
                "atlasdb_services": {
                    "vars": {"timelock_client_ssl": {"trustStorePath": TRUST_STORE}}, "children": groups
                },
                **({"cassandra_nodes": {"vars": here, "hosts": cassandra}} if cassandra else {}),
            },
        }  # fmt: skip

    def write_inventory(self) -> None:
        everything = {"all": self.inventory(list(self.services.values()))}
        write_whole(self.layout.inventory, yaml.safe_dump(everything, sort_keys=False), 0o600)

    def check(self) -> list[ServiceReport]:
        return check_folder(self.layout.journal)

    def down(self) -> None:
        """All of it; journals and reports stay."""
        with self.inside():
            self.postgres.stop()
        self.hosts.down()
