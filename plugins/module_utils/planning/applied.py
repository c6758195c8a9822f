# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a plan that somebody has read and kept is still the plan."""

from __future__ import annotations

from ..bound import MAX_LONG, parse_number
from ..identity import later_identity
from ..refusal import Refusal
from .service import MOVES, NEW, NOTHING, REFUSED

_NAMES = {
    "nodes": "its nodes",
    "namespace": "its namespace",
    "store": "the state of its store",
    "modes": "where its nodes take timestamps from",
    "digests": "the content of its configuration files",
    "version": "its version of AtlasDB",
    "migration": "its timelock_migration",
}
_OF_A_RUN = ("nodes", "namespace", "version", "migration")
"""What an unfinished run leaves as it was."""

_NEEDED = {*_NAMES, "diffs", "todo", "identity", "bound"}


def hold_to(kept: dict, name: str, plan: dict) -> dict:
    """``plan`` of the service ``name`` as it would be now, refused where it is not the one in the ``kept`` fleet plan.

    A bound that has grown is no difference: the service serves. What an unfinished run of that plan has changed is none
    either, and a service that it has finished is left alone. Refusal: ``plan-stale``.
    """
    services = kept.get("services")
    before = services.get(name) if isinstance(services, dict) else None
    if not isinstance(before, dict) or not set(before) >= _NEEDED:
        return _refused(plan, f"The plan that is being applied has no service {name}.")
    if REFUSED in (before["todo"], plan["todo"]):
        return plan if plan["refusals"] else _refused(plan, f"{name} was refused in the plan that is being applied.")
    if plan["todo"] in (NOTHING, NEW):
        return plan
    difference = _difference(before, plan)
    return _refused(plan, f"{name} is not as in the plan that is being applied: {difference}.") if difference else plan


def _difference(before: dict, now: dict) -> str | None:
    """In words, or None."""
    if before["todo"] not in MOVES or before["todo"] != now["todo"]:
        return f"it was to do {before['todo']}, and is to {now['todo']}"
    for key, name in _NAMES.items():
        if now["resuming"] and key not in _OF_A_RUN:
            continue
        if before.get(key) != now[key]:
            values = "" if key == "digests" else f": {_words(before.get(key))}, and now {_words(now[key])}"
            return f"{name} changed{values}"
    rewritten = _rewritten(before, now)
    if rewritten:
        return f"what would be written into the configuration files of {', '.join(rewritten)} changed"
    if before.get("fence") != now["fence"]:
        return "which login is shut out, or stands in its place, changed"
    try:
        later_identity(before["identity"], now["identity"])
    except Refusal as refusal:
        return refusal.found.rstrip(".")
    if now["bound"] is not None and before["bound"] is not None and now["bound"] < _number(before["bound"]):
        return f"its bound is {now['bound']}, below {before['bound']}"
    return None


def _rewritten(before: dict, now: dict) -> list:
    """The nodes whose files are as they were, and would be given another content than was read. What a run has switched
    in already is given none."""
    digests, diffs = (before[key] if isinstance(before[key], dict) else {} for key in ("digests", "diffs"))
    same = [node for node, digest in now["digests"].items() if digest == digests.get(node)]
    return [node for node in same if diffs.get(node) != now["diffs"].get(node)]


def _number(value) -> int:
    """A bound as a plan has it, or as decimal text, as it stands in a file; what is neither is above every bound."""
    try:
        return value if isinstance(value, int) else parse_number(value, "bound")
    except ValueError:
        return MAX_LONG


def _words(value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


def _refused(plan: dict, found: str) -> dict:
    refusal = Refusal("plan-stale", found).result()
    return {**plan, "todo": REFUSED, "refusals": [*plan["refusals"], refusal], "diffs": {}}
