# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sessions of others at a key-value service, by what it says itself and by looks at the sockets of its hosts.

A look is a result of kvs_sockets_info with ``host`` (its name), ``address`` (where the inventory says that it is), and
``failed`` (why there is no look, a sentence or None).
"""

from __future__ import annotations

from .addresses import AddressSet, spelled, split
from .stores.interface import Store

STORE = "store"
HOSTS = "hosts"
NODES = "nodes"
"""Where the service's sessions are seen: by the store itself, on its hosts, or on the service's own hosts."""


def sessions_of(store: Store, ignore: list, looks: list) -> dict:
    """``sessions`` (see Store.sessions) and ``view``: ``kind``, ``addresses``, ``ports``, ``hosts`` and ``unseen``.

    Of a session that is known by its socket alone ``user`` and ``application`` are empty, and ``at`` is its other end.
    ``hosts`` are the names of those whose look counts, ``unseen`` sentences on what nobody looked at.
    """
    view = store.session_view()
    if view["complete"]:
        nowhere = {"kind": STORE, "addresses": [], "ports": [], "hosts": [], "unseen": []}
        return {"sessions": store.sessions(ignore), "view": nowhere}
    addresses = sorted(spelled(address) for address in view["addresses"])
    place = {"addresses": addresses, "ports": view["ports"]}
    told = [{**session, "address": spelled(session["address"])} for session in store.sessions([])]
    ignored = [one for one in told if {"user": one["user"], "application": one["application"]} in ignore]
    sessions = [one for one in told if one not in ignored]
    counting = [look for look in looks if _covered(look, place)]
    if not counting and not any(look["failed"] for look in looks):
        return {"sessions": sessions, "view": {"kind": NODES, **place, "hosts": [], "unseen": []}}
    known = {_key(one) for one in told} | {(spelled(one["address"]), one["port"]) for one in view["own"]}
    shown = {(*_key(one), one["at"]): one for look in counting for one in _sessions(look, place)}
    sessions += [one for one in shown.values() if _key(one) not in known]
    hosts = sorted(look["host"] for look in counting)
    return {"sessions": sessions, "view": {"kind": HOSTS, **place, "hosts": hosts, "unseen": _unseen(looks, place)}}


def strangers(sessions: list, known: AddressSet) -> list:
    """The sessions that do not come from ``known``."""
    return [session for session in sessions if session["address"] not in known]


def words(sessions: list) -> str:
    """Sessions for a person, counted."""
    names = [
        f"of {one['user']} ({one['application'] or 'no name'}) from {one['address'] or 'an unknown address'}"
        if "at" not in one
        else f"from {one['address']} to {one['at']}"
        for one in sessions
    ]
    return "; ".join(f"{names.count(name)} {name}" for name in dict.fromkeys(names))


def _key(session: dict) -> tuple:
    return (session["address"], session["port"])


def _covered(look: dict, place: dict) -> set:
    """The addresses of the cluster whose sockets a look shows.

    Those that something listens on there, those that the host has, and the one by which the inventory names it: where
    the server is down, nobody listens.
    """
    if look["failed"]:
        return set()
    listening = {address for address, port in map(split, look["listening"]) if port in place["ports"]}
    return set(place["addresses"]) & (listening | set(look["addresses"]) | {look["address"]})


def _sessions(look: dict, place: dict) -> list:
    """The connections to the cluster that a look shows.

    A server that listens on all addresses is reached by every one that the host has, and not only by that which it
    tells its clients.
    """
    listening = set(look["listening"])
    found = []
    for pair in look["sockets"]:
        local, port = split(pair["local"])
        if port not in place["ports"]:
            continue
        everywhere = any(f"{address}:{port}" in listening for address in ("0.0.0.0", "[::]"))
        if local in place["addresses"] or (everywhere and pair["local"] not in listening):
            address, remote_port = split(pair["remote"])
            found.append({"user": "", "application": "", "address": address, "port": remote_port, "at": pair["local"]})
    return found


def _unseen(looks: list, place: dict) -> list:
    covered = set().union(*(_covered(look, place) for look in looks))
    missing = [address for address in place["addresses"] if address not in covered]
    if not missing:
        return []
    found = [f"Nobody has looked at the sockets of {', '.join(missing)}, where the key-value service has a node."]
    return found + [f"{look['host']} could not be looked at: {look['failed']}." for look in looks if look["failed"]]
