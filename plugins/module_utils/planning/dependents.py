# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that take their timestamps from another service of the inventory."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from ..bound import INVALIDATED
from ..client_config.versions import parse_version
from ..refusal import Refusal
from .nodes import config_of

NO_ENDPOINTS_SINCE = (0, 903, 0)
"""From here on a service gives its timestamps to nobody else (release notes 0.903.0)."""


def depends(services: dict, servers: list, resolve: Callable) -> list:
    """Who takes timestamps from whom: ``dependent``, ``server`` as its configuration names it, and the ``provider``,
    None where no service of the inventory is there.

    ``services`` are the nodes by service; ``servers`` TimeLock's, as the inventory names them (URLs): they are nobody's
    nodes, also where a proxy has them on loopback; ``resolve`` gives the addresses of a host.
    """
    found: list = []
    for dependent, nodes in services.items():
        remote = set().union(*(_servers(node) for node in nodes))
        supposed = set().union(*(_named_as_timelock(node) for node in nodes)) - _endpoints(servers)
        for host, port in sorted(remote | supposed):
            providers = [
                provider
                for provider in services
                if provider != dependent and any(_serves(node, host, port, resolve) for node in services[provider])
            ]
            server = f"{host}:{port}"
            nobody = [None] if (host, port) in remote else []
            found += [{"dependent": dependent, "server": server, "provider": one} for one in providers or nobody]
    return found


def dependents(edges: list, bounds: dict, stores: dict, forward: bool) -> dict:
    """The refusals, by service, of all that would be left behind, was, or would be torn apart.

    ``bounds`` gives each service what identifies its bound, or None; ``stores`` what was read of its store, as far as
    it was; ``forward``: whether services are to go to TimeLock. Once it is there, a provider answers its dependents no
    more; and one that shares its key-value service is no other service at all.
    """
    refusals: dict = {}
    for provider in dict.fromkeys(edge["provider"] for edge in edges if edge["provider"]):
        named = list(dict.fromkeys(edge["dependent"] for edge in edges if edge["provider"] == provider))
        one = [name for name in named if bounds.get(name) and bounds[name] == bounds.get(provider)]
        for name in one:
            found = f"{name} takes its timestamps from {provider}, and both have one key-value service: {bounds[name]}."
            for each in (name, provider):
                refusals.setdefault(each, []).append(Refusal("service-is-one-instance", found))
        others = [name for name in named if name not in one]
        store = stores.get(provider) or {}
        if store.get("state") == INVALIDATED:
            for name in others:
                found = f"{name} takes its timestamps from {provider}, whose store is invalidated: it gives out none."
                do = _order_behind(provider, name, store["backup"])
                refusals.setdefault(name, []).append(Refusal("config-remote-timestamps", found, do))
        elif others and forward:
            found = f"{', '.join(others)} take timestamps from {provider}."
            do = _order(provider, others, store.get("bound"))
            refusals.setdefault(provider, []).append(Refusal("config-has-dependents", found, do))
    return refusals


def unseen(left_out: list, version: str) -> str | None:
    """That services which nobody has looked at, ``left_out`` of the play, may take timestamps from a client of this
    ``version``; None where they cannot."""
    if not left_out or parse_version(version) >= NO_ENDPOINTS_SINCE:
        return None
    return (
        f"services that take timestamps from it were not looked for among those that --limit leaves out"
        f" ({', '.join(left_out)}): see a plan of all services"
    )


def words(edges: list) -> list:
    """The graph, a line for each dependent and provider."""
    lines: dict = {}
    for edge in edges:
        lines.setdefault((edge["dependent"], edge["provider"]), []).append(edge["server"])
    return [
        f"{dependent} takes its timestamps from {provider or 'somebody who is not in the inventory'}"
        f" ({', '.join(servers)})"
        for (dependent, provider), servers in lines.items()
    ]


def _order(provider: str, others: list, number: int | None) -> str:
    """What is to be done, and in which order: the data of the dependents carries timestamps of the provider."""
    names = ", ".join(others)
    bound = f"the bound of {provider}" + (f" ({number} now)" if number is not None else "")
    return (
        f"In this order: stop {provider} and {names}; read {bound} again; fast-forward the namespace of each of {names}"
        f" on TimeLock to at least that (timelock_fast_forward); configure {names} for TimeLock, and start them; start"
        f" {provider} as it was, and run migrate.yml for it."
    )


def _order_behind(provider: str, name: str, number: int | None) -> str:
    """The same, where the provider has gone ahead: it gave out nothing above the bound that was kept."""
    kept = f"at least the backup of {provider}" + (f" ({number})" if number is not None else "")
    return (
        f"In this order: stop {name}; fast-forward its namespace on TimeLock to {kept} (timelock_fast_forward);"
        f" configure {name} for TimeLock, and start it. Or bring {provider} back by reverse.yml."
    )


def _servers(node: dict) -> set:
    """Host and port of each server from which ``node`` takes timestamps, as its configuration names them."""
    return _endpoints((config_of(node).get("shared") or {}).get("remote_timestamp_servers") or [])


def _named_as_timelock(node: dict) -> set:
    """The same of the servers that it takes for TimeLock, which may be another service's nodes."""
    return _endpoints((config_of(node).get("timelock") or {}).get("servers") or [])


def _endpoints(urls: list) -> set:
    found = set()
    for url in urls:
        try:
            parts = urlsplit(url if "//" in url else f"//{url}")
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            continue
        found.add((parts.hostname or "", port))
    return found


def _serves(node: dict, host: str, port: int, resolve: Callable) -> bool:
    """Whether ``node`` is at ``host`` and ``port``. A loopback address may be any node's, by a proxy of its host."""
    if port not in ((node["look"] or {}).get("ports") or []):
        return False
    if host in (node["name"], node["host"]):
        return True
    addresses = set(resolve(host))
    loopback = any(address == "::1" or address.startswith("127.") for address in addresses)
    return loopback or bool(addresses & set(resolve(node["host"])))
