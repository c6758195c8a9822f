# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as an Ansible inventory: every node a host of its own, all of them on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import yaml

from lab.layout import Layout, ServiceSettings
from lab.service import Node, Service

if TYPE_CHECKING:
    from lab.cassandra.cluster import Cassandra


def render(
    layout: Layout, services: list[Service], timelock_urls: list[str], cassandra: Mapping[str, Cassandra] | None = None
) -> str:
    """The inventory's YAML; with the hosts of the services' clusters where `cassandra` has these by name."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": str(layout.host_python)}
    addresses = [urlsplit(url) for url in timelock_urls]
    timelock_hosts = {
        f"tl-{number}": {"ansible_host": address.hostname, "timelock_port": address.port}
        for number, address in enumerate(addresses, 1)
    }
    timelock = {
        "timelock_protocol": addresses[0].scheme,
        "timelock_context_path": addresses[0].path,
        "timelock_ca_path": str(layout.trust_store) if addresses[0].scheme == "https" else "",
    }
    children = {
        "timelock_servers": {"hosts": timelock_hosts},
        "atlasdb_services": {
            "vars": {"timelock_client_ssl": {"trustStorePath": str(layout.trust_store)}},
            "children": {service.name: _group(service, cassandra or {}) for service in services},
        },
    }
    hosts = cassandra_hosts(services, cassandra or {})
    if hosts:
        children["cassandra_nodes"] = {"hosts": hosts}
    document = {"all": {"vars": local | timelock, "children": children}}
    return "# written by the lab\n" + yaml.safe_dump(document, sort_keys=False)


def cassandra_hosts(services: Iterable[Service], cassandra: Mapping[str, Cassandra]) -> dict:
    """The hosts of the services' clusters."""
    used = {service.settings.store for service in services}
    return {
        f"{name}-{number}": {"ansible_host": address}
        for name in sorted(used & cassandra.keys())
        for number, address in enumerate(cassandra[name].addresses, 1)
    }


def overrides(service: ServiceSettings, cassandra: Mapping[str, Cassandra]) -> dict:
    """What only the controller's side of TLS to a service's store needs."""
    stores = cassandra[service.store].client_stores if service.store in cassandra else None
    return {"atlasdb_kvs_overrides": {"ca_path": str(stores[0]), "client_cert": str(stores[1])}} if stores else {}


def _group(service: Service, cassandra: Mapping[str, Cassandra]) -> dict:
    variables = {"atlasdb_service_name": service.name, "atlasdb_service_manager": service.settings.manager}
    if service.settings.manager == "command":
        variables["atlasdb_version"] = service.settings.version
    variables |= overrides(service.settings, cassandra)
    return {"vars": variables, "hosts": {node.name: _host(node) for node in service.nodes}}


def _host(node: Node) -> dict:
    variables = {
        "atlasdb_config_path": str(node.config_path),
        "atlasdb_service_ports": [node.port],
        "atlasdb_health_url": f"{node.url}/health",
    }
    if node.service.manager == "sls":
        variables["atlasdb_service_unit"] = str(node.unit)
    else:
        variables |= {
            "atlasdb_service_unit": node.name,
            "atlasdb_start_command": node.start_command,
            "atlasdb_stop_command": node.stop_command,
            "atlasdb_pid_file": str(node.pid_file),
            "atlasdb_runtime_config_path": str(node.runtime_path),
        }
    return variables
