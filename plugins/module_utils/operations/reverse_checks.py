# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judgements between the steps of the way back, which handover_check gives as well."""

from __future__ import annotations

from ..bound import parse_number
from ..planning.numbers import issued, of_left_namespace
from ..planning.service import MIGRATE, RENAME, of_another_way
from ..refusal import Refusal
from ..stores.lock import describe


def require_answer(result: dict, key: str, code: str) -> None:
    """Raise the Refusal of a look that has no ``key`` in its result: its own, or ``code``."""
    if key not in result:
        raise Refusal(result.get("code") or code, result.get("found") or result.get("msg") or "No reason given.")


def one_way(params: dict) -> dict:
    """Whether no run that went another way, and has not ended, is on record, for one that now has the lock.

    The plan has asked that as well; between it and the lock another run may have had the service.
    """
    document = params["lock"]["document"]
    if document.get("unfinished"):
        refusal = of_another_way(document.get("direction", MIGRATE), params["direction"], document["service"])
        if refusal:
            raise refusal
    return {}


_BEFORE_ANY_NODE = ("prepare", "quiet_stop", "rename_read", "fast_forward", "rename_read_back")
"""Steps of the way back and of a rename in which no node has its new configuration yet."""


def retreat(params: dict) -> dict:
    """Where a service goes whose way back or rename failed: on as it was while no node was configured."""
    lock, plan = params["lock"], params["plan"]
    if not lock or lock.get("failed") or lock.get("skipped"):
        return {"way": "untouched"}
    untouched = plan and not (plan["live"] or plan["embedded"] or plan["renamed"])
    if untouched and params["step"] in _BEFORE_ANY_NODE:
        return {"way": "back"}
    return {"way": "half_renamed" if params["direction"] == RENAME else "as_left"}


def reverse_to(params: dict) -> dict:
    """The bound to restore at least, as decimal text: TimeLock's fresh timestamp and the margin.

    Raises Refusal ``reverse-timelock-lost`` where TimeLock is below what is known to have been given out.
    """
    fresh = require_above_known(params, "reverse-timelock-lost")
    return {"at_least": str(fresh + parse_number(params["margin"], "margin"))}


def require_above_known(params: dict, code: str) -> int:
    """The fresh timestamp. Raises Refusal ``code`` where something that is known to have been given out is above."""
    plan, fresh = params["plan"], int(params["fresh_timestamp"])
    witnesses = of_left_namespace(plan["corroboration"], plan["renamed"])
    for source, number in issued(plan["backup"], witnesses, plan["record"]):
        if number >= fresh and not plan["live"]:
            found = f"TimeLock's fresh timestamp is {fresh}, and {source} is {number}."
            raise Refusal(code, found)
    return fresh


def given_back(params: dict) -> dict:
    """Whether the bound is live and guarded, and the lock still this run's.

    ``raise_to``: the bound to raise it to where TimeLock is not well below it, by half of the margin at least; else
    None. Where it was ``raised`` already, that is refused. Under nodes that an earlier run has started it is not
    raised, since they would not live on; there TimeLock need only be below it.
    """
    store, expected = params["store"], params["expected"]
    record = store["record"] or {}
    if not store["guarded"] and not (store["state"] == "active" and params["plan"]["store"] == "active"):
        raise Refusal("bound-moved", f"The store is {store['state']}, with bound {store['bound']}: it is not live.")
    if int(store["bound"]) < int(expected["bound"]):
        raise Refusal("bound-moved", f"The bound is {store['bound']}, below {expected['bound']}.")
    holder = record.get("holder") or {}
    if (holder.get("run_id"), record.get("epoch")) != (params["run_id"], params["epoch"]):
        raise Refusal("operator-lock-lost", f"The service is held by {describe(record.get('holder'))}.")
    serving = params["plan"]["live"] and not params["plan"]["nodes_to_stop"]
    distance = 1 if serving else parse_number(params["margin"], "margin") // 2
    if int(params["fresh_timestamp"]) + distance <= int(store["bound"]):
        return {"bound": str(store["bound"]), "raise_to": None}
    if params["raised"] or serving:
        found = f"TimeLock's fresh timestamp is {params['fresh_timestamp']}, and the bound {store['bound']}."
        raise Refusal("timelock-not-quiet", found, _STOP_FIRST if serving else None)
    return {"bound": str(store["bound"]), "raise_to": reverse_to(params)["at_least"]}


_STOP_FIRST = (
    "Find who still takes timestamps of the namespace, and stop that. Under nodes that serve the bound is not raised: "
    "stop every node of the service, then run reverse.yml again, which raises it and starts them."
)


def require_use(params: dict) -> None:
    """Raise the Refusal of a first node that has taken no block above the bound that it was given."""
    store, expected = params["store"], params["expected"]
    require_answer(store, "bound", "kvs-unreachable")
    if store["bound"] is None or int(store["bound"]) <= int(expected["bound"]):
        found = f"{params['nodes'][0]} serves, and its bound stays at {store['bound']}: it takes no timestamps from it."
        raise Refusal("node-unhealthy", found, "Look at the node's log and mend it, then run reverse.yml again.")
