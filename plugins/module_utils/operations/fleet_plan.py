# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan the handover of a whole fleet: look at each store and at TimeLock, and weigh it with what the nodes said."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import lru_cache

from ..addresses import addresses_of
from ..arguments import KVS, LOGIN, TIMELOCK
from ..cluster_sessions import STORE, sessions_of
from ..planning.asked import to_ask
from ..planning.fence import old_login
from ..planning.fleet import plan_fleet
from ..planning.nodes import process_of
from ..planning.service import MIGRATE, RENAME, REVERSE
from ..proofs import boot_id
from ..refusal import Refusal
from ..run_holder import holder_gone, is_young
from ..stores.opening import open_store
from ..stores.trust import trust_in
from ..timelock.opening import open_timelock
from ..timelock.survey import look
from .fence_look import fence_look
from .kvs_sessions_info import HOST_LOOKS, IGNORE_SESSIONS, KNOWN_CLIENTS
from .timestamp_info import describe_store

STORES_AT_ONCE = 8
NAMES_AT_ONCE = 32
NAMESPACES_AT_ONCE = 8

ARGUMENT_SPEC = {
    "nodes": {"type": "list", "elements": "dict", "required": True},
    "stores": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "service": {"type": "str", "required": True},
            "kvs": KVS,
            "new_login": LOGIN,
            "ignore_sessions": IGNORE_SESSIONS,
            "known_clients": KNOWN_CLIENTS,
        },
    },
    "playing": {"type": "list", "elements": "str", "required": True},
    "host_looks": HOST_LOOKS,
    "known_clients": KNOWN_CLIENTS,
    "take_over": {"type": "str"},
    "kept": {"type": "dict"},
    "skip_refused": {"type": "bool", "default": False},
    "server_version": {"type": "str"},
    "repair": {"type": "bool", "default": False},
    "fresh_timestamps": {"type": "bool", "default": False},
    "direction": {"type": "str", "choices": [MIGRATE, REVERSE, RENAME], "default": MIGRATE},
    "rename_to": {"type": "str"},
    "highest_issued": {"type": "str"},
    **TIMELOCK,
}


def fleet_plan(params: dict, check_mode: bool) -> dict:
    """The plan of all services at once; see the module's RETURN. Writes nothing, and creates nothing."""
    named = params["stores"]
    with ThreadPoolExecutor(STORES_AT_ONCE) as pool:
        views = pool.map(lambda store: _look_at_store(store, params), named)
        timelock = _look_at_timelock(params)
        stores = {store["service"]: view for store, view in zip(named, views)}
    if (params["fresh_timestamps"] or _is_lost(params)) and not check_mode:
        timelock["fresh"] = _fresh_timestamps(params, stores, _listed(params, timelock))
    settings = {
        "playing": params["playing"],
        "servers": params["servers"],
        "take_over": params["take_over"],
        "holder_gone": holder_gone,
        "is_young": is_young,
        "known_clients": params["known_clients"],
        "kept": params["kept"],
        "skip_refused": params["skip_refused"],
        "server_version": params["server_version"],
        "repair": params["repair"],
        "direction": params["direction"],
        "rename_to": params["rename_to"],
        "highest_issued": params["highest_issued"],
        "resolve": lru_cache(maxsize=None)(addresses_of),
    }
    shared = any(view.get("view", {}).get("kind", STORE) != STORE for view in stores.values())
    nodes = _located(params["nodes"]) if shared else params["nodes"]
    return {"changed": False, "boot_id": boot_id(), **plan_fleet(nodes, stores, timelock, settings)}


def _located(nodes: list) -> list:
    """``nodes``, with the ``addresses`` by which the inventory knows those whose connections nobody has seen."""
    unseen = [node for node in nodes if not process_of(node).get("sockets")]
    with ThreadPoolExecutor(NAMES_AT_ONCE) as pool:
        found = dict(zip((node["name"] for node in unseen), pool.map(lambda node: addresses_of(node["host"]), unseen)))
    return [{**node, "addresses": found.get(node["name"], [])} for node in nodes]


def _look_at_store(named: dict, params: dict) -> dict:
    """What the store of one service says, as far as it does."""
    kvs, new = named["kvs"], named["new_login"]
    view: dict = {"trust": trust_in(kvs), "known_clients": named["known_clients"]}
    try:
        with closing(open_store(kvs)) as store:
            view.update(sessions_of(store, named["ignore_sessions"], params["host_looks"]))
            view.update(describe_store(store))
            if new or (view["record"] or {}).get("fence"):
                nodes = [node for node in params["nodes"] if node["service"] == named["service"]]
                view["fence"] = fence_look(store, kvs, old_login(nodes, view["record"]), new)
    except Refusal as refusal:
        view["refusal"] = refusal
    return view


def _look_at_timelock(params: dict) -> dict:
    """Which namespaces TimeLock has, or why it cannot be used; as yet without the ``fresh`` timestamp of any."""
    nothing: dict = {"refusals": [], "namespaces": [], "fresh": {}}
    try:
        return {**nothing, "namespaces": look(open_timelock(params))["namespaces"]}
    except Refusal as refusal:
        return {**nothing, "refusals": [refusal]}


def _is_lost(params: dict) -> bool:
    """Whether an operator says so, which whatever is left of it may belie."""
    return params["highest_issued"] is not None


def _listed(params: dict, timelock: dict) -> list:
    """The namespaces that can be asked. What makes a TimeLock unfit for a handover, such as a server that is none of
    it, is no sign that it is lost."""
    if not _is_lost(params) or not timelock["refusals"] or timelock["refusals"][0].code == "timelock-unreachable":
        return timelock["namespaces"]
    try:
        return open_timelock(params).namespaces()
    except Refusal:
        return []


def _fresh_timestamps(params: dict, stores: dict, listed: list) -> dict:
    """By namespace, its next timestamp, or the Refusal why there is none. Only of what is there already: TimeLock would
    make any other."""
    own = to_ask(params["nodes"], stores, params["servers"], params["take_over"], holder_gone)
    wanted = [name for name in own if name in listed]

    def take(name: str):
        try:
            timelock = open_timelock(params)
            timelock.ping(name)
            return timelock.fresh_timestamp(name)
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(NAMESPACES_AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(take, wanted)))
