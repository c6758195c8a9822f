# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at who has a session at a key-value service."""

from __future__ import annotations

import time
from contextlib import closing

from ..arguments import KVS
from ..proofs import SERVICE_KIND, stamp_now
from ..stores.opening import open_store

ARGUMENT_SPEC = {
    "kvs": KVS,
    "ignore_sessions": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"user": {"type": "str", "required": True}, "application": {"type": "str", "required": True}},
    },
    "wait": {"type": "float", "default": 0.0},
    "seen_before": {"type": "bool", "default": False},
    "service": {"type": "str"},
    "run_id": {"type": "str"},
    "epoch": {"type": "int"},
}


def kvs_sessions_info(params: dict, check_mode: bool) -> dict:
    """The sessions of others, and, where there is none, the proof of it; see the module's RETURN."""
    deadline = time.monotonic() + params["wait"]
    with closing(open_store(params["kvs"])) as store:
        while True:
            taken = stamp_now()
            identity = store.identity()
            sessions = store.sessions(params["ignore_sessions"])
            if not sessions or time.monotonic() >= deadline:
                break
            time.sleep(0.1)
    proof = None
    if not sessions and params["run_id"]:
        proof = {
            "kind": SERVICE_KIND,
            "service": params["service"],
            "run_id": params["run_id"],
            "epoch": params["epoch"],
            "seen_before": params["seen_before"],
            "kvs_identity": identity,
            "taken": taken,
        }
    return {"changed": False, "sessions": sessions, "proof": proof, "identity": identity}
