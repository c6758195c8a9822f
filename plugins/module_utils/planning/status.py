# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where every service is now, from what the plan has read, and what its engineer types next."""

from __future__ import annotations

from ..bound import ACTIVE, INVALIDATED
from ..printable import printable
from .nodes import EMBEDDED_MODES
from .service import DOWN, NEW, RENAME, REVERSE

MUST_NOT_BE = (
    "store-reactivated", "config-mixed-active", "timelock-behind-backup", "bound-below-record", "bound-contradicted",
    "config-drifted", "config-other-timelock", "node-on-old-service",
)  # fmt: skip
"""Refusals that are states which must never be, not only reasons against a handover. The first that is there is what to
look up."""

UNSEEN = ("inventory-service-unnamed", "inventory-empty")
"""Refusals of the fleet by which nodes are in no line of it; the second where there is none at all."""

ELSEWHERE = "config-other-timelock"
"""No alarm where that is one cluster by another list of its servers."""

BEHIND = "timelock-behind-backup"
"""No alarm where the store was invalidated by hand, and no client uses TimeLock."""

VANISHED = ("bound-absent", "bound-ambiguous")
"""An alarm where a node serves all the same: at its next start it would take what is empty for fresh, or find a number
that was there before."""

YES, NO, BETWEEN, UNKNOWN = "yes", "no", "in between", "?"
NOT_CHECKED = "not checked"
BY_OTHERS = "none: its own migration, or by hand"

_COLUMNS = {
    "STATE": "state", "CONFIGURATION": "configuration", "STORE": "store", "TIMELOCK": "timelock", "AGREE": "agree",
    "UP": "up", "LOCK": "lock", "LAST RUN": "last_run", "DO": "do",
}  # fmt: skip


def fleet_status(plan: dict) -> dict:
    """``lines`` for a person, ``services`` by name, ``alarming`` (their names, and codes by which nodes are unseen).

    Of a service: ``state`` and ``do``; its mode by ``configuration`` and by ``store``; ``timelock``, the counter of its
    namespace, or why it is not known; whether these ``agree``; how many nodes are ``up``; ``lock``; ``last_run``;
    ``codes`` of what was found, and whether that is ``alarming``.
    """
    services = {name: _status(service, len(plan["services"]) == 1) for name, service in plan["services"].items()}
    rows = [("SERVICE", *_COLUMNS)]
    rows += [(name, *(now[key] for key in _COLUMNS.values())) for name, now in services.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    lines += [refusal["msg"] for refusal in plan["refusals"]]
    for name, service in plan["services"].items():
        lines += [f"{name}: {refusal['msg']}" for refusal in service["refusals"] + service["drifted"]]
        lines += [f"{name}: note: {note}" for note in service["notes"]]
    unseen = UNSEEN if not services else UNSEEN[:1]
    alarming = [code for code in unseen if code in [refusal["code"] for refusal in plan["refusals"]]]
    alarming += [name for name in services if services[name]["alarming"]]
    return {"lines": [printable(line) for line in lines], "services": services, "alarming": alarming}


def _status(service: dict, is_only: bool) -> dict:
    codes = [refusal["code"] for refusal in service["refusals"] + service["drifted"]]
    wrong = [code for code in (*MUST_NOT_BE, *VANISHED) if code in codes and _must_not_be(code, service)]
    record = service["record"] or {}
    holder = record.get("holder")
    state, do = _state(service, wrong, codes, is_only)
    up = list(service["up"].values())
    return {
        "state": state,
        "do": do,
        "configuration": _configuration(service),
        "store": _store(service),
        "timelock": _counter(service),
        "agree": NO if wrong else _agree(service),
        "up": UNKNOWN if None in up else f"{sum(up)}/{len(up)}",
        "lock": f"run {holder['run_id']}, {holder['user']}@{holder['host']}, {holder['since']}" if holder else "free",
        "last_run": _last_run(record, state),
        "alarming": bool(wrong),
        "codes": codes,
    }


def _must_not_be(code: str, service: dict) -> bool:
    if code in VANISHED:
        serving = any(service["up"][node] and mode in EMBEDDED_MODES for node, mode in service["modes"].items())
        return serving and not service["live"]
    if code == ELSEWHERE:
        return service["on_another_timelock"]
    return code in MUST_NOT_BE and not (code == BEHIND and service["repair"] and not service["uses_timelock"])


def _state(service: dict, wrong: list, codes: list, is_only: bool) -> tuple:
    # What is wrong with the store says whether a node that is down may be started.
    first = next((f"see {code}" for code in sorted(codes, key=lambda code: code == DOWN)), None)
    # What did not end is ended whatever is refused of the others.
    alone = "" if is_only else f" {_alone(service)}"
    if wrong:
        return "wrong", f"see {wrong[0]}"
    if service["resuming"] and service["record"].get("direction") == REVERSE:
        return "on the way back", f"reverse.yml {_alone(service)}{_without_timelock(service['record'])}"
    if service["resuming"] and service["record"].get("direction") == RENAME:
        renaming = f"rename_namespace.yml -e timelock_rename_to={service['record']['rename_to']}"
        return "being renamed", f"{renaming} {_alone(service)}"
    if service["repair"]:
        return ("unfinished", f"repair.yml{alone}") if service["resuming"] else ("by hand", "repair.yml")
    if service["resuming"]:
        return "unfinished", f"migrate.yml{alone}"
    if service["migrated"] and not codes:
        return "migrated", "nothing"
    if service["todo"] == NEW:
        return "new", "configure it for TimeLock before its first start"
    if service["store"] == ACTIVE and set(service["modes"].values()) <= set(EMBEDDED_MODES):
        return "embedded", first or "migrate.yml"
    if service["store"] == INVALIDATED:
        return "invalidated", first or "migrate.yml"
    return "unclear", first or "plan.yml"


def _alone(service: dict) -> str:
    """What keeps a playbook to this service: one that goes back, or renames, is for no other unless that is asked."""
    return f"--limit {','.join(service['nodes'])}"


def _without_timelock(record: dict) -> str:
    """What its operator has said of a TimeLock that is lost, which every run of that way back is told."""
    number = record.get("highest_issued")
    return f" -e timelock_lost=true -e timelock_highest_issued={number}" if number else ""


def _configuration(service: dict) -> str:
    modes = [mode or UNKNOWN for mode in service["modes"].values()]
    return ", ".join(f"{modes.count(mode)} {mode}" for mode in dict.fromkeys(modes))


def _store(service: dict) -> str:
    number = service["bound"] if service["bound"] is not None else service["backup"]
    state = service["store"] or UNKNOWN
    return state if number is None else f"{state} {number}"


def _counter(service: dict) -> str:
    """A timestamp that was taken of the namespace; where none was, nobody knows what TimeLock would say."""
    if service["fresh_timestamp"] is not None:
        return str(service["fresh_timestamp"])
    return {"free": "no namespace", "listed": NOT_CHECKED}.get(service["timelock"], service["timelock"])


def _agree(service: dict) -> str:
    """Whether configurations, store and TimeLock say the same of where timestamps come from."""
    modes = set(service["modes"].values())
    if service["resuming"]:
        return BETWEEN
    if None in modes or service["store"] not in (ACTIVE, INVALIDATED) or service["timelock"] == "unusable":
        return UNKNOWN
    if service["store"] == ACTIVE:
        return YES if modes <= set(EMBEDDED_MODES) else NO
    if modes != {"timelock"}:
        return NO
    return YES if service["fresh_timestamp"] is not None else f"{YES}, TimeLock {NOT_CHECKED}"


def _last_run(record: dict, state: str) -> str:
    run = (record.get("holder") or record.get("released") or {}).get("run_id")
    if not run:
        return BY_OTHERS if state == "migrated" else "none"
    return f"{run} ({record['outcome']})" if record.get("outcome") and not record.get("holder") else run
