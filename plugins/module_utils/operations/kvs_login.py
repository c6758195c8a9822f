# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shut a login out of a key-value service, or let it in again."""

from __future__ import annotations

from contextlib import closing

from ..arguments import KVS
from ..cluster_sessions import words
from ..proofs import NODE_KINDS, Guard, guard_of, require_each
from ..refusal import Refusal
from ..stores.interface import LoginChange, Store
from ..stores.lock import require_guard
from ..stores.opening import open_store

DISABLED = "disabled"

ARGUMENT_SPEC = {
    "kvs": KVS,
    "login": {"type": "str", "required": True},
    "state": {"type": "str", "required": True, "choices": [DISABLED, "enabled"]},
    "run_id": {"type": "str", "required": True},
    "epoch": {"type": "int", "required": True},
    "nodes": {"type": "list", "elements": "str", "default": []},
    "node_proofs": {"type": "list", "elements": "dict", "default": []},
    "max_proof_age": {"type": "float", "default": 300.0},
}


def kvs_login(params: dict, check_mode: bool) -> dict:
    """Bring the login into ``state``; see the module's RETURN.

    Raises Refusal: ``proof-missing``, ``operator-lock-lost``, ``fence-login``, ``fence-denied``, ``fence-unsupported``,
    ``fence-open``, or as Store.put_login does.
    """
    guard, enabled = Guard(params["run_id"], params["epoch"]), params["state"] != DISABLED
    if not enabled:
        _require_gone(params, guard)
    with closing(open_store(params["kvs"])) as store:
        login = store.require_login(params["login"])
        if login.own:
            raise Refusal("fence-denied", f"{params['login']} is the login that would have to do it.")
        if not check_mode:
            return _result(params["login"], store.put_login(params["login"], enabled, guard))
        before = login.counts_as_enabled(enabled)
        return _result(params["login"], _foreseen(store, params["login"], before, enabled, guard))


def _require_gone(params: dict, guard: Guard) -> None:
    """A login that nodes still work with is not taken from them."""
    if guard_of(params["node_proofs"]) not in (None, guard):
        raise Refusal("operator-lock-lost", "The proofs that the nodes are gone are of another run.")
    for kind in NODE_KINDS:
        require_each(kind, params["nodes"], params["node_proofs"], params["max_proof_age"], waived=False)


def _foreseen(store: Store, login: str, before: bool, enabled: bool, guard: Guard) -> LoginChange:
    """What would become of it."""
    require_guard(store.record(), guard)
    ends = store.ends_sessions and not enabled
    ended = [session for session in store.sessions([]) if session["user"] == login] if ends else []
    return LoginChange(before, enabled, ended)


def _result(login: str, change: LoginChange) -> dict:
    before, after = ({"login": login, "enabled": enabled} for enabled in (change.before, change.after))
    return {
        "changed": before != after or bool(change.ended),
        "before": before,
        "after": after,
        "sessions": change.ended,
        "ended": words(change.ended),
        "diff": {"before": before, "after": after},
    }
