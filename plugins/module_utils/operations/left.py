# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a service was left whose step failed, in words: which way it went, and what each of its nodes is."""

from __future__ import annotations

from ..planning.service import PUT_BACK
from ..printable import printable

_WORDS = {
    "untouched": "nothing was touched",
    "forward": "the store is invalidated: nodes that do not run on TimeLock are held. Run {0} again to finish",
    "itself": "a node was started to migrate itself, and may do so yet: the others stay held. Run migrate.yml again",
    "repair": "the backup stands where AtlasDB does not look: the nodes stay held. Run repair.yml again to finish",
    "older": "the store is below what this run had read of it, as an older copy is: the nodes stay held. Get the one "
    "of before back, then run {0} again",
    "reactivated": "the store is active again, and a node may run on TimeLock: the others stay held. Start none; "
    "config-mixed-active in docs/refusals.md says how to go on",
    "shut_out": "the old login could not be let in again, so the nodes stay held. Run {0} again",
    "as_left": "the way back has begun, and nodes have their embedded configuration. Run reverse.yml again to finish",
    "half_renamed": "nodes may have the new namespace: they stay as they are. Run rename_namespace.yml again to finish",
    "unknown": "what the store holds, or will, is not known: the nodes stay held. Run {0} when it answers",
}
"""By way; ``{0}`` is the playbook that the run is of."""


def left(params: dict) -> dict:
    """How a service was left that is not migrated, in words; see handover_check."""
    way, nodes = params["way"], params["nodes"]
    if way == "untouched":
        return {"way": way, "as_it_was": True, "words": _WORDS[way]}
    if way != "back":
        known = zip(nodes, params["stops"], params["starts"])
        states = "; ".join(f"{node} {_state(stop, start)}" for node, stop, start in known)
        words = _WORDS[way].format(params["playbook"])
        return {"way": way, "as_it_was": False, "words": printable(f"{words}. Of its nodes {states}")}
    failed = [
        f"{node}: {(result.get('found') or result.get('msg', 'no reason given')).rstrip('.')}"
        for node, result in zip(nodes, params["results"])
        if result.get("failed") or result.get("unreachable")
    ]
    undone = [one for one in map(hook_undone, nodes, params["results"]) if one]
    hooks = f"atlasdb_after_start_tasks failed on {'; '.join(undone)}: do by hand what they do" if undone else ""
    if failed:
        words = f"put back, except {'; '.join(failed)}. Start those that are not held, and run the playbook again"
        words += f". And {hooks}" if undone else ""
        return {"way": way, "as_it_was": False, "words": printable(words)}
    words = f"{PUT_BACK}, but {hooks}" if undone else PUT_BACK
    return {"way": way, "as_it_was": True, "words": printable(words)}


def hook_undone(node: str, result: dict) -> str | None:
    """``node``, and why what the service wants done after its start was not, by the ``result`` of that start; None
    where it was, or nothing is."""
    why = result.get("after_start")
    return f"{node}: {why.rstrip('.')}" if why else None


def _state(stop: dict, start: dict) -> str:
    """What a node is, by what came of stopping and of starting it, each empty where nobody tried."""
    for result, what in ((start, "start"), (stop, "stop")):
        if result.get("unreachable"):
            return f"did not answer at its {what}"
    if start and not start.get("skipped"):
        if start.get("failed"):
            return "was switched, and does not serve"
        return "serves, and its tasks after the start failed" if start.get("after_start") else "serves"
    if not stop or stop.get("skipped"):
        return "was not touched by this run"
    if stop.get("failed"):
        return "is held, and not proved gone" if stop.get("held") else "is not held"
    return "is held, and down"
