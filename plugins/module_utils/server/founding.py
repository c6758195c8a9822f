# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the servers of a cluster may be new: by what lies on each of them, and never by what is missing alone.

TimeLock itself only asks whether its data directory exists, be it empty. A server that starts new in a cluster that is
not has forgotten what it promised, and timestamps can be issued twice.
"""

from __future__ import annotations

import uuid

from ..refusal import Refusal
from .look import ABSENT, EMPTY, PRESENT
from .versions import SQLITE_COUNTS, server_version

FOUNDING = "founding"
"""The record of a server that was told to start as new, with all others; not all have started yet."""
FOUNDED = "founded"
"""All have started."""
SERVING = "serving"
"""And this one has been seen to keep its timestamps over a restart."""


def founding(nodes: list[dict], members: list[str]) -> dict:
    """Which servers start as new: ``cluster`` (its id), ``unfinished`` (not all have started), ``new`` (names).

    Each of ``nodes`` has ``name``, ``member`` (HOST:PORT), ``record`` (or None), ``paxos`` and ``sqlite``. Raises
    Refusal ``server-data-lost``, ``server-data-unknown``, ``server-data-precreated``, ``server-members-changed`` and
    ``server-clusters-differ``.
    """
    records = [node["record"] for node in nodes if node["record"]]
    _require_one_cluster([node for node in nodes if node["record"]])
    for record in records:
        _require_members(record, members)
    unfinished = all(record["state"] == FOUNDING for record in records)
    begun = any(node["paxos"] != ABSENT for node in nodes if node["record"])
    for node in nodes:
        if node["record"] is None:
            _require_untouched(node)
            if begun or not unfinished:
                others = ", ".join(other["name"] for other in nodes if other["record"])
                raise _lost(
                    node, f"has no data and no record of this cluster, which it belongs to by the record of {others}"
                )
        elif node["record"]["state"] == FOUNDING and unfinished:
            _require_founding(node)
        else:
            _require_kept(node)
    return {
        "cluster": records[0]["cluster"] if records else str(uuid.uuid4()),
        "unfinished": unfinished,
        "new": [node["name"] for node in nodes if unfinished and node["paxos"] == ABSENT],
    }


def _require_one_cluster(nodes: list[dict]) -> None:
    for node in nodes[1:]:
        if node["record"]["cluster"] != nodes[0]["record"]["cluster"]:
            raise Refusal(
                "server-clusters-differ",
                f"{nodes[0]['name']} and {node['name']} were founded as servers of two clusters, "
                f"{nodes[0]['record']['cluster']} and {node['record']['cluster']}.",
            )


def _require_members(record: dict, members: list[str]) -> None:
    added, removed = sorted(set(members) - set(record["members"])), sorted(set(record["members"]) - set(members))
    if added or removed:
        words = [f"{', '.join(added)} would be added"] if added else []
        words += [f"{', '.join(removed)} would be removed"] if removed else []
        raise Refusal(
            "server-members-changed",
            f"The cluster was founded with {', '.join(record['members'])}; {' and '.join(words)}.",
        )


def _require_untouched(node: dict) -> None:
    """A server without a record has nothing at all."""
    for directory in ("paxos", "sqlite"):
        if node[directory] == PRESENT:
            raise Refusal(
                "server-data-unknown",
                f"{node['name']} has data in {node[f'{directory}_directory']}, and no record of the cluster.",
            )
    if node["paxos"] == EMPTY:
        raise Refusal(
            "server-data-precreated", f"{node['name']} has the empty directory {node['paxos_directory']} already."
        )


def _require_founding(node: dict) -> None:
    """A server that is to start as new, or already has."""
    if node["paxos"] == EMPTY:
        raise Refusal(
            "server-data-precreated", f"{node['name']} has the empty directory {node['paxos_directory']} already."
        )
    if node["paxos"] == ABSENT and node["sqlite"] == PRESENT:
        raise _lost(node, f"has data in {node['sqlite_directory']} and none in {node['paxos_directory']}")


def _require_kept(node: dict) -> None:
    """A server that has started has both of its directories."""
    version = node["record"].get("version")
    needs_sqlite = version is None or server_version(version) >= SQLITE_COUNTS
    for directory, needed in (("paxos", True), ("sqlite", needs_sqlite)):
        if needed and node[directory] != PRESENT:
            raise _lost(node, f"has started before, and {node[f'{directory}_directory']} is {node[directory]}")


def _lost(node: dict, found: str) -> Refusal:
    return Refusal("server-data-lost", f"{node['name']} {found}.")
