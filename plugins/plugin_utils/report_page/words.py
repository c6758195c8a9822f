# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a report says of a service, for somebody who was not there."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils import journal
from ansible_collections.atlasdb.timelock.plugins.module_utils.cluster_sessions import HOSTS, NODES, STORE
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning import verdict
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.service import ACCEPTED, RENAME, REVERSE
from ansible_collections.atlasdb.timelock.plugins.module_utils.report.history import BOUND, FRESH
from ansible_collections.atlasdb.timelock.plugins.module_utils.report.steps import PUT_BACK

_SESSIONS = {
    STORE: "the database's own list of its sessions",
    HOSTS: "the established connections on every host of the store, as its kernel knows them",
    NODES: "the established connections on the nodes' own hosts",
}
_HOW = {
    "hold": ("Held down", "the file in the configuration's place, and its marker, on the node"),
    "process": ("Gone", "the service manager, /proc and the ports on the node"),
    "kvs_sockets": ("Not connected to the store", "the connections of the node's host, as its kernel knows them"),
    "sessions": ("Nobody else at the store", ""),
    "timelock": ("TimeLock is above TS", "a fresh timestamp through the leader, after the fast-forward"),
    "serving": ("Serves on TimeLock", "its processes, their ports, its health, and their connections, on the node"),
    "configured": ("Has its embedded configuration", "the file in its place, and the service manager, on the node"),
}
_HOW_BACK = {
    "timelock": ("What TimeLock gave out is below", "a fresh timestamp through the leader"),
    "serving": ("Serves on its embedded timestamps", "its processes, their ports, and its health, on the node"),
}
_HOW_LEFT = ("What the old namespace gave out is below", "a fresh timestamp of it, through the leader")
_HOW_PUT_BACK = ("Serves as before the run", "its processes, their ports, and its health, on the node")

_CONFIGURED_BEFORE = {"hold": "the node's own configuration", "configured": "held, with its configuration for TimeLock"}

_STORE_NAMES = ("database", "keyspace", "cluster_name", "system_identifier")


def grouped(number: str | None) -> str:
    """A timestamp with its digits in groups."""
    return "–" if number is None else f"{int(number):,}"


def key_numbers(service: dict, way_back: bool) -> list:
    """The two numbers that the run is about, each with its name."""
    end = service["end"]
    if way_back:
        said = service["highest_issued"]
        # What an operator has typed may be no number, and was refused then.
        given_out = end["fresh_before_start"] or (said if said and said.isdecimal() else None)
        return [("Bound made live", grouped(end["restored_to"])), ("Last from TimeLock", grouped(given_out))]
    return [("TS", grouped(end["ts"])), ("First timestamp after", grouped(_first_after(end)))]


def _first_after(end: dict) -> str | None:
    """The first timestamp that TimeLock gave out after it was above TS."""
    given = [proof["fresh_timestamp"] for proof in end["proofs"] if _forwarded(proof)]
    return given[0] if given else end["fresh_before_start"]


def _forwarded(proof: dict) -> bool:
    return proof["kind"] == "timelock" and proof["step"] == "fast_forward"


def in_short(service: dict) -> str:
    """A few sentences, each of which the journal of the run bears out."""
    end = service["end"]
    if end["already"]:
        where = "back on its embedded timestamps" if end["outcome"] == verdict.REVERSED else "on TimeLock"
        return f"It was {where} before this run, which changed nothing."
    if end["outcome"] == verdict.NOT_BEGUN:
        return "The run ended before it came to this service. Nothing was touched."
    if not end["steps"]:
        return "Nothing was touched."
    return " ".join([*_of_offline(service), *_of_numbers(service), *_of_the_end(service)])


def _of_offline(service: dict) -> list:
    end, nodes = service["end"], service["nodes_to_stop"]
    if not nodes or not all(set(nodes) <= _proved(end, kind) for kind in ("hold", "process")):
        return []
    if len(nodes) < len(service["nodes"]):
        which = f"{', '.join(nodes)}, not yet on TimeLock, {'were' if len(nodes) > 1 else 'was'}"
    else:
        which = f"All {len(nodes)} nodes were" if len(nodes) > 1 else "Its only node was"
    alone = ", and nobody else had a session at its store" if _proved(end, "sessions") else ""
    return [f"{which} proved held down and gone{alone}."]


def _proved(end: dict, kind: str) -> set:
    """The nodes of which there is such a proof; one of absence counts only if the same probe had seen them."""
    return {proof["node"] for proof in end["proofs"] if proof["kind"] == kind and proof.get("seen_before", True)}


def _of_numbers(service: dict) -> list:
    end, said = service["end"], []
    if service["todo"] == REVERSE:
        return [f"The bound was made live at {grouped(end['restored_to'])}."] if end["restored_to"] else []
    if end["ts"] and service["todo"] == RENAME:
        said.append(f"The last timestamp of the namespace {service['renamed_from']}, TS, was {grouped(end['ts'])}.")
    elif end["ts"]:
        said.append(f"The bound, TS, was {grouped(end['ts'])}: no timestamp above it had ever been issued.")
    given = _first_after(end)
    if given and end["ts"]:
        above = "above TS" if int(given) > int(end["ts"]) else "not above TS"
        said.append(f"TimeLock gave {grouped(given)} after it was fast-forwarded, {above}.")
    came = [one["came"] for one in end["effects"] if one["effect"] == journal.EFFECTS["timestamp_invalidate"]]
    if journal.CHANGED in came:
        said.append("The old timestamp service was invalidated, on condition that its bound was still TS.")
    elif journal.UNCHANGED in came:
        said.append("An earlier run had invalidated the old timestamp service.")
    return said


def _of_the_end(service: dict) -> list:
    end = service["end"]
    where = {
        verdict.MIGRATED: "on TimeLock",
        verdict.RENAMED: f"on TimeLock with the namespace {service['namespace']}",
        verdict.REVERSED: "on their embedded timestamps",
    }
    if end["outcome"] not in where:
        return [f"The service is not {_TO_BE.get(service['todo'], 'migrated')}."]
    started = sorted(_proved(end, "serving") - _found_serving(end))
    served = sorted(_found_serving(end))
    said = [f"Only then did {', '.join(started)} start, and serve {where[end['outcome']]}."] if started else []
    return [*said, *([f"{', '.join(served)} served {where[end['outcome']]} already."] if served else [])]


def _found_serving(end: dict) -> set:
    """The nodes that were to serve and did, as an earlier run had left them."""
    return {proof["node"] for proof in end["proofs"] if proof["kind"] == "serving" and not _was_started(proof)}


def _was_started(proof: dict) -> bool:
    return proof.get("started", True)


_TO_BE = {REVERSE: "brought back", RENAME: "renamed"}


def caption(service: dict) -> str:
    """What the chart of the numbers shows of the two sides, as far as the run came to it."""
    end = service["end"]
    if service["todo"] == REVERSE:
        above = "All that TimeLock gave out is below the bound that was made live; all that is taken now is above."
        return above if end["restored_to"] else ""
    if not end["ts"]:
        return ""
    old, new = ("old namespace", "the new one") if service["todo"] == RENAME else ("old timestamp service", "TimeLock")
    return f"All that the {old} can have issued is at or below TS; all that {new} gives the service is above."


def accepted(service: dict) -> list:
    """What was accepted without a proof, and why."""
    reason = service["end"]["accepted_unproven"]
    at_the_plan = [note for note in service["notes"] if note.startswith(ACCEPTED)]
    where = _ACCEPTED_AT.get(service["todo"], "invalidation")
    return [*at_the_plan, *([f"At the {where}: {reason}"] if reason else [])]


_ACCEPTED_AT = {REVERSE: "restoring of the bound", RENAME: "start on the new namespace"}


def noted(service: dict) -> list:
    """What else the plan says of the service."""
    return [note for note in service["notes"] if not note.startswith(ACCEPTED)]


def facts(service: dict, way_back: bool) -> list:
    """Triples of a name, a value and how it is shown: ``num``, ``wide`` or nothing."""
    kept = service["end"]["ts"] if way_back else None
    found = [
        *((name, number, "num") for name, number in key_numbers(service, way_back)),
        ("TS, kept until now", grouped(kept) if kept else "", ""),
        ("Corroborated by", _witnesses(service), ""),
        ("Namespace", service["namespace"] or "–", ""),
        ("Nodes", ", ".join(service["nodes"]), ""),
        ("AtlasDB client", service["version"] or "not known", ""),
        ("Store", _store(service["identity"] or {}), ""),
        ("Before the run", f"{service['status']['state']}; {_modes(service['modes'])}", ""),
    ]
    return [fact for fact in found if fact[1] != ""]


def _witnesses(service: dict) -> str:
    found = [f"{one['source']} {grouped(one['number'])}" for one in service["end"]["witnesses"]]
    earlier = ((service["record"] or {}).get("numbers") or {}).get("bound")
    found += [f"an earlier run's record {grouped(str(earlier))}"] if earlier else []
    return ", ".join(found) or "nothing besides"


def _store(identity: dict) -> str:
    names = [str(identity[key]) for key in _STORE_NAMES if key in identity]
    return f"{identity['type']} {', '.join(names)}" if identity else "not read"


def _modes(modes: dict) -> str:
    counted = list(modes.values())
    return ", ".join(f"{counted.count(mode)} {mode or 'unreadable'}" for mode in dict.fromkeys(counted))


def proofs(service: dict) -> list:
    """Every proof of the service: ``claim``, ``how`` it was obtained, and what was seen ``before`` and ``after``."""
    found = [{**_proof(service, proof), **_where(proof)} for proof in service["end"]["proofs"]]
    return [*found, *_moving(service)]


def _where(proof: dict) -> dict:
    return {"node": proof["node"], "time": proof["time"]}


def _moving(service: dict) -> list:
    """That the first node takes its timestamps from where it should: another number in the step that started it."""
    end = service["end"]
    started = [proof for proof in end["proofs"] if proof["kind"] == "serving" and proof["step"] != PUT_BACK]
    if not started or (end["failure"] or {}).get("step") == started[0]["step"]:
        return []
    what = BOUND if service["todo"] == REVERSE else FRESH
    first, time = started[0]["step"], started[0]["time"]
    numbers = [one for one in end["numbers"] if one["what"] == what]
    before = [one["number"] for one in numbers if one["time"] <= time and one["step"] in _STEPS_BEFORE.get(first, ())]
    # Of a rename the later one is of the namespace that it leaves.
    before = before[-1:] if what == BOUND else before[:1]
    moved = [one for one in numbers if one["time"] > time and one["step"] == first and one["number"] not in before]
    if not before or not moved:
        return []
    claim, how = _MOVES[what]
    shown = {"claim": claim, "how": f"{how} before the first node was started, and after"}
    seen = {"before": grouped(before[0]), "after": grouped(moved[0]["number"])}
    return [{**shown, **seen, "node": None, "time": moved[0]["time"]}]


_MOVES = {BOUND: ("Its bound moves", "the bound in the store"), FRESH: ("Its namespace moves", "a fresh timestamp")}
_STEPS_BEFORE = {
    "restart_first": ("read_back", "rename_read_back"),
    "own_migration": ("own_migration",),
    "reverse_start_first": ("reverse_restore",),
}
"""By the step in which the first node is started, those that read the number last."""


def _proof(service: dict, proof: dict) -> dict:
    kind = proof["kind"]
    claim, how = _how(service["todo"], proof)
    before, after = {
        "sessions": lambda: (_seen(service), "no session but our own, and those named as no client"),
        "timelock": lambda: _timelock(service["end"], proof),
        "serving": lambda: (_before_start(service, proof), _serving(proof)),
    }.get(kind, lambda: (_present(proof), proof.get("detail", "–")))()
    view = service["view"] or {"kind": STORE}
    return {"claim": claim, "how": how or _SESSIONS[view["kind"]], "before": before, "after": after}


def _how(todo: str, proof: dict) -> tuple:
    kind = proof["kind"]
    if proof["step"] == PUT_BACK and kind == "serving":
        return _HOW_PUT_BACK
    if todo == RENAME and kind == "timelock" and not _forwarded(proof):
        return _HOW_LEFT
    return (_HOW_BACK if todo == REVERSE and kind in _HOW_BACK else _HOW).get(kind, (kind, "–"))


def _seen(service: dict) -> str:
    seen = service["sessions_seen"]
    return f"sessions of {', '.join(seen)}" if seen else "no session of a node was seen"


def _timelock(end: dict, proof: dict) -> tuple:
    earlier = [one["number"] for one in end["numbers"] if one["what"] == FRESH and one["time"] < proof["time"]]
    return grouped(earlier[-1] if earlier else None), grouped(proof["fresh_timestamp"])


def _present(proof: dict) -> str:
    if proof["kind"] in _CONFIGURED_BEFORE:
        return _CONFIGURED_BEFORE[proof["kind"]]
    before = proof.get("before") or {}
    parts = [f"process {', '.join(map(str, before['pids']))}"] if before.get("pids") else []
    parts += [f"listening on {', '.join(map(str, before['listening']))}"] if before.get("listening") else []
    parts += [f"connected to {', '.join(before['connected'])}"] if before.get("connected") else []
    return "; ".join(parts) or ("seen" if proof.get("seen_before") else "not seen: it counts for nothing")


def _before_start(service: dict, proof: dict) -> str:
    if not _was_started(proof):
        return "it served already"
    return "held, with no process" if proof["node"] in service["nodes_to_stop"] else "configured, with no process"


def _serving(proof: dict) -> str:
    parts = [f"process {', '.join(map(str, proof.get('pids') or []))}"]
    parts += [f"listening on {', '.join(map(str, proof['listening']))}"] if proof.get("listening") else []
    parts += [proof["health"]["detail"]] if proof.get("health") else []
    parts += [f"connected to TimeLock at {', '.join(proof['timelock'])}"] if proof.get("timelock") else []
    return "; ".join(parts)
