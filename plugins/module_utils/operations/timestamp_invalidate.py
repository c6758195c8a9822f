# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Invalidate the bound of a key-value service."""

from __future__ import annotations

from contextlib import closing

from ..arguments import KVS, PROOFS
from ..bound import ACTIVE, INVALIDATED, StoreState, parse_number
from ..effect_on_bound import change_result, require_proofs
from ..identity import later_identity
from ..planning.numbers import witness_above
from ..planning.own_migration import begun
from ..refusal import Refusal
from ..stores.interface import Change, Store
from ..stores.lock import require_guard
from ..stores.opening import open_store
from ..stores.states import another_number, require_usable
from ..window import require_in_time

ARGUMENT_SPEC = {
    "kvs": KVS,
    "expected_bound": {"type": "str", "required": True},
    "repair": {"type": "bool", "default": False},
    "fresh_timestamp": {"type": "str"},
    "elapsed": {"type": "float", "default": 0.0},
    "limit": {"type": "float", "default": 0.0},
    **PROOFS,
}
RULES = {"required_by": {"fresh_timestamp": ["accept_unproven"]}}


def timestamp_invalidate(params: dict, check_mode: bool) -> dict:
    """Invalidate the bound on condition that it is the expected one; see the module's RETURN.

    Raises Refusal: ``bound-moved``, ``bound-contradicted``, ``proof-missing``, ``timelock-behind``, ``kvs-identity``,
    ``operator-lock-lost``, ``operator-locked``, ``kvs-lock-held``, ``window-too-long``, or the state's own code.
    """
    expected = parse_number(params["expected_bound"], "expected_bound")
    with closing(open_store(params["kvs"])) as store:
        before = store.read()
        misplaced = params["repair"] and before.code == "bound-manual-backup"
        if not misplaced:
            require_usable(before)
        if before.state == ACTIVE:
            require_in_time(params["elapsed"], params["limit"])
        number = before.backup if before.state == INVALIDATED else before.bound
        if number != expected:
            if params["timelock_proof"]:
                # What another store says is no word about clients of this one.
                later_identity(params["timelock_proof"].get("kvs_identity") or {}, store.identity())
            raise another_number(number, expected)
        if before.state == INVALIDATED and not misplaced:
            return change_result(Change(False, before, before), params)
        guard = require_proofs(store, params, expected)
        fresh = None if misplaced else _given_out(store, params, expected)
        wrong = witness_above(expected, store.corroboration(), fresh)
        if wrong:
            raise wrong
        if check_mode:
            require_guard(store.record(), guard)
            return change_result(Change(True, before, StoreState(INVALIDATED, backup=expected)), params)
        return change_result((store.repair if misplaced else store.invalidate)(expected, guard), params)


def _given_out(store: Store, params: dict, expected: int) -> int | None:
    """What TimeLock has just given out, where nodes were on it while the bound was live; else None.

    Either somebody who does this by hand says so, or a node was started to migrate itself, and has not.
    """
    if params["fresh_timestamp"]:
        fresh = parse_number(params["fresh_timestamp"], "fresh_timestamp")
        if fresh <= expected:
            found = f"TimeLock's fresh timestamp {fresh} is not above the bound {expected}."
            raise Refusal("timelock-behind", found)
        return fresh
    record, proof = store.record(), params["timelock_proof"]
    return int(proof["fresh_timestamp"]) if proof and record and begun(record.document) else None
