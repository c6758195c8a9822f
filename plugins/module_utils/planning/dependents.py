# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that take their timestamps from another service of the inventory."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from ..refusal import Refusal


def dependents(services: dict, bounds: dict, resolve: Callable) -> dict:
    """The refusals, by service, of all that would be left behind, or torn apart.

    ``services`` are the nodes by service; ``bounds`` gives each what identifies its bound, or None; ``resolve`` the
    addresses of a host. Once it is on TimeLock, a provider answers its dependents no more; and one that shares its
    key-value service is no other service at all.
    """
    refusals: dict = {}
    for provider, named in _by_provider(services, resolve).items():
        one = [name for name in named if bounds.get(name) and bounds[name] == bounds.get(provider)]
        for name in one:
            found = f"{name} takes its timestamps from {provider}, and both have one key-value service: {bounds[name]}."
            for each in (name, provider):
                refusals.setdefault(each, []).append(Refusal("service-is-one-instance", found))
        others = [name for name in named if name not in one]
        if others:
            found = f"{', '.join(others)} take timestamps from {provider}."
            refusals.setdefault(provider, []).append(Refusal("config-has-dependents", found))
    return refusals


def _by_provider(services: dict, resolve: Callable) -> dict:
    """For each service from which others take their timestamps, the names of these."""
    found: dict = {}
    for dependent, nodes in services.items():
        for host, port in sorted(set().union(*(_servers(node) for node in nodes))):
            for provider in services:
                if provider != dependent and any(_serves(node, host, port, resolve) for node in services[provider]):
                    named = found.setdefault(provider, [])
                    named += [dependent] if dependent not in named else []
    return found


def _servers(node: dict) -> set:
    """Host and port of each server from which ``node`` takes timestamps, as its configuration names them."""
    config = (node["look"] or {}).get("config") or {}
    found = set()
    for url in (config.get("shared") or {}).get("remote_timestamp_servers") or []:
        parts = urlsplit(url if "//" in url else f"//{url}")
        try:
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
