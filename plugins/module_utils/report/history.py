# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run did to a service, and what it saw of it, from the run's journal."""

from __future__ import annotations

from datetime import datetime, timedelta

from .. import journal

BOUND = "bound"
BACKUP = "backup"
FRESH = "fresh"
_NUMBERS = {"bound": BOUND, "backup": BACKUP, "fresh_timestamp": FRESH}

_OF_A_SERVICE = ("sessions", "timelock")
_OF_ABSENCE = ("process", "kvs_sockets")


def history(lines: list, service: str) -> dict:
    """``effects``, ``steps``, ``numbers``, ``witnesses`` and ``proofs`` of ``service``, each in the order of time."""
    own = [line for line in lines if line["service"] == service]
    return {
        "effects": journal.short(lines, service),
        "steps": _steps(own),
        "numbers": _numbers(own),
        "witnesses": _witnesses(own),
        "proofs": _proofs(own),
    }


def _steps(lines: list) -> list:
    """Each step with when it ``began`` and ``ended``, as far as anything was done or looked at in it."""
    steps: dict = {}
    for line in lines:
        ended = datetime.fromisoformat(line["time"])
        began = ended - timedelta(seconds=line.get("took", 0))
        step = steps.setdefault(line["step"], {"began": began, "ended": ended})
        step.update(began=min(step["began"], began), ended=max(step["ended"], ended))
    return [
        {
            "step": name,
            **{key: moment.isoformat(timespec="milliseconds") for key, moment in step.items()},
            "seconds": round((step["ended"] - step["began"]).total_seconds(), 3),
        }
        for name, step in steps.items()
    ]


def _numbers(lines: list) -> list:
    """Every bound, kept bound and fresh timestamp that was seen, as decimal text, with when, and in which step."""
    seen: list = []
    begun = {}
    for line in lines:
        time, effect = line["time"], line.get("effect")
        if line["came"] == journal.BEGUN:
            begun[effect] = time
            continue
        before = line.get("before")
        if effect == journal.EFFECTS["timelock_fast_forward"]:
            before = {"fresh_timestamp": before}
        # What an effect found is no younger than its begin.
        for state, when in ((before, begun.get(effect, time)), (line, time), (line.get("after"), time)):
            if isinstance(state, dict):
                seen += [(when, line["step"], what, state.get(key)) for key, what in _NUMBERS.items()]
    return [
        {"time": when, "step": step, "what": what, "number": str(number)}
        for when, step, what, number in seen
        if number is not None
    ]


def _witnesses(lines: list) -> list:
    """What else the store held when TS was read, which must be at or below it."""
    reads = [line["corroboration"] for line in lines if line["step"] == "read" and "corroboration" in line]
    return [{**one, "number": str(one["number"])} for one in (reads[-1] if reads else [])]


def _proofs(lines: list) -> list:
    """Every proof: ``time``: when it was told; ``taken``: from when its age counts; ``before``: what was seen then;
    ``started``: of a node that was to serve, whether it was started for that."""
    return [
        {"time": line["time"], "step": line["step"], **_proof(line, proof)}
        for line in lines
        for proof in line.get("proofs") or []
    ]


def _proof(line: dict, proof: dict) -> dict:
    told = {**proof, "node": None if proof["kind"] in _OF_A_SERVICE else line["node"]}
    if proof["kind"] in _OF_ABSENCE and line.get("before"):
        told["before"] = line["before"]
    if "started" in line:
        told["started"] = line["started"]
    if "fresh_timestamp" in told:
        told["fresh_timestamp"] = str(told["fresh_timestamp"])
    return told
