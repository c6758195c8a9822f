# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the probe that is to show that nobody has a session at a store shows the nodes now, and them alone."""

from __future__ import annotations

from ..addresses import AddressSet, Endpoints, split
from ..cluster_sessions import HOSTS, NODES, STORE, strangers, words
from ..refusal import Refusal
from .nodes import config_of, process_of, unseen_by_store

_LOCALHOST = ("127.0.0.1", "::1")
"""Every host has them, so they tell no client from another."""


def clients_of(services: dict, stores: dict, kept: dict | None) -> dict:
    """For each service that may use a store which others use as well: ``store``, ``keyspace``, nodes' ``addresses``.

    ``store`` are the addresses of its store, None where it is not known which one it uses; ``keyspace`` is what its
    configuration names. Of a service that nobody looked at now the ``kept`` plan may know them. Empty where every store
    itself tells its sessions apart.
    """
    views = {name: (stores.get(name) or {}).get("view") for name in services}
    if not any(view and view["kind"] != STORE for view in views.values()):
        return {}
    clients = {}
    for name, members in services.items():
        config = next(filter(None, map(config_of, members)), None)
        then = {} if config else _seen_then(kept, name)
        view = views[name] or then.get("view")
        if not (view and view["kind"] == STORE):
            clients[name] = {
                "store": view and view["addresses"],
                "keyspace": ((config or {}).get("shared", {}).get("kvs") or {}).get("keyspace"),
                "addresses": sorted(set(then.get("addresses", [])).union(*(_addresses(node) for node in members))),
            }
    return clients


def _seen_then(kept: dict | None, name: str) -> dict:
    """What the ``kept`` plan, where there is one, has seen of a service that nobody looks at now: the ``view`` of its
    store, and the ``addresses`` of its nodes. Empty where it says nothing."""
    services = (kept or {}).get("services")
    before = services.get(name) if isinstance(services, dict) else None
    view, addresses = map(before.get, ("view", "addresses")) if isinstance(before, dict) else (None, None)
    if not isinstance(view, dict) or not isinstance(view.get("kind"), str) or not _texts(view.get("addresses")):
        return {}
    return {"view": view, "addresses": addresses if _texts(addresses) else []}


def _texts(value) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def other_clients(clients: dict, service: str) -> dict:
    """The addresses of the services that may use the store of ``service`` as well, by their names."""
    own = clients.get(service, {}).get("store")
    return {
        name: one["addresses"]
        for name, one in clients.items()
        if name != service and (own is None or one["store"] is None or set(own) & set(one["store"]))
    }


def unidentified(clients: dict, service: str) -> list:
    """Those of them that may be ``service`` under another name: nobody has read their store, or that their keyspace is
    another one."""
    if service not in clients:
        return []
    own = clients[service]["keyspace"]
    unread = [name for name in other_clients(clients, service) if clients[name]["store"] is None]
    return [name for name in unread if not own or clients[name]["keyspace"] in (None, own)]


def overlooked(view: dict | None, names: list) -> str | None:
    """That services ``names`` which nobody identified are not seen either, with a ``view`` that shows no others."""
    if not names or (view or {}).get("kind") != NODES:
        return None
    return (
        f"nobody has read which keyspace {', '.join(names)} uses, and without cassandra_nodes nobody sees whether it"
        " has a session: see a plan of all services"
    )


def _addresses(node: dict) -> set:
    """Where a node's connections come from; while it has none, where the inventory says that it is."""
    found = {split(pair["local"])[0] for pair in process_of(node).get("sockets") or []} - set(_LOCALHOST)
    return found or set(node.get("addresses") or []) - set(_LOCALHOST)


class Sight:
    """What the sessions of one service's store, as they were seen now, say of its ``nodes``.

    ``store`` has ``sessions`` and ``view`` as cluster_sessions.sessions_of returns them; ``known`` are the addresses
    and networks of clients that are known, ``others`` those of other services by their names, of which ``unidentified``
    may be this one.
    """

    def __init__(self, nodes: list, store: dict, known: list, others: dict, unidentified: list):
        self._nodes = [node for node in nodes if process_of(node).get("running")]
        self._sessions = store["sessions"]
        self._view = store["view"]
        self._endpoints = Endpoints(self._view["addresses"], self._view["ports"])
        self._known = known
        self._others = others
        self._unidentified = unidentified

    def blind(self) -> list:
        """The nodes that run, and that the view does not show."""
        if self._view["kind"] == STORE:
            return unseen_by_store(self._nodes, self._sessions)
        if self._view["kind"] == NODES:
            return [node["name"] for node in self._nodes if not self._lead_here(process_of(node)["connected"])]
        return [node["name"] for node in self._nodes if not self._shown(node)]

    def _lead_here(self, remotes: list) -> list:
        return [remote for remote in remotes if remote in self._endpoints]

    def _shown(self, node: dict) -> bool:
        """Whether of the node's connections to each node of the store one at least was seen at its other end."""
        seen = {(one["address"], one["port"]) for one in self._sessions}
        shown: dict = {}
        for pair in process_of(node)["sockets"]:
            if pair["remote"] in self._endpoints:
                server = split(pair["remote"])[0]
                shown[server] = shown.get(server, False) or split(pair["local"]) in seen
        return bool(shown) and all(shown.values())

    def doubtful(self) -> dict:
        """The nodes whose connections cannot be told from those of others, and why, as the end of a sentence."""
        if self._view["kind"] == STORE:
            return {}
        if self._view["kind"] == NODES:
            left = {node["name"]: self._lead_here(process_of(node)["connected_others"]) for node in self._nodes}
            return {
                name: f"another process on its host is connected to {', '.join(found)}"
                for name, found in left.items()
                if found
            }
        known = AddressSet(self._known)
        found = {}
        for node in self._nodes:
            for address in sorted(self._own_addresses(node)):
                sharing = [name for name, addresses in self._others.items() if address in addresses]
                if sharing:
                    found[node["name"]] = f"it connects from {address}, which is an address of {', '.join(sharing)} too"
                elif address in known:
                    found[node["name"]] = f"it connects from {address}, which is said to be another client's"
        return found

    def _own_addresses(self, node: dict) -> set:
        pairs = process_of(node).get("sockets") or []
        return {split(pair["local"])[0] for pair in pairs if pair["remote"] in self._endpoints}

    def refusals(self, serving: list, to_stop: list) -> list:
        """What speaks against taking the view's word that the nodes ``to_stop`` have gone.

        ``serving`` are those of them that are to be seen now: no earlier run holds them. Pairs of a Refusal, and
        whether its user may accept it unproven.
        """
        blind = [name for name in self.blind() if name in serving]
        found = [(Refusal("probe-blind", _BLIND[self._view["kind"]].format(", ".join(blind))), True)] if blind else []
        if not to_stop or self._view["kind"] == STORE:
            return found
        if self._view["unseen"]:
            found.append((Refusal("proof-missing", " ".join(self._view["unseen"])), True))
        doubtful = [f"{name}: {why}" for name, why in self.doubtful().items() if name in to_stop]
        if doubtful:
            said = f"Once stopped, these nodes cannot be told from others: {'; '.join(doubtful)}."
            found.append((Refusal("proof-missing", said), True))
        nameless = self._connected_unidentified()
        if nameless:
            who = ", ".join(nameless)
            said = f"{who} has sessions at the same store, and nobody has read that its keyspace is another one."
            found.append((Refusal("proof-missing", said, _IDENTIFY.format(who)), True))
        unknown = self._unknown()
        if unknown:
            said = f"The store has sessions of clients that the inventory does not know: {words(unknown)}."
            found.append((Refusal("kvs-session-open", said), False))
        return found

    def _connected_unidentified(self) -> list:
        own = set().union(*(self._own_addresses(node) for node in self._nodes))
        unknown = strangers(self._sessions, AddressSet(self._known))
        seen = {session["address"] for session in unknown} - own
        return [name for name in self._unidentified if seen & set(self._others[name])]

    def _unknown(self) -> list:
        expected = set().union(*self._others.values(), *(self._own_addresses(node) for node in self._nodes))
        unknown = strangers(self._sessions, AddressSet(self._known))
        return [session for session in unknown if session["address"] not in expected]


_IDENTIFY = (
    "Mend what the plan says of {0}. Where --limit leaves it out, make a plan of all services (plan.yml with"
    " timelock_plan_file), and apply that one. Or vouch for it: for the group of the service that is refused here, name"
    " the addresses of the nodes of {0} in timelock_kvs_known_clients, or accept it with timelock_accept_unproven."
)
_BLIND = {
    STORE: "The store shows no session of {0}: it is not the one that they use, or a pooler hides them.",
    HOSTS: "The store's hosts do not show the connections of {0}: something between them hides whose they are.",
    NODES: "The host of {0} shows no connection of it to the store: it uses another one, or a network namespace of its"
    " own.",
}
