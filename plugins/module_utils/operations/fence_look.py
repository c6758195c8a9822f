# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look at the logins of a fence: the old one as the collection's login sees it, the new one by logging in with it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict

from ..refusal import Refusal
from ..stores.interface import Store
from ..stores.opening import open_store

_AGAINST = ("fence-unsupported", "fence-denied")


def fence_look(store: Store, kvs: dict, old: str | None, new: dict | None) -> dict:
    """See planning.fence. Writes nothing; raises Refusal as ``store`` does."""
    look = {"new": new["username"] if new else None, "old": old, "state": None, "untried": None, "trial": None}
    try:
        state = store.login(old) if old else None
    except Refusal as refusal:
        if refusal.code not in _AGAINST:
            raise
        return {**look, "refusal": refusal}
    look["state"] = state and asdict(state)
    if state and new:
        look["untried"] = None if state.shut_out else store.untried(old)
        look["trial"] = _trial({**kvs, "user": new["username"], "password": new["password"]}, old, kvs["user"])
    return look


def _trial(kvs: dict, old: str, looker: str) -> dict:
    try:
        with closing(open_store(kvs)) as store:
            return {"identity": store.identity(), "missing": store.missing_use(old, looker)}
    except Refusal as refusal:
        return {"refusal": refusal.found}
