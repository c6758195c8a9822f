# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one format in which plan, status and report are kept for other programs. ``docs/json.md`` describes it.

Timestamps are decimal text: a program that reads JSON's numbers as floats would round them.
"""

from __future__ import annotations

from .status import fleet_status

FORMAT = "atlasdb.timelock/1"

PLAN = "plan"
STATUS = "status"
REPORT = "report"

FLEET = ("run_id", "servers", "refused", "refusals", "reasons", "left_out", "depends")
"""What is said of the fleet, as fleet_plan says it."""

SERVICE = (
    "service", "nodes", "coordinator", "namespace", "renamed_from", "renamed", "highest_issued", "modes", "store",
    "bound", "backup", "corroboration", "identity", "trust", "timelock", "fresh_timestamp", "up", "proofs",
    "sessions_seen", "view", "addresses", "nodes_to_stop", "digests", "todo", "version", "migration", "own_begun",
    "repair", "repairing", "fence", "resuming", "record", "refusals", "drifted", "notes", "diffs",
)  # fmt: skip
"""What is said of a service, as fleet_plan says it."""

_NUMBERS = ("bound", "backup", "fresh_timestamp")
_REFUSALS = ("refusals", "drifted")


def document(kind: str, plan: dict, made: str, by: dict, ends: dict | None = None) -> dict:
    """``plan`` (a result of fleet_plan, with ``run_id``) as a document of ``kind``.

    ``made``: when, by the controller's clock, as ISO 8601; ``by``: by whom, with which versions. ``ends``: for a
    report, how the run ended for each service.
    """
    states = fleet_status(plan)["services"]
    services = {name: {**_service(one), "status": states[name]} for name, one in plan["services"].items()}
    for name, end in (ends or {}).items():
        services[name]["end"] = end
    fleet = {key: plan[key] for key in FLEET}
    fleet["refusals"] = [_refusal(refusal) for refusal in fleet["refusals"]]
    return {"format": FORMAT, "kind": kind, "made": made, "by": by, **fleet, "services": services}


def _service(plan: dict) -> dict:
    told = {key: plan[key] for key in SERVICE}
    for key in _NUMBERS:
        told[key] = None if plan[key] is None else str(plan[key])
    told["corroboration"] = [{**one, "number": str(one["number"])} for one in plan["corroboration"]]
    for key in _REFUSALS:
        told[key] = [_refusal(refusal) for refusal in plan[key]]
    return told


def _refusal(refusal: dict) -> dict:
    return {key: refusal[key] for key in ("code", "found", "do")}
