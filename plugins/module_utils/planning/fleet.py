# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of the whole fleet: all refusals at once, and the table that a person reads."""

from __future__ import annotations

from ..identity import bound_of
from ..printable import printable
from ..refusal import Refusal
from . import applied, fence, inventory
from .dependents import dependents, depends, unseen, words
from .diffs import diff_lines
from .newcomer import NewcomerPlanner
from .nodes import config_of
from .rename import RenamePlanner, wrong_request
from .reverse import ReversePlanner
from .service import MIGRATE, REFUSED, RENAME, REVERSE, ServicePlanner
from .sight import clients_of, other_clients, overlooked, unidentified


def plan_fleet(nodes: list, stores: dict, timelock: dict, settings: dict) -> dict:
    """What would be done with every service that is in the play.

    ``nodes`` are those of the group atlasdb_services, in its order: ``name``, ``service``, ``host``, ``config_path``,
    ``unit``, ``adopt_namespace``, ``accept_unproven``, ``accept_identity``, ``migration``, ``is_new``, ``variables``
    (those that belong to the service) and ``look`` (the result of client_config_info, or None). ``stores`` has what was
    read of each service's store, and its ``known_clients``; ``timelock`` what was read of TimeLock.
    ``settings``: ``playing`` (hosts of the play), ``servers``, ``take_over``, ``holder_gone``, ``is_young`` (a lock),
    ``known_clients`` (addresses and networks), ``kept`` (the plan that is to be applied, or None),
    ``skip_refused``,
    ``server_version`` (TimeLock's, or None), ``repair`` (whether what was done by hand is to be repaired),
    ``direction`` (MIGRATE, REVERSE or RENAME), ``rename_to`` (the new namespace, for RENAME),
    ``highest_issued`` (for REVERSE where TimeLock is lost, else None) and ``resolve`` (the addresses of a host).
    """
    services = inventory.services_of(nodes)
    kept = settings["kept"]
    fleet = inventory.whole_fleet(nodes, settings["servers"], settings["server_version"])
    if kept is not None and kept.get("servers") != settings["servers"]:
        fleet.append(Refusal("plan-stale", "The plan that is being applied is one for other TimeLock servers."))
    playing = [name for name, members in services.items() if _plays(members, settings)]
    if settings["direction"] == RENAME:
        unclear = wrong_request(settings["rename_to"], playing)
        fleet += [unclear] if unclear else []
    identified = _identified(services, stores)
    bounds = {name: bound for name, (_namespace, bound) in identified.items()}
    edges = depends(services, settings["servers"], settings["resolve"])
    depending = dependents(edges, bounds, stores, settings["direction"] == MIGRATE)
    between = (
        inventory.split_services(services, settings["playing"]),
        inventory.shared_nodes(services),
        inventory.shared_bounds(identified),
        fence.shared(services, stores),
    )
    clients = clients_of(services, stores, kept)
    plans = {}
    for name in playing:
        members = services[name]
        found = [refusals[name] for refusals in between if name in refusals]
        found += depending.get(name, [])
        found += inventory.disagreeing_variables(members)
        astray = inventory.disagreeing_servers(name, members, settings["servers"])
        found += astray
        reasons, without = inventory.reasons_of(members[0])
        found += without
        planner = _planner(settings["direction"], members[0]["is_new"])(
            name,
            members,
            stores.get(name),
            {**timelock, "refusals": astray, "fresh": {}} if astray else timelock,
            {
                **settings,
                **reasons,
                "known_clients": settings["known_clients"] + (stores.get(name) or {}).get("known_clients", []),
                "inventory_refusals": found,
                "adopt_namespace": members[0]["adopt_namespace"],
                "other_clients": other_clients(clients, name),
                "unidentified": unidentified(clients, name),
                "namespaces": {other: own[0] for other, own in identified.items() if other != name},
            },
        )
        plan = planner.plan() if kept is None else applied.hold_to(kept, name, planner.plan())
        if plan["todo"] == MIGRATE:
            left_out = [other for other in services if other not in playing]
            notes = unseen(left_out, plan["version"]), overlooked(plan["view"], unidentified(clients, name))
            plan["notes"] += filter(None, notes)
        plans[name] = {**plan, "addresses": clients.get(name, {}).get("addresses", []), "number": len(plans)}
    reasons = [refusal.result()["msg"] for refusal in fleet]
    reasons += [printable(f"{name}: {refusal['msg']}") for name, plan in plans.items() for refusal in plan["refusals"]]
    refused = [name for name, plan in plans.items() if plan["todo"] == REFUSED]
    # With nothing left to go on with, the refusals are the end.
    left_out = refused if settings["skip_refused"] and len(refused) < len(plans) else []
    return {
        "services": plans,
        "servers": settings["servers"],
        "reasons": reasons,
        "refusals": [refusal.result() for refusal in fleet],
        "refused": bool(fleet) or len(refused) > len(left_out),
        "left_out": left_out,
        "table": [printable(line) for line in (*table(plans), *words(edges))],
        "diff_lines": diff_lines(plans),
        "depends": edges,
        "clients": clients,
    }


def _planner(direction: str, is_new: bool) -> type:
    if direction == MIGRATE:
        return NewcomerPlanner if is_new else ServicePlanner
    return {REVERSE: ReversePlanner, RENAME: RenamePlanner}[direction]


def _plays(members: list, settings: dict) -> bool:
    return any(node["name"] in settings["playing"] for node in members)


def _identified(services: dict, stores: dict) -> dict:
    """For each service its namespace and what identifies its bound, None where unknown."""
    found = {}
    for name, members in services.items():
        config = next(filter(None, map(config_of, members)), {})
        found[name] = (config.get("namespace"), bound_of((stores.get(name) or {}).get("identity") or {}))
    return found


def _namespace_words(plan: dict) -> str:
    name = str(plan["namespace"] or "?")
    return f"{plan['renamed_from']} -> {name}" if plan["renamed_from"] else name


def _timelock_words(plan: dict) -> str:
    """What only the counter of its namespace would tell is refused later, where it was not asked for."""
    asked = plan["fresh_timestamp"] is not None or plan["timelock"] == "unusable"
    return plan["timelock"] if asked else f"{plan['timelock']}, not asked"


def table(plans: dict) -> list:
    """The plan as lines of text, one a service, then the notes in full."""
    heads = ("SERVICE", "NAMESPACE", "STORE", "STATE", "BOUND", "TIMELOCK", "PROOFS", "WOULD")
    rows = [heads]
    for name, plan in plans.items():
        seen = [proof for proof in plan["proofs"].values() if proof["process"] and proof["sessions"]]
        number = plan["bound"] if plan["bound"] is not None else plan["backup"]
        rows.append(
            (
                name,
                _namespace_words(plan),
                str((plan["identity"] or {}).get("type", "?")),
                str(plan["store"] or "?"),
                "?" if number is None else str(number),
                _timelock_words(plan),
                f"{len(seen)}/{len(plan['nodes'])} nodes",
                plan["todo"] + (" (resume)" if plan["resuming"] and plan["todo"] != REFUSED else ""),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    for name, plan in plans.items():
        lines += [f"{name}: note: {note}" for note in plan["notes"]]
    return lines
