# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take, write and give back the record of a service."""

from __future__ import annotations

from contextlib import closing

from ..arguments import KVS
from ..identity import later_identity
from ..proofs import Guard
from ..stores.interface import Record
from ..stores.lock import must_take, next_epoch, noted, require_guard
from ..stores.opening import open_store

ARGUMENT_SPEC = {
    "kvs": KVS,
    "service": {"type": "str", "required": True},
    "state": {"type": "str", "required": True, "choices": ["taken", "noted", "released"]},
    "run_id": {"type": "str", "required": True},
    "epoch": {"type": "int"},
    "holder": {"type": "dict"},
    "take_over": {"type": "str"},
    "obeyed_epoch": {"type": "int", "default": 0},
    "changes": {"type": "dict", "default": {}},
    "kvs_identity": {"type": "dict"},
}
RULES = {"required_if": [("state", "noted", ["epoch"]), ("state", "released", ["epoch"])]}


def handover_record(params: dict, check_mode: bool) -> dict:
    """Bring the record into ``state``; see the module's RETURN.

    Raises Refusal: OperatorLocked, ``operator-lock-lost``, ``kvs-denied``, ``kvs-identity``.
    """
    with closing(open_store(params["kvs"])) as store:
        if params["kvs_identity"] is not None:
            later_identity(params["kvs_identity"], store.identity())
        before = store.record()
        if params["state"] == "taken":
            return _result(before, _take(store, before, params, check_mode))
        guard = Guard(params["run_id"], params["epoch"])
        release = params["state"] == "released"
        if not check_mode:
            return _result(before, store.note(guard, params["changes"], release))
        require_guard(before, guard)
        return _result(before, noted(before, guard, params["changes"], release))


def _take(store, before: Record | None, params: dict, check_mode: bool) -> Record:
    holder = {**(params["holder"] or {}), "run_id": params["run_id"]}
    if not check_mode:
        return store.take_lock(holder, params["service"], params["take_over"], params["obeyed_epoch"])
    if not must_take(before, params["service"], params["run_id"], params["take_over"]):
        return before
    return Record(next_epoch(before, params["obeyed_epoch"]), holder, before.document if before else {})


def _result(before: Record | None, after: Record) -> dict:
    return {
        "changed": after != before,
        "epoch": after.epoch,
        "holder": after.holder,
        "document": after.document,
    }
