# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small pure functions between the inventory and the modules."""

from __future__ import annotations

import contextlib
from collections import ChainMap
from collections.abc import Mapping
from urllib.parse import urlsplit

import yaml
from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.parsing.yaml.dumper import AnsibleDumper
from ansible_collections.atlasdb.timelock.plugins.module_utils import journal
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning import document, status, verdict, waves
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.report.ended import ended
from ansible_collections.atlasdb.timelock.plugins.module_utils.server import configuration
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.maker import made_by, now

SERVICE_VARIABLES = (
    "atlasdb_version",
    "atlasdb_service_manager",
    "atlasdb_config_root",
    "atlasdb_runtime_config_root",
    "atlasdb_service_is_new",
    "timelock_adopt_namespace",
    "timelock_accept_unproven",
    "timelock_accept_identity",
    "timelock_ignore_sessions",
    "timelock_kvs_known_clients",
    "timelock_migration",
)
"""Variables that belong to a service: its nodes must not differ in them."""


def server_urls(hosts, hostvars, protocol, port, context_path):
    """The base URL of each TimeLock server."""
    urls = []
    for host in hosts:
        variables = hostvars[host]
        address = variables.get("ansible_host", host)
        path = str(variables.get("timelock_context_path", context_path)).strip("/")
        base = f"{variables.get('timelock_protocol', protocol)}://{address}:{variables.get('timelock_port', port)}"
        urls.append(f"{base}/{path}" if path else base)
    return urls


def endpoints(urls):
    """HOST:PORT of each URL, where a client's connection to it would lead."""
    found = []
    for url in urls:
        parts = urlsplit(url)
        found.append(f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}")
    return found


def fleet_nodes(hosts, hostvars):
    """What the inventory and the look at it say of each node, as fleet_plan takes it."""
    nodes = []
    for host in hosts:
        variables = hostvars[host]
        nodes.append(
            {
                "name": host,
                "service": variables.get("atlasdb_service_name") or "",
                "host": variables.get("ansible_host", host),
                "config_path": variables.get("atlasdb_config_path") or "",
                "unit": variables.get("atlasdb_service_unit") or "",
                "adopt_namespace": _said(variables, "timelock_adopt_namespace"),
                "accept_unproven": str(variables.get("timelock_accept_unproven") or ""),
                "accept_identity": str(variables.get("timelock_accept_identity") or ""),
                "migration": str(variables.get("timelock_migration", "manual")),
                "is_new": _said(variables, "atlasdb_service_is_new"),
                "variables": {
                    **{name: str(variables.get(name, "")) for name in SERVICE_VARIABLES},
                    "atlasdb_kvs_new_login": str(_new_login(variables).get("username", "")),
                },
                "look": {
                    key: value
                    for key, value in (variables.get("atlasdb_look") or {}).items()
                    if key not in ("kvs", "content")
                },
            }
        )
    return nodes


def _said(variables, name):
    """Whether a variable says yes. Text counts by what it says: given with -e name=false it is text."""
    return boolean(variables.get(name) or False, strict=False)


def _new_login(variables):
    """The login of the fence; what is no login is refused by the look at the node."""
    given = variables.get("atlasdb_kvs_new_login")
    return given if isinstance(given, Mapping) and {*given} == {"username", "password"} else {}


def fleet_stores(hosts, hostvars):
    """The key-value service of each service, as one of its nodes was found to use it, for fleet_plan."""
    stores = {}
    for host in hosts:
        variables = hostvars[host]
        service, kvs = variables.get("atlasdb_service_name"), (variables.get("atlasdb_look") or {}).get("kvs")
        if service and kvs and service not in stores:
            login = _new_login(variables)
            stores[service] = {
                "service": service,
                "kvs": kvs,
                "ignore_sessions": variables.get("timelock_ignore_sessions") or [],
                "known_clients": variables.get("timelock_kvs_known_clients") or [],
                **({"new_login": dict(login)} if login else {}),
            }
    return list(stores.values())


def host_looks(results, hostvars):
    """Looks at the sockets of hosts, from what tasks with a loop over their names have registered."""
    items = [item for registered in results for item in registered.get("results") or []]
    return [_host_look(item, hostvars[item["item"]]) for item in items]


def _host_look(item, variables):
    host = item["item"]
    wrong = item.get("failed") or item.get("unreachable") or item.get("skipped")
    seen = {} if wrong else {key: item[key] for key in ("sockets", "listening", "addresses", "taken")}
    why = str(item.get("found") or item.get("msg") or "no reason given").rstrip(".") if wrong else None
    return {"host": host, "address": variables.get("ansible_host", host), "failed": why, **seen}


def service_waves(services, per_wave):
    """The order of the hosts and the sizes of the batches, in whole services."""
    try:
        return waves.waves(services, per_wave)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


def failed_services(facts):
    """The names of the facts of localhost that stand for a service that this run has tried and not migrated."""
    return [name for name in facts if name.startswith("timelock_failed_")]


def run_verdict(plan, hostvars, journal_path, check_mode):
    """How the run ended for each service."""
    voices = {name: _voice(service, hostvars) for name, service in plan["services"].items()}
    lines = []
    # Without its journal a run has ended as it has, and nobody knows when.
    with contextlib.suppress(OSError):
        lines = journal.read(journal_path)
    times = {name: ended(lines, service) for name, service in plan["services"].items()}
    return verdict.verdict(plan, voices, times, check_mode)


def _voice(service, hostvars):
    """What the service's coordinator knows; with what another node failed for, where the coordinator is lost."""
    voice = hostvars[service["coordinator"]]
    failures = [hostvars[node].get("timelock_failure") for node in service["nodes"]]
    failure = next((failure for failure in failures if failure), None)
    return ChainMap({"timelock_failure": failure}, voice) if failure and "timelock_failure" not in voice else voice


def fleet_status(plan):
    """Where every service is now, and what to type."""
    return status.fleet_status(plan)


def run_document(plan, kind):
    """The plan as a document of that kind, in the format that other programs read."""
    return document.document(kind, plan, now(), made_by())


def server_configuration(cluster, member, is_new, keystore_password):
    """The text of a TimeLock server's configuration file."""
    try:
        wanted = configuration.configuration(cluster, member, bool(is_new), str(keystore_password))
    except Refusal as refusal:
        raise AnsibleFilterError(str(refusal)) from refusal
    # Ansible's own dumper: the strings of its variables are no plain ones.
    text = yaml.dump(wanted, Dumper=AnsibleDumper, sort_keys=False)
    if yaml.safe_load(text) != wanted:
        raise AnsibleFilterError("The configuration does not read back as it was written.")
    return f"# Written by the role atlasdb.timelock.timelock_server.\n{text}"


class FilterModule:
    """The filters of the collection."""

    def filters(self):
        return {
            "server_urls": server_urls,
            "endpoints": endpoints,
            "fleet_nodes": fleet_nodes,
            "fleet_stores": fleet_stores,
            "host_looks": host_looks,
            "service_waves": service_waves,
            "failed_services": failed_services,
            "run_verdict": run_verdict,
            "fleet_status": fleet_status,
            "run_document": run_document,
            "server_configuration": server_configuration,
        }
