# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was not checked of a service, although somebody who reads that all went well may think so."""

from __future__ import annotations

from ..cluster_sessions import HOSTS, NODES
from ..stores.trust import NONE, OFF
from .steps import sequence, title

UNPROVABLE = (
    "A client that nobody named, on a machine in no inventory, cut off from the database during both looks and "
    "connected again afterwards, would go on with timestamps from its memory.",
    "A pooler or proxy between nodes and database, or a container whose processes the login does not see, hides who is "
    "there. The plan refuses it where it can be noticed.",
    "That TimeLock issues only above a fast-forward, and survives its own crashes, is its promise, and was only seen.",
    "A database that loses a committed transaction afterwards, by a failover or a restored backup.",
)


def unchecked(plan: dict, end: dict, servers: list, settings: dict) -> list:
    """Sentences. ``plan`` is the service's, ``end`` its end with its history, ``servers`` TimeLock's URLs.

    ``settings``: ``server_version`` (TimeLock's, or None) and ``validate_certs``.
    """
    if not end["steps"]:
        return []
    of_service = [*_of_clients(plan), *_of_numbers(end), *_of_nodes(end), *_of_store(plan)]
    return [*of_service, *_of_timelock(servers, settings), *_not_reached(plan["todo"], end)]


def _of_clients(plan: dict) -> list:
    view = plan["view"] or {}
    found = list(view.get("unseen") or [])
    if view.get("kind") == NODES:
        found.append("Whether a client runs on a host that is no node's: only the nodes' own hosts were looked at.")
    if view.get("kind") == HOSTS:
        found.append("Whether a client of this service runs on a host of another service, or of a known client.")
    return found


def _of_numbers(end: dict) -> list:
    read = "read" in [step["step"] for step in end["steps"]]
    if not read or end["witnesses"]:
        return []
    return ["Whether anything besides bears the bound out: the store holds no second number, such as a punch table."]


def _of_nodes(end: dict) -> list:
    found = []
    serving = [proof for proof in end["proofs"] if proof["kind"] == "serving"]
    for what, key in (("are healthy: atlasdb_health_url", "health"), ("listen: atlasdb_service_ports", "listening")):
        names = sorted({proof["node"] for proof in serving if not proof.get(key)})
        if names:
            found.append(f"Whether {', '.join(names)} {what} is not set.")
    return found


_UNVERIFIED = {OFF: "validate_certs of its connection is off", NONE: "no certificate of it was asked for"}


def _of_store(plan: dict) -> list:
    why = _UNVERIFIED.get(plan["trust"])
    return [f"Who the key-value service is: {why}."] if why else []


def _of_timelock(servers: list, settings: dict) -> list:
    found = []
    if not settings["server_version"]:
        found.append("TimeLock's version: the servers do not tell it, and timelock_server_version is not set.")
    if any(server.startswith("http:") for server in servers):
        found.append("Who the TimeLock servers are: they are asked by http.")
    elif not settings["validate_certs"]:
        found.append("Who the TimeLock servers are: timelock_validate_certs is off.")
    return found


def _not_reached(todo: str, end: dict) -> list:
    reached = [step["step"] for step in end["steps"]]
    steps = sequence(todo, reached)
    missing = [title(step, steps) for step in steps if step not in reached]
    return [f"What belongs to steps that were not reached: {', '.join(missing)}."] if end["failure"] and missing else []
