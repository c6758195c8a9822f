# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory alone can have wrong."""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict

from ..client_config.versions import parse_version
from ..reason import REASONS, require_reason
from ..refusal import Refusal
from ..timelock.servers import in_order


def services_of(nodes: list) -> dict:
    """The nodes by service, services and nodes in the inventory's order."""
    services: dict = {}
    for node in nodes:
        if node["service"]:
            services.setdefault(node["service"], []).append(node)
    return services


SAFE_SERVER = (0, 643, 0)
"""Servers below can issue a timestamp twice, in races that ended with 0.370.0 and with this one (release notes)."""


def whole_fleet(nodes: list, servers: list, server_version: str | None = None) -> list:
    """Refusals that belong to no single service; ``server_version`` is TimeLock's, where it is declared."""
    refusals = []
    if server_version:
        refusals += _old_server(server_version)
    if not nodes:
        refusals.append(Refusal("inventory-empty", "The group atlasdb_services has no host."))
    if not servers:
        refusals.append(Refusal("inventory-empty", "No TimeLock server is named."))
    unnamed = [node["name"] for node in nodes if not node["service"]]
    if unnamed:
        refusals.append(Refusal("inventory-service-unnamed", f"No atlasdb_service_name for {', '.join(unnamed)}."))
    return refusals + _unusable_names(nodes)


_PATTERN = re.compile(r"[\s,*?\[\]{}]|^[!&~@]")
"""What makes Ansible look for several hosts, or for none, where a play names one."""


def _unusable_names(nodes: list) -> list:
    """Refusals for hosts that a play could not name, and for services that no record and no message could."""
    hosts = unusable_host_names([node["name"] for node in nodes])
    services = sorted({node["service"] for node in nodes if not node["service"].isprintable()})
    return [
        Refusal("inventory-name-unusable", f"{what}: {', '.join(map(repr, names))}.")
        for what, names in (("Hosts that a play cannot name", hosts), ("Services that cannot be printed", services))
        if names
    ]


def unusable_host_names(names: list) -> list:
    """Those that a play cannot name, or a message not print."""
    return [name for name in names if _is_pattern(name) or not name.isprintable()]


def _is_pattern(name: str) -> bool:
    if ":" not in name:
        return bool(_PATTERN.search(name))
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return True
    return False


def _old_server(version: str) -> list:
    try:
        if parse_version(version, "the TimeLock servers") >= SAFE_SERVER:
            return []
    except Refusal as refusal:
        return [Refusal(refusal.code, refusal.found, "Correct timelock_server_version.")]
    return [Refusal("timelock-too-old", f"TimeLock {version} can issue a timestamp twice.")]


def split_services(services: dict, playing: list) -> dict:
    """The services of which some nodes are in the play and others are not, with their refusal."""
    refusals = {}
    for name, nodes in services.items():
        missing = [node["name"] for node in nodes if node["name"] not in playing]
        if missing and len(missing) < len(nodes):
            refusals[name] = Refusal("inventory-service-split", f"{name} is left without {', '.join(missing)}.")
    return refusals


def shared_nodes(services: dict) -> dict:
    """The services that name the same configuration file, or the same unit, of one host."""
    users = defaultdict(set)
    for name, nodes in services.items():
        for node in nodes:
            users[(node["host"], "configuration file", node["config_path"])].add((name, node["name"]))
            if node["unit"]:
                users[(node["host"], "service manager unit", node["unit"])].add((name, node["name"]))
    refusals = {}
    for (host, what, value), found in users.items():
        if len(found) > 1:
            names = ", ".join(sorted(node for _service, node in found))
            for service in {service for service, _node in found}:
                refusals[service] = Refusal("inventory-node-shared", f"{names} have one {what} on {host}: {value}.")
    return refusals


def disagreeing_variables(nodes: list) -> list:
    """Refusals for the variables of a service in which its nodes differ."""
    refusals = []
    for variable in sorted(nodes[0]["variables"]):
        values = {node["name"]: node["variables"][variable] for node in nodes}
        if any(value != nodes[0]["variables"][variable] for value in values.values()):
            found = ", ".join(f"{name}: {value}" for name, value in values.items())
            refusals.append(Refusal("inventory-vars-disagree", f"The nodes differ in {variable} ({found})."))
    return refusals


def reasons_of(node: dict) -> tuple:
    """The reasons that are given for the service of ``node``, by their options, None where there is none; and refusals
    for what is said in place of one."""
    reasons, refusals = {}, []
    for name in REASONS:
        reasons[name] = node[name] or None
        try:
            require_reason(f"timelock_{name}", node[name])
        except Refusal as refusal:
            reasons[name] = None
            refusals.append(refusal)
    return reasons, refusals


def disagreeing_servers(name: str, nodes: list, servers: list) -> list:
    """Refusals where nodes of the service ``name`` would be configured for other TimeLock servers than one another, or
    than ``servers``, to which this run takes the number that none of them may go below."""
    given = {node["name"]: (node["look"] or {}).get("servers") for node in nodes}
    lists = {node: in_order(urls) for node, urls in given.items() if urls is not None}
    asked = in_order(servers)
    if all(urls == asked for urls in lists.values()):
        return []
    words = {node: ", ".join(urls) or "none" for node, urls in lists.items()}
    if len(set(words.values())) > 1:
        found = "; ".join(f"{node}: {urls}" for node, urls in words.items())
        return [Refusal("inventory-vars-disagree", f"The nodes differ in timelock_server_urls ({found}).")]
    found = f"{name} is to use {next(iter(words.values()))}, and this run asks {', '.join(asked) or 'none'}."
    return [Refusal("inventory-vars-disagree", found, _ONE_TIMELOCK)]


_ONE_TIMELOCK = "A run is for one TimeLock: name with --limit the services that have the same timelock_server_urls."


def shared_bounds(identified: dict) -> dict:
    """The services that would be one: ``identified`` gives each its (namespace, key-value service and table)."""
    refusals = {}
    names = sorted(identified)
    for position, one in enumerate(names):
        for other in names[position + 1 :]:
            for index, what in enumerate(("namespace", "bound")):
                if identified[one][index] and identified[one][index] == identified[other][index]:
                    found = f"{one} and {other} have one {what}: {identified[one][index]}."
                    refusals[one] = refusals[other] = Refusal("inventory-namespace-shared", found)
    return refusals
