# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the bound of a key-value service live again, above everything that was."""

from __future__ import annotations

from contextlib import closing

from ..arguments import KVS, PROOFS
from ..bound import ACTIVE, AMBIGUOUS, StoreState, out_of_range, parse_number
from ..effect_on_bound import change_result, require_proofs
from ..proofs import CONFIGURED, SERVING, guard_of, require_each
from ..refusal import Refusal
from ..stores.interface import Change, Store
from ..stores.lock import require_guard
from ..stores.opening import open_store
from ..stores.states import is_restored, next_bound, require_restorable

ARGUMENT_SPEC = {
    "kvs": KVS,
    "at_least": {"type": "str", "required": True},
    "raise_only": {"type": "bool", "default": False},
    "guarded": {"type": "bool", "default": False},
    "node_proofs": {"type": "list", "elements": "dict", "default": []},
    "timelock_lost": {"type": "bool", "default": False},
    **PROOFS,
}


def timestamp_restore(params: dict, check_mode: bool) -> dict:
    """Make the bound live at max(at_least, backup + 1, every number on record + 1); see the module's RETURN.

    Raises Refusal: ``bound-out-of-range``, ``bound-moved``, ``proof-missing``, ``timelock-behind``, ``kvs-identity``,
    ``operator-lock-lost``, ``operator-locked``, ``kvs-lock-held``, or the state's own code.
    """
    at_least = parse_number(params["at_least"], "at_least")
    problem = out_of_range(at_least)
    if problem:
        raise Refusal("bound-out-of-range", problem)
    with closing(open_store(params["kvs"])) as store:
        before = store.read()
        if before.guarded and not params["guarded"]:
            return change_result(_open_up(store, before, at_least, params, check_mode), params)
        require_restorable(before, params["raise_only"], params["guarded"])
        if is_restored(before, at_least, params["guarded"]):
            return change_result(Change(False, before, before), params)
        if params["guarded"]:
            # Where the store becomes live nothing may lie that could start on TimeLock, not even as what was kept.
            proofs, waived = params["node_proofs"], bool(params["accept_unproven"])
            require_each(CONFIGURED, params["nodes"], proofs, params["max_proof_age"], waived)
        # Nobody has used TimeLock while the store is active, so raising its bound asks nothing of TimeLock.
        unasked = before.state == ACTIVE or params["timelock_lost"]
        guard = require_proofs(store, params, None if unasked else before.backup or 0)
        if params["guarded"] and guard_of(params["node_proofs"]) not in (None, guard):
            raise Refusal("operator-lock-lost", "The proofs of the nodes belong to another run.")
        if params["timelock_proof"]:
            at_least = max(at_least, int(params["timelock_proof"]["fresh_timestamp"]))
        if check_mode:
            require_guard(store.record(), guard)
            state = AMBIGUOUS if params["guarded"] else ACTIVE
            after = StoreState(
                state, bound=next_bound(before, at_least, store.record()), guarded=params["guarded"]
            )
            return change_result(Change(True, before, after), params)
        return change_result(store.restore(at_least, guard, params["raise_only"], params["guarded"]), params)


def _open_up(store: Store, before: StoreState, at_least: int, params: dict, check_mode: bool) -> Change:
    """Open a guarded store to a later migration, now that every node is proved to serve on it."""
    if before.bound < at_least:
        raise Refusal("bound-moved", f"The bound is {before.bound}, below {at_least}.")
    proofs = params["node_proofs"]
    if not params["nodes"] and not params["accept_unproven"]:
        raise Refusal("proof-missing", "No node is named, so none is proved to serve.")
    require_each(SERVING, params["nodes"], proofs, params["max_proof_age"], bool(params["accept_unproven"]))
    guard = guard_of(proofs)
    if check_mode:
        require_guard(store.record(), guard)
        return Change(True, before, StoreState(ACTIVE, bound=before.bound))
    return store.open_up(guard)
