# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where every service is now, from what the plan has read, and what its engineer types next."""

from __future__ import annotations

from ..bound import ACTIVE, INVALIDATED
from .service import NOTHING

MUST_NOT_BE = (
    "store-reactivated", "config-mixed-active", "timelock-behind-backup", "bound-below-record", "config-drifted",
)  # fmt: skip
"""Refusals that are states which must never be, not only reasons against a handover."""


def fleet_status(plan: dict) -> dict:
    """``lines`` for a person, ``services`` by name with ``state`` and ``do``, ``alarming`` (names)."""
    services = {name: _status(service) for name, service in plan["services"].items()}
    heads = ("SERVICE", "STATE", "STORE", "NODES", "LOCK", "DO")
    rows = [heads]
    for name, service in plan["services"].items():
        now = services[name]
        modes = [str(mode) for mode in service["modes"].values()]
        counted = ", ".join(f"{modes.count(mode)} {mode}" for mode in dict.fromkeys(modes))
        rows.append((name, now["state"], str(service["store"]), counted, now["lock"], now["do"]))
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    for name, service in plan["services"].items():
        lines += [f"{name}: {refusal['msg']}" for refusal in service["refusals"] + service["drifted"]]
    return {"lines": lines, "services": services, "alarming": [name for name in services if services[name]["alarming"]]}


def _status(service: dict) -> dict:
    codes = [refusal["code"] for refusal in service["refusals"] + service["drifted"]]
    wrong = [code for code in codes if code in MUST_NOT_BE]
    holder = (service["record"] or {}).get("holder")
    lock = f"run {holder['run_id']}, {holder['user']}@{holder['host']}, {holder['since']}" if holder else "free"
    state, do = _state(service, wrong, codes)
    return {"state": state, "do": do, "lock": lock, "alarming": bool(wrong), "codes": codes}


def _state(service: dict, wrong: list, codes: list) -> tuple:
    if wrong:
        return "wrong", f"see {wrong[0]}"
    if service["resuming"]:
        return "unfinished", "migrate.yml"
    if service["todo"] == NOTHING:
        return "migrated", "nothing"
    if service["store"] == ACTIVE and not codes:
        return "embedded", "migrate.yml"
    if service["store"] == INVALIDATED:
        return "invalidated", f"see {codes[0]}" if codes else "migrate.yml"
    return "unclear", f"see {codes[0]}" if codes else "plan.yml"
