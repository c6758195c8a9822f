# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a TimeLock cluster."""

from __future__ import annotations

from ..refusal import Refusal
from .client import TimeLock

_STRICT = ("timelock-tls", "timelock-not-timelock")


def look(timelock: TimeLock, namespace: str | None = None, fresh: bool = False) -> dict:
    """What the cluster is, and with ``fresh`` the next timestamp of ``namespace``, which creates and
    consumes.

    Returns ``nodes`` (see TimeLock.nodes; each with ``leader_seen`` too, the URL of whom it holds for the leader, None
    without ``fresh``), ``leader`` (a URL or None), ``quorum`` (servers that make one),
    ``namespaces`` (as they were before a fresh timestamp was asked for), ``fresh_timestamp`` (or None),
    ``requests`` (how many requests were sent for it) and ``asked``: whether anything was asked that creates a
    namespace.

    Raises Refusal as TimeLock does; ``timelock-clusters-differ`` when two of the URLs lead to one server; and without
    ``fresh`` also when only a minority of the servers is not TimeLock, or refuses the certificate. With it, such a
    server is no more than reported: the leader's quorum has been proved, and a handover must be able to go on.
    """
    nodes = timelock.nodes()
    for node in nodes:
        if not fresh and node["code"] in _STRICT:
            raise Refusal(node["code"], f"{node['url']} {node['error']}.")
    _require_distinct(nodes)
    namespaces = timelock.namespaces()
    number = None
    seen = {}
    if fresh:
        pinged = timelock.ping(namespace)
        seen = {answer["url"]: answer["leader"] for answer in pinged["answers"]}
        number = timelock.fresh_timestamp(namespace)
        leader = timelock.leader
        nodes = timelock.nodes()
    else:
        leader = next((node["url"] for node in nodes if node["is_leader"]), None)
    return {
        "nodes": [{**node, "leader_seen": seen.get(node["url"])} for node in nodes],
        "leader": leader,
        "quorum": timelock.quorum,
        "namespaces": namespaces,
        "fresh_timestamp": number,
        "requests": timelock.requests,
        "asked": fresh,
    }


def _require_distinct(nodes: list[dict]) -> None:
    seen: dict[str, str] = {}
    for node in nodes:
        if node["uuid"] in seen:
            raise Refusal(
                "timelock-clusters-differ",
                f"{seen[node['uuid']]} and {node['url']} lead to one server, {node['uuid']}.",
                "List each server once, by its own address and not a load balancer's.",
            )
        if node["uuid"]:
            seen[node["uuid"]] = node["url"]
