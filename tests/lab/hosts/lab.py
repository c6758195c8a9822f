# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab on hosts: TimeLock's three, and those of services; the stores are in the hub, where the controller is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import yaml

from lab import templates
from lab.checker import ServiceReport, check_folder
from lab.hosts import network, programs
from lab.hosts.fleet import Hosts
from lab.hosts.host import Bind
from lab.hosts.node import JOURNAL, PORT, SHARED, TRUST_STORE, HostNode
from lab.hosts.timelock import PORTS, TimeLock
from lab.lab import SESSIONS_OF_OTHERS, SESSIONS_PER_NODE
from lab.layout import DEFAULT_VERSION, Layout, NodeSettings, ServiceSettings, Settings
from lab.postgres import Postgres
from lab.service import Service

TIMELOCK_HOSTS = ["tl-1", "tl-2", "tl-3"]


class HostService(Service):
    """All nodes of one service, on hosts."""

    def __init__(self, layout: Layout, settings: ServiceSettings, hosts: Hosts):
        super().__init__(layout, "", settings)
        self.nodes = [HostNode(layout, settings, hosts[node.name]) for node in settings.nodes]


class HostLab:
    """Made and taken down by one process, which does everything else from inside the hosts' network."""

    def __init__(self, folder: Path, hosts: Hosts, services: list[ServiceSettings]):
        self.hosts = hosts
        self.layout = Layout(folder.absolute())
        self.timelock = TimeLock(self.layout.timelock, [hosts[name] for name in TIMELOCK_HOSTS])
        self.services = {
            service.name: HostService(self.layout, service, hosts) for service in services
        }  # fmt: skip
        self.settings = Settings(hosts.hub, str(hosts.place), timelock_urls=self.timelock.urls, services=services)
        self.settings.postgres["host"] = network.HUB_ADDRESS
        self.postgres = Postgres(hosts.place / "stores", self.settings.postgres)
        self.cassandra: dict = {}

    @classmethod
    def up(cls, folder: Path, services: dict[str, int], managers: Mapping[str, str] = MappingProxyType({})) -> HostLab:
        """A lab with services of so many nodes, each on a host of its own; it waits until every node is healthy.

        `managers`: those of services that are no units of systemd.

        Raises NotAvailable, and RuntimeError with a log's end where a part does not come up; nothing is left then.
        """
        settings = [
            ServiceSettings(
                name, managers.get(name, "systemd"), DEFAULT_VERSION, count > 1,
                [NodeSettings(f"{name}-{number}", PORT) for number in range(1, count + 1)],
            )
            for name, count in services.items()
        ]  # fmt: skip
        names = TIMELOCK_HOSTS + [node.name for service in settings for node in service.nodes]
        hosts = Hosts.make(names, owned=True)
        try:
            lab = cls(folder, hosts, settings)
            with lab.inside():
                lab._make()
            return lab
        except BaseException:
            hosts.down()
            raise

    def _make(self) -> None:
        for place in (self.layout.journal, *(self.layout.shared(name) for name in self.services)):
            place.mkdir(parents=True)
            place.chmod(0o777)
        self.postgres.folder.mkdir()
        nodes = sum(len(service.nodes) for service in self.services.values())
        self.postgres.create(max_connections=nodes * SESSIONS_PER_NODE + SESSIONS_OF_OTHERS)
        self.postgres.start()
        self.timelock.write()
        for service in self.services.values():
            self._write(service)
        self.layout.trust_store.parent.mkdir(parents=True)
        shutil.copyfile(self.timelock.ca_path, self.layout.trust_store)
        self.write_inventory()
        self.hosts.boot(
            (
                programs.CODE_BIND, Bind(str(self.layout.journal), JOURNAL, writable=True),
                Bind(str(self.layout.services), SHARED, writable=True),
            )
        )  # fmt: skip
        self.timelock.wait_ready()
        for service in self.services.values():
            service.wait_healthy()

    def _write(self, service: HostService) -> None:
        password = self.postgres.create_database(service.name)
        service.settings.password = password
        block = templates.relational_block(service.name, password, self.postgres.port, network.HUB_ADDRESS)
        for node in service.nodes:
            node.write(block, [other.url for other in service.nodes])
            node.on.write(TRUST_STORE, self.timelock.ca_path.read_text())

    def inside(self):
        return self.hosts.inside()

    def inventory(self, services: list[HostService]) -> dict:
        """As the users of these services would write it."""
        timelock = {
            "hosts": {host.name: {"ansible_host": host.address} for host in self.timelock.hosts},
        }
        groups = {
            service.name: {
                "vars": {"atlasdb_service_name": service.name, **service.nodes[0].variables()},
                "hosts": {node.name: {"ansible_host": node.host} for node in service.nodes},
            }
            for service in services
        }  # fmt: skip
        variables = {
            **self.hosts.connection(), "timelock_port": PORTS["application"],
            "timelock_ca_path": str(self.layout.trust_store),
        }  # fmt: skip
        return {
            "vars": variables,
            "children": {
                "timelock_servers": timelock,
                "atlasdb_services": {
                    "vars": {"timelock_client_ssl": {"trustStorePath": TRUST_STORE}}, "children": groups
                },
            },
        }  # fmt: skip

    def write_inventory(self) -> None:
        everything = {"all": self.inventory(list(self.services.values()))}
        self.layout.inventory.write_text(yaml.safe_dump(everything, sort_keys=False))

    def check(self) -> list[ServiceReport]:
        return check_folder(self.layout.journal)

    def down(self) -> None:
        """All of it; journals and reports stay."""
        with self.inside():
            self.postgres.stop()
        self.hosts.down()
