# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at who has a session at a key-value service."""

from __future__ import annotations

import time
from contextlib import closing

from ..addresses import AddressSet
from ..arguments import KVS
from ..cluster_sessions import NODES, STORE, sessions_of, strangers, words
from ..proofs import SERVICE_KIND, stamp_now
from ..refusal import Refusal
from ..stores.opening import open_store

HOST_LOOKS = {"type": "list", "elements": "dict", "default": []}
KNOWN_CLIENTS = {"type": "list", "elements": "str", "default": []}
IGNORE_SESSIONS = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {"user": {"type": "str", "required": True}, "application": {"type": "str", "required": True}},
}

ARGUMENT_SPEC = {
    "kvs": KVS,
    "ignore_sessions": IGNORE_SESSIONS,
    "host_looks": HOST_LOOKS,
    "known_clients": KNOWN_CLIENTS,
    "wait": {"type": "float", "default": 0.0},
    "seen_before": {"type": "bool", "default": False},
    "service": {"type": "str"},
    "run_id": {"type": "str"},
    "epoch": {"type": "int"},
    "refuse": {"type": "bool", "default": False},
    "accept_unproven": {"type": "str"},
}


def kvs_sessions_info(params: dict, check_mode: bool) -> dict:
    """The sessions of others, and, where there is none, the proof of it; see the module's RETURN.

    Raises Refusal kvs-session-open or proof-missing where ``refuse`` asks for that.
    """
    deadline = time.monotonic() + params["wait"]
    known = AddressSet(params["known_clients"])
    with closing(open_store(params["kvs"])) as store:
        while True:
            taken = stamp_now()
            identity = store.identity()
            seen = sessions_of(store, params["ignore_sessions"], params["host_looks"])
            view, sessions = seen["view"], seen["sessions"]
            if view["kind"] != STORE:
                sessions = strangers(sessions, known)
            # What a look has shown stays, however often the store is asked again.
            waiting = [session for session in sessions if "at" not in session]
            if not waiting or len(waiting) < len(sessions) or time.monotonic() >= deadline:
                break
            time.sleep(0.1)
    if params["refuse"]:
        require_nobody(sessions, view["unseen"], params["accept_unproven"])
    complete = view["kind"] != NODES and not view["unseen"]
    stamps = [taken, *(look["taken"] for look in params["host_looks"] if look["host"] in view["hosts"])]
    proof = None
    if complete and not sessions and params["run_id"]:
        proof = {
            "kind": SERVICE_KIND,
            "service": params["service"],
            "run_id": params["run_id"],
            "epoch": params["epoch"],
            "seen_before": params["seen_before"],
            "kvs_identity": identity,
            "taken": min(stamps, key=lambda stamp: stamp["boot"]),
        }
    return {
        "changed": False,
        "sessions": sessions,
        "complete": complete,
        "unseen": view["unseen"],
        "proof": proof,
        "identity": identity,
    }


def require_nobody(sessions: list, unseen: list, accept_unproven: str | None) -> None:
    """Raise Refusal unless nobody else has a session at the key-value service, as far as anybody was to look."""
    if sessions:
        found = f"The key-value service still has sessions of others: {words(sessions)}."
        raise Refusal("kvs-session-open", found)
    if unseen and not accept_unproven:
        raise Refusal("proof-missing", " ".join(unseen))
