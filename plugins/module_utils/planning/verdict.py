# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a run ended for each service, from what its coordinator recorded."""

from __future__ import annotations

from ..bound import ACTIVE
from ..printable import printable
from .service import LEFT_ALONE, MIGRATED, MOVES, NEW, NOTHING, RENAME, RENAMED, REVERSE, REVERSED

NOT_BEGUN = "not begun"
FAILED = "failed"
WOULD_MIGRATE = "would migrate"
WOULD_REVERSE = "would go back"
WOULD_RENAME = "would be renamed"
LEFT_OUT = "left out"


_DONE = {REVERSE: REVERSED, RENAME: RENAMED}
_WOULD = {REVERSE: WOULD_REVERSE, RENAME: WOULD_RENAME}
_GOOD = (MIGRATED, WOULD_MIGRATE, *_DONE.values(), *_WOULD.values(), LEFT_OUT, LEFT_ALONE, NEW)


def outcome(plan: dict, voice: dict) -> str:
    """One word for how the service ended. ``voice`` are the facts of its coordinator."""
    if plan["todo"] == NOTHING:
        return REVERSED if plan["store"] == ACTIVE else MIGRATED
    if plan["todo"] not in MOVES:
        return plan["todo"]
    released = voice.get("timelock_released") or {}
    if "timelock_failure" not in voice and released.get("epoch") and not released.get("failed"):
        return _DONE.get(plan["todo"], MIGRATED)
    if "timelock_failure" in voice or voice.get("timelock_lock"):
        return FAILED
    return NOT_BEGUN


def verdict(plan: dict, voices: dict, times: dict, check_mode: bool) -> dict:
    """The end of a run: ``services`` by name, ``lines`` for a person, ``not_migrated`` (names).

    ``times`` are ``outage_seconds``, ``window_seconds`` and ``down_since`` of each service, where its journal tells.
    """
    ends = {name: _end(service, voices[name], times.get(name, {})) for name, service in plan["services"].items()}
    if check_mode:
        for name, end in ends.items():
            if end["outcome"] == NOT_BEGUN:
                end["outcome"] = _WOULD.get(plan["services"][name]["todo"], WOULD_MIGRATE)
    for name in plan["left_out"]:
        ends[name]["outcome"] = LEFT_OUT
    bad = [name for name, end in ends.items() if end["outcome"] not in _GOOD]
    return {"run_id": plan["run_id"], "services": ends, "lines": _lines(ends), "not_migrated": bad}


def _end(service: dict, voice: dict, times: dict) -> dict:
    failure = voice.get("timelock_failure")
    return {
        "outcome": outcome(service, voice),
        "already": service["todo"] == NOTHING,
        "refused_for": [refusal["code"] for refusal in service["refusals"]],
        "namespace": service["namespace"],
        "renamed_from": service["renamed_from"],
        "ts": (voice.get("timelock_bound") or {}).get("ts") or _text(service["backup"]),
        "restored_to": (voice.get("timelock_given_back") or {}).get("bound"),
        "fresh_before_start": _text((voice.get("timelock_after") or {}).get("fresh_timestamp")),
        "outage_seconds": times.get("outage_seconds"),
        "window_seconds": times.get("window_seconds"),
        "down_since": times.get("down_since"),
        "failure": failure and {"step": failure["step"], "code": failure["code"], "msg": failure["msg"]},
        "left": (voice.get("timelock_left") or {}).get("words"),
        "accepted_unproven": _accepted(service, voice),
    }


_MAY_ACCEPT = (
    "timelock_invalidated", "timelock_may_migrate", "timelock_renamed", "timelock_restored", "timelock_raised",
    "timelock_opened",
)  # fmt: skip
"""What wants a proof of each node, and goes without one for a reason."""


def _accepted(service: dict, voice: dict) -> str | None:
    restored = voice.get("timelock_restored") or {}
    given = [(voice.get(name) or {}).get("accepted_unproven") for name in _MAY_ACCEPT]
    reasons = list(dict.fromkeys(given))
    if service["highest_issued"] is not None and restored and not restored.get("failed"):
        reasons.append(f"timelock_lost: TimeLock never gave out more than {service['highest_issued']}")
    return "; ".join(reason for reason in reasons if reason) or None


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _lines(ends: dict) -> list:
    lines = []
    for name, end in ends.items():
        words = [f"{name}: {end['outcome']}"]
        if end["outcome"] == LEFT_OUT:
            words[0] += f" ({', '.join(end['refused_for'])})"
        if end["outcome"] == NEW:
            words.append("nothing to hand over")
        if end["already"]:
            words.append("before this run")
        if end["renamed_from"]:
            words.append(f"{end['renamed_from']} -> {end['namespace']}")
        if end["ts"]:
            words.append(f"TS {end['ts']}")
        if end["restored_to"]:
            words.append(f"bound {end['restored_to']}")
        if end["fresh_before_start"]:
            words.append(f"TimeLock's fresh timestamp {end['fresh_before_start']}")
        if end["window_seconds"] is not None:
            words.append(f"outage {end['outage_seconds']} s, window {end['window_seconds']} s")
        lines.append(", ".join(words))
        if end["failure"]:
            lines.append(f"{name}: in step '{end['failure']['step']}': {end['failure']['msg']}")
        if end["left"]:
            lines.append(f"{name}: {end['left']}.")
        if end["accepted_unproven"]:
            lines.append(f"{name}: accepted unproven: {end['accepted_unproven']}")
    return [printable(line) for line in lines]
