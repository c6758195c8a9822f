# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at the bound of a key-value service."""

from __future__ import annotations

from contextlib import closing

from ..arguments import KVS
from ..stores.interface import Store
from ..stores.opening import open_store

ARGUMENT_SPEC = {"kvs": KVS}


def timestamp_info(params: dict, check_mode: bool) -> dict:
    """What the key-value service says of its bound, whatever it is; see the module's RETURN."""
    with closing(open_store(params["kvs"])) as store:
        return {"changed": False, **describe_store(store)}


def describe_store(store: Store) -> dict:
    """What ``store`` says of its bound, in the types of a result. Writes nothing; raises Refusal as the store does."""
    state = store.read()
    record = store.record()
    return {
        "state": state.state,
        "bound": state.bound,
        "backup": state.backup,
        "guarded": state.guarded,
        "code": state.code,
        "reason": state.reason,
        "empty_table": state.empty_table,
        "corroboration": store.corroboration(),
        "identity": store.identity(),
        "missing_rights": store.missing_rights(),
        "filled": store.filled_table() if state.bound is None and state.backup is None else None,
        "record": record and {"epoch": record.epoch, "holder": record.holder, **record.document},
    }
