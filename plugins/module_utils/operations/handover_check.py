# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judgements between the steps of a handover: each looks at results of other modules, and refuses or goes on."""

from __future__ import annotations

from ..bound import ACTIVE, INVALIDATED
from ..identity import later_identity
from ..planning import by_hand
from ..planning.numbers import behind, contradiction, never_held, of_left_namespace
from ..planning.own_migration import require_done, require_told, said_since
from ..planning.service import REFUSED
from ..proofs import age
from ..refusal import CODES, Refusal
from ..stores.lock import describe
from ..stores.states import another_number
from ..window import require_in_time
from . import rename_checks, reverse_checks
from .left import hook_undone, left
from .start_checks import proved

ARGUMENT_SPEC = {
    "that": {
        "type": "list",
        "elements": "str",
        "required": True,
        "choices": [
            "planned",
            "timelock_above",
            "nodes",
            "in_time",
            "bound",
            "young",
            "handed_over",
            "may_migrate_itself",
            "migrated_itself",
            "way",
            "left",
            "one_way",
            "retreat",
            "reverse_to",
            "given_back",
            "uses_bound",
            "rename_at",
            "renamed",
        ],
    },
    "plan": {"type": "dict"},
    "store": {"type": "dict"},
    "expected": {"type": "dict"},
    "fresh_timestamp": {"type": "str"},
    "nodes": {"type": "list", "elements": "str", "default": []},
    "results": {"type": "list", "elements": "dict", "default": []},
    "stops": {"type": "list", "elements": "dict", "default": []},
    "starts": {"type": "list", "elements": "dict", "default": []},
    "proofs": {"type": "list", "elements": "dict", "default": []},
    "max_proof_age": {"type": "float", "default": 300.0},
    "elapsed": {"type": "float"},
    "limit": {"type": "float"},
    "moved": {"type": "bool", "default": True},
    "earlier": {"type": "dict"},
    "later": {"type": "dict"},
    "margin": {"type": "str"},
    "run_id": {"type": "str"},
    "epoch": {"type": "int"},
    "timelock_proof": {"type": "dict"},
    "direction": {"type": "str"},
    "step": {"type": "str"},
    "lock": {"type": "dict"},
    "raised": {"type": "dict"},
    "way": {"type": "str"},
    "playbook": {"type": "str", "default": "migrate.yml"},
    "accept_unproven": {"type": "str"},
    "repairing": {"type": "str"},
    "log": {"type": "list", "elements": "str"},
    "log_before": {"type": "list", "elements": "str", "default": []},
}


def handover_check(params: dict, check_mode: bool) -> dict:
    """The judgements ``that``, one after the other; see the module's RETURN. Raises the Refusal that one comes to."""
    judges = {
        "planned": _planned,
        "timelock_above": _timelock_above,
        "nodes": _nodes,
        "in_time": _in_time,
        "bound": _bound,
        "young": _young,
        "handed_over": _handed_over,
        "may_migrate_itself": _may_migrate_itself,
        "migrated_itself": _migrated_itself,
        "way": _way,
        "left": left,
        "one_way": reverse_checks.one_way,
        "retreat": reverse_checks.retreat,
        "reverse_to": reverse_checks.reverse_to,
        "given_back": reverse_checks.given_back,
        "uses_bound": _uses_bound,
        "rename_at": rename_checks.rename_at,
        "renamed": rename_checks.renamed,
    }
    found = {"changed": False}
    for judgement in params["that"]:
        found.update(judges[judgement](params))
    return found


def _planned(params: dict) -> dict:
    """Whether the plan of a service, made anew, still holds."""
    plan = params["plan"]
    if plan["todo"] == REFUSED:
        first, others = plan["refusals"][0], plan["refusals"][1:]
        more = "".join(f" Also {refusal['msg']}" for refusal in others)
        raise Refusal(first["code"], first["found"], first["do"] + more)
    return {}


def _number(store: dict, repairing: str | None = None) -> int:
    """The number of a store in a usable state, or in the one to repair. Raises the Refusal of any other."""
    if store.get("code") and not (repairing and store["code"] == by_hand.MISPLACED):
        raise Refusal(store["code"], store["reason"])
    return int(store["bound"] if store["state"] == ACTIVE else store["backup"])


def _kept(store: dict, repairing: str | None = None) -> int:
    """The same of a store that is read back; 0 where a service began on TimeLock, which only a rename comes to."""
    return 0 if never_held(store) else _number(store, repairing)


def _timelock_above(params: dict) -> dict:
    """Whether TimeLock is above the backup of an invalidated store, and above what it gave out before."""
    plan = params["plan"]
    repairing = bool(plan.get("repairing"))
    witnesses = of_left_namespace(plan["corroboration"], plan["renamed"])
    store = {"state": plan["store"], "backup": plan["backup"], "corroboration": witnesses}
    wrong = behind(store, plan["record"], int(params["fresh_timestamp"]), repairing)
    if wrong:
        raise Refusal(wrong.code, wrong.found, by_hand.DO if plan.get("repair") else None)
    return {}


def _nodes(params: dict) -> dict:
    """Whether a step succeeded on every node; the proofs that it took there."""
    if len(params["results"]) != len(params["nodes"]):
        raise Refusal("node-lost", f"Only {len(params['results'])} of {len(params['nodes'])} nodes have a result.")
    for node, result in zip(params["nodes"], params["results"]):
        if not result or result.get("skipped"):
            raise Refusal("node-lost", f"{node} was left out of this step.")
        if result.get("unreachable"):
            raise Refusal("node-lost", f"{node} does not answer: {result.get('msg', 'no reason given')}.")
        if result.get("failed"):
            if result.get("code") in CODES:
                raise Refusal(result["code"], f"{node}: {result['found']}", result["do"])
            raise Refusal("node-lost", f"{node} failed: {result.get('msg', 'no reason given')}.")
    not_done = [undone for undone in map(hook_undone, params["nodes"], params["results"]) if undone]
    if not_done:
        raise Refusal("hook-failed", f"atlasdb_after_start_tasks failed on {'; '.join(not_done)}.")
    if not params["moved"]:
        reverse_checks.require_answer(params["later"], "fresh_timestamp", "timelock-unreachable")
        found = f"{params['nodes'][0]} serves, and its namespace on TimeLock moves only by the timestamps taken here."
        raise Refusal("node-not-on-timelock", found)
    return {"proofs": [proof for result in params["results"] for proof in result.get("proofs") or []]}


def _uses_bound(params: dict) -> dict:
    """Whether the first node of a way back serves, and takes timestamps from its bound where that could be seen."""
    given = _nodes(params)
    if params["store"] is not None:
        reverse_checks.require_use(params)
    return given


def _in_time(params: dict) -> dict:
    """Whether a service that can still be put back has been down for less than it may.

    One of which a node was started to migrate itself cannot: giving it up would only make its outage longer.
    """
    if params["plan"]["store"] == ACTIVE and not params["plan"]["own_begun"]:
        require_in_time(params["elapsed"], params["limit"])
    return {}


def _bound(params: dict) -> dict:
    """TS, which nothing else known may exceed; as decimal text, and the number above it.

    What nodes have written down that are on TimeLock already TimeLock must exceed, once it was asked. Of the very
    key-value service that the run wrote its intent into.
    """
    store, lost = params["store"], params["store"]["state"] == ACTIVE and _was_on_timelock(params["plan"] or {})
    later_identity((store["record"] or {}).get("identity") or {}, store["identity"])
    ts = _number(store, params["repairing"])
    fresh = params["fresh_timestamp"]
    wrong = contradiction(store, store["record"], int(fresh) if fresh else None, lost)
    if wrong:
        raise wrong
    return {"ts": str(ts), "ts_above": str(ts + 1)}


_MARGIN_SECONDS = 30.0
"""What is left of a proof's time when it is used at the latest."""


def _young(params: dict) -> dict:
    """Whether the proofs will still count in a moment. In a large wave the first are old when the last are taken."""
    limit = max(params["max_proof_age"] - _MARGIN_SECONDS, params["max_proof_age"] / 2)
    return {"young": all(0 <= age(proof["taken"]) <= limit for proof in params["proofs"])}


def _handed_over(params: dict) -> dict:
    """The handover with which clients may start: the store is invalidated at TS, and TimeLock above it.

    And the lock is still whose it was when TS was read: the handover is that run's. A store without transactions can
    apply an invalidation after the lock was lost, and the run that has it now may have found the store active.
    """
    store, expected = params["store"], params["expected"]
    later_identity(expected["identity"], store["identity"])
    number, ts = _kept(store), _kept(expected, params["repairing"])
    if store["state"] != INVALIDATED:
        raise Refusal("store-reactivated", f"The store is {store['state']} again, at {number}.")
    if number != ts:
        raise Refusal("bound-moved", f"The store is invalidated at {number}, and TS is {ts}.")
    if int(params["fresh_timestamp"]) <= ts:
        raise Refusal("timelock-behind", f"TimeLock's fresh timestamp {params['fresh_timestamp']} is not above {ts}.")
    wrong = behind(store, None, int(params["fresh_timestamp"]))
    if wrong:
        raise wrong
    record, (run_id, epoch) = store["record"] or {}, _lock(store)
    if (run_id, epoch) != _lock(expected):
        found = f"The service is held by {describe(record.get('holder'))} since TS was read."
        raise Refusal("operator-lock-lost", found)
    return {"handover": {"run_id": run_id, "epoch": epoch, "namespace": record.get("namespace"), "ts": str(ts)}}


def _may_migrate_itself(params: dict) -> dict:
    """The handover with which a client may start that will invalidate its store itself, which then is as at TS.

    Of this nothing more depends on an argument of ours, so that it wants all that an invalidation does.
    """
    number, ts = _number(params["store"]), _number(params["expected"])
    if number != ts:
        raise another_number(number, ts)
    return proved(params, params["plan"]["nodes"] if params["store"]["state"] == ACTIVE else None, ts)


def _migrated_itself(params: dict) -> dict:
    """Whether a client that was started has handed over as we would have: nothing of it is taken on trust."""
    ts, store = _number(params["expected"]), params["store"]
    reverse_checks.require_answer(store, "state", "kvs-unreachable")
    require_done(store, ts)
    given = _handed_over(params)
    if params["log"] is not None:
        plan = params["plan"]
        lines = said_since(params["log"], params["log_before"])
        require_told(lines, plan["version"], plan["identity"]["type"], ts)
    return given


def _lock(store: dict) -> tuple:
    """Who had the lock when the store was read: the run, and its epoch."""
    record = store["record"] or {}
    return (record.get("holder") or {}).get("run_id"), record.get("epoch")


def _way(params: dict) -> dict:
    """Where a service goes whose step failed: by what its store says now, not by the step."""
    store, lock, raised = params["store"], params["lock"], params["raised"]
    if not lock or lock.get("failed") or lock.get("skipped"):
        return {"way": "untouched"}
    if store.get("failed") or raised.get("failed"):
        return {"way": "unknown"}
    if store["state"] == ACTIVE and not store["code"]:
        if _number(store) < _read_before(params):
            return {"way": "older"}
        # A node that was started to migrate itself may do so at any moment.
        if (store["record"] or {}).get("own_migration"):
            return {"way": "itself"}
        return {"way": "reactivated" if _may_be_on_timelock(params) else "back"}
    if store["state"] == INVALIDATED and not store["code"]:
        return {"way": "forward"}
    if store["code"] == by_hand.MISPLACED:
        return {"way": "repair"}
    return {"way": "unknown"}


def _may_be_on_timelock(params: dict) -> bool:
    """Whether a node may run on TimeLock: this run has tried to start one, or an earlier one had.

    Their store was invalidated then, and is active again: a failover has lost that, or a copy of before was put there.
    """
    started = any(start and not start.get("skipped") for start in params["starts"])
    return started or _was_on_timelock(params["plan"] or {})


def _was_on_timelock(plan: dict) -> bool:
    """Whether an earlier run has put a node on TimeLock."""
    return len(plan.get("nodes_to_stop") or []) < len(plan.get("nodes") or [])


def _read_before(params: dict) -> int:
    """The highest number that this run has read of the store: nodes that start below it issue timestamps again."""
    looks = (params["plan"] or {}, params["expected"] or {})
    return max(int(look.get(key) or 0) for look in looks for key in ("bound", "backup"))
