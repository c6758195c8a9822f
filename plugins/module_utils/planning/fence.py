# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fence of a service: which login is shut out, which one stands in its place, and what speaks against that.

A look at it (operations.fence_look) has ``new`` (the login in the inventory, or None), ``old``, ``state`` (of the old
one: see LoginState; None where there is none of that name), ``untried`` (why
nobody could see that it is shut out) and ``trial`` (what the new one sees: ``identity`` and ``missing``, or
``refusal``). Where the store has no fence, or the old login is not shown, it has a ``refusal`` that says so.
"""

from __future__ import annotations

from ..cluster_sessions import words
from ..identity import same_kvs
from ..refusal import Refusal
from .nodes import config_of, process_of

_KNOWN = (
    "See that every node of the cluster is up, and that the login in the service's configuration gets in. Where it is"
    " encrypted there, give it as service_login in atlasdb_kvs_overrides."
)


def old_login(nodes: list, record: dict | None) -> str | None:
    """The login to shut out: the one that an unfinished run has on record, else that of the nodes, held ones by their
    kept configuration; where all are on TimeLock, what the handover has on record.
    """
    on_record = (record or {}).get("fence")
    embedded = [login for mode, login in _logins(nodes) if mode != "timelock"]
    if on_record and (record["unfinished"] or not embedded):
        return on_record["old"]
    return next((login for login in embedded if login), None)


def _logins(nodes: list) -> list:
    configs = [config_of(node) for node in nodes]
    return [(config.get("mode"), config.get("login")) for config in configs]


def forward(name: str, nodes: list, store: dict, record: dict) -> list:
    """Refusals for a service that is to be handed over with the look ``store["fence"]``."""
    look = store["fence"]
    before = record.get("fence") or {}
    fenced = before.get("old") == look["old"]
    if look["new"] is None:
        # Where the old login is not shown, by what is on record as taken from it.
        whole = look["state"]["enabled"] if look["state"] else look["old"] not in (record.get("taken") or {})
        if not fenced or whole:
            return []
        found = f"A run on record has shut out {before['old']}, and given nodes of {name} the login {before['new']}."
        return [Refusal("fence-changed", found)]
    if look.get("refusal"):
        return [look["refusal"]]
    found = _changed(name, nodes, look, before if record.get("unfinished") else {}) or _unknown(nodes, look)
    if found:
        return [found]
    return _of_old(look, fenced) + _of_new(look, store)


def back(name: str, store: dict, fence: dict) -> list:
    """Refusals for a service whose old login has to be let in again."""
    look = store["fence"]
    if look["new"] != fence["new"]:
        found = f"{name} was given the login {fence['new']} in place of {fence['old']}, and goes back to that one."
        return [Refusal("fence-changed", found)]
    if look.get("refusal"):
        return [look["refusal"]]
    if look["state"] is None:
        return [_no_such_login(look["old"])]
    return _rights(look)


def _changed(name: str, nodes: list, look: dict, before: dict) -> Refusal | None:
    """The nodes of one service never have more than two logins: one that is shut out, and one that is not."""
    if before and (before["old"], before["new"]) != (look["old"], look["new"]):
        found = f"An unfinished run of {name} has {before['new']} in place of {before['old']}, not {look['new']}."
        return Refusal("fence-changed", found)
    left = [node["name"] for node, one in zip(nodes, _logins(nodes)) if one == ("timelock", look["old"])]
    if left:
        found = f"{', '.join(left)} is on TimeLock already, with the login {look['old']} that would be shut out."
        return Refusal("fence-changed", found, "Unset atlasdb_kvs_new_login for this service.")
    return None


def _unknown(nodes: list, look: dict) -> Refusal | None:
    named = {node["name"]: one[1] for node, one in zip(nodes, _logins(nodes)) if one[0] != "timelock"}
    if None in named.values():
        found = "The login in the configuration is encrypted or missing, so the one to shut out is not known."
        do = "Write it down there in the open, or unset atlasdb_kvs_new_login."
        return Refusal("config-secret-encrypted", found, do)
    if len(set(named.values())) > 1:
        found = ", ".join(f"{name}: {login}" for name, login in named.items())
        return Refusal("config-nodes-disagree", f"The nodes differ in their login ({found}).")
    if look["old"] == look["new"]:
        return Refusal("fence-login", f"{look['new']} is the login that the service has, and no new one.")
    return None if look["state"] else _no_such_login(look["old"])


def _no_such_login(login: str) -> Refusal:
    found = f"There is no role {login} on the server: a pooler may know it, or the address leads elsewhere."
    return Refusal("fence-login", found, "Correct the store's address, or unset atlasdb_kvs_new_login.")


def _of_old(look: dict, fenced: bool) -> list:
    old, state = look["old"], look["state"]
    if state["own"]:
        return [Refusal("fence-denied", f"The collection itself logs in as {old}, which is to be shut out.")]
    found = _rights(look)
    if state["elsewhere"]:
        names = ", ".join(state["elsewhere"])
        said = f"{old} is not this service's alone: it has sessions or rights in {names} on the same server as well."
        found.append(Refusal("fence-shared", said))
    if not state["enabled"] and not fenced:
        said = f"{old}, the login of the nodes, may not log in already, and no run on record has shut it out."
        found.append(Refusal("fence-login", said, "Find out who has done that, and why, and let it in again first."))
    elif look["untried"]:
        said = f"Nobody could see that {old} is shut out: {look['untried']}"
        found.append(Refusal("fence-login", said, _KNOWN))
    return found


def _rights(look: dict) -> list:
    missing = look["state"]["missing_rights"]
    said = f"The collection's login may not shut out {look['old']} and its sessions, or let it in again."
    return [Refusal("fence-denied", said, f"Run: {'; '.join(missing)}.")] if missing else []


def _of_new(look: dict, store: dict) -> list:
    new, trial = look["new"], look["trial"]
    if "refusal" in trial:
        return [Refusal("fence-login", f"{new} cannot be used: {trial['refusal']}")]
    difference = same_kvs(store["identity"], trial["identity"])
    if difference:
        do = "Give it the search path with which it finds the service's tables."
        return [Refusal("fence-login", f"{new} does not find what the service uses: {difference}.", do)]
    if trial["missing"]:
        found = f"{new} lacks rights that the service needs."
        return [Refusal("fence-login", found, f"Run: {'; '.join(trial['missing'])}.")]
    return []


def shared(services: dict, stores: dict) -> dict:
    """The services whose old login is one of another service on the same server as well, with their refusal."""
    users: dict = {}
    for name, nodes in services.items():
        server = _server_of((stores.get(name) or {}).get("identity") or {})
        for login in {login for _mode, login in _logins(nodes) if login and server}:
            users.setdefault((server, login), []).append(name)
    refusals = {}
    for (_server, login), names in users.items():
        for name in names:
            look = (stores.get(name) or {}).get("fence") or {}
            others = [other for other in names if other != name]
            if others and look.get("new") and look.get("old") == login:
                refusals[name] = Refusal("fence-shared", f"{login} is the login of {', '.join(others)} as well.")
    return refusals


def _server_of(identity: dict):
    """What has its logins for itself: a PostgreSQL server, a Cassandra cluster."""
    return identity.get("system_identifier") or tuple(identity.get("host_ids") or ())


def notes(nodes: list, store: dict) -> list:
    """What the fence will do, and which sessions it will cut off that belong to no node that is seen."""
    look = store["fence"]
    if look["new"] is None or look.get("refusal"):
        return []
    own = {pair["local"] for node in nodes for pair in process_of(node).get("sockets") or []}
    sessions = [one for one in store.get("sessions") or [] if one["user"] == look["old"]]
    others = [one for one in sessions if f"{one['address']}:{one['port']}" not in own]
    said = [f"fence: {look['old']} will be shut out, and {look['new']} stand in its place"]
    return said + ([f"the fence will cut off sessions that are of no node: {words(others)}"] if others else [])


def weakened(store: dict, record: dict) -> list:
    """What has become of the fence since the handover."""
    fence, look = record.get("fence"), store.get("fence") or {}
    if fence and look.get("refusal"):
        return [f"whether its old login {fence['old']} is still shut out is not seen: {look['refusal'].found}"]
    if not fence or not look.get("state") or look["state"]["shut_out"]:
        return []
    return [f"its old login {fence['old']}, which the handover shut out, may log in again, or use what it could"]
