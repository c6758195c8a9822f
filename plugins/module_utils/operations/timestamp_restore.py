# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the bound of a key-value service live again, above everything that was."""

from __future__ import annotations

from contextlib import closing

from ..arguments import KVS, PROOFS
from ..bound import ACTIVE, StoreState, out_of_range, parse_number
from ..effect_on_bound import change_result, require_proofs
from ..refusal import Refusal
from ..stores.interface import Change
from ..stores.lock import require_guard
from ..stores.opening import open_store
from ..stores.states import next_bound, require_restorable

ARGUMENT_SPEC = {
    "kvs": KVS,
    "at_least": {"type": "str", "required": True},
    "raise_only": {"type": "bool", "default": False},
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
        require_restorable(before, params["raise_only"])
        if before.state == ACTIVE and before.bound >= at_least:
            return change_result(Change(False, before, before), params)
        # Nobody has used TimeLock while the store is active, so raising its bound asks nothing of TimeLock.
        guard = require_proofs(store, params, None if before.state == ACTIVE else before.backup or 0)
        if params["timelock_proof"]:
            at_least = max(at_least, int(params["timelock_proof"]["fresh_timestamp"]))
        if check_mode:
            require_guard(store.record(), guard)
            after = StoreState(ACTIVE, bound=next_bound(before, at_least, store.record()))
            return change_result(Change(True, before, after), params)
        return change_result(store.restore(at_least, guard, params["raise_only"]), params)
