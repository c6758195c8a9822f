# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the nodes of a service, as they were read, say against its handover."""

from __future__ import annotations

from ..addresses import Endpoints, addresses_of, split
from ..node.switching import SWITCHED
from ..refusal import Refusal
from ..timelock.servers import in_common, in_order, parse_server

EMBEDDED_MODES = ("embedded", "leader")

RESTART = "Stop it now: it may issue timestamps from memory. When it is gone, start it: it reads its file then."


def process_of(node: dict) -> dict:
    """What the look at ``node`` saw of its process; empty where there is no look."""
    return ((node["look"] or {}).get("probe") or {}).get("process") or {}


def obeyed_epoch(node: dict) -> int:
    """The highest epoch that ``node`` has obeyed, 0 where it never did."""
    return (node["look"]["probe"]["epoch"] or {}).get("epoch", 0)


def config_of(node: dict) -> dict:
    """The configuration of ``node``, as the look at it read it; empty where none was read."""
    return (node["look"] or {}).get("config") or {}


def is_up(node: dict) -> bool | None:
    """Whether the process of ``node`` runs, and is healthy where it can be asked; None where nobody could look."""
    process = process_of(node)
    if not process:
        return None
    health = node["look"]["probe"]["health"]
    return process["running"] and (health is None or health["ok"])


def node_refusals(node: dict, may_be_held: bool, may_be_down: bool, reverse: bool = False) -> list:
    """Refusals for one node.

    Where it ``may_be_held``, one that a run holds is where to go on, and no mistake; where it ``may_be_down``, one that
    does not run on its old configuration is as it must be. One that was put back and did not start again is a mistake
    even so: nobody saw it before its stop. With ``reverse`` a node on TimeLock is one that will be stopped.
    """
    name, look = node["name"], node["look"]
    if not look or look.get("unreachable"):
        return [Refusal("node-unreachable", f"{name} cannot be reached: {(look or {}).get('msg', 'no answer')}.")]
    if look.get("failed"):
        code = look.get("code")
        if code:
            return [Refusal(code, f"{name}: {look['found']}", look["do"])]
        return [Refusal("node-unreachable", f"{name} could not be looked at: {look.get('msg', 'no reason given')}")]
    refusals = [Refusal(item["code"], f"{name}: {item['found']}") for item in look["problems"]]
    if look["config"] is None:
        return refusals
    if look["config"]["mode"] == "held" and not may_be_held:
        return refusals  # held_by_no_run tells of it, by what the store knows
    return refusals + _probe_refusals(name, look, may_be_down, reverse)


def _probe_refusals(name: str, look: dict, may_be_down: bool, reverse: bool) -> list:
    """Refusals where a node does not run, or where the probes that are to prove its absence do not see it run."""
    probe, mode = look["probe"], look["config"]["mode"]
    if mode == "held":
        if not probe["hold_intact"] and not _waits_to_be_held(look):
            return [Refusal("hold-impossible", f"{name} is held, and somebody has rewritten its configuration file.")]
        return []
    if (mode == "timelock" and not reverse) or (may_be_down and not probe["process"]["running"]):
        return []
    process, health, ports = probe["process"], probe["health"], look["ports"]
    healthy = health is None or health["ok"]
    silent = [str(port) for port in ports if port not in process["listening_own"]]
    if not process["running"]:
        if (health is not None and health["ok"]) or process["listening"]:
            found = f"{name} serves, and its service manager shows no process of it: {probe['manager_state']}."
            return [Refusal("probe-blind", found)]
        return [Refusal("node-unhealthy-before", f"{name} does not run: {probe['manager_state']}.")]
    if silent:
        return [Refusal("probe-blind", f"{name} runs, and its processes do not listen on port {', '.join(silent)}.")]
    if not healthy:
        return [Refusal("node-unhealthy-before", f"{name} runs, and is not healthy: {health['detail']}.")]
    return []


def _waits_to_be_held(look: dict) -> bool:
    """Whether a node that is held has its file of before again, and nothing has started it: the next run completes that
    hold, and goes by what was seen before it."""
    return look["probe"]["hold_undone"] and not look["probe"]["process"]["running"]


def waiting_to_be_held(nodes: list) -> list:
    """Notes on such nodes, which nothing keeps down until then."""
    held = [node for node in nodes if config_of(node).get("mode") == "held"]
    names = [one["name"] for one in held if not one["look"]["probe"]["hold_intact"] and _waits_to_be_held(one["look"])]
    if not names:
        return []
    found = f"{', '.join(names)} is held, and has its file of before again: nothing keeps it down. Do not start it; the"
    return [f"{found} next run holds it again"]


def held_by_no_run(nodes: list, record: dict) -> list:
    """Refusals for nodes that are held, where no run is unfinished on ``record`` (a service's) that would go on.

    One that was held by a run on record, or an earlier one, was missing when that ended without it.
    """
    refusals = []
    for node in nodes:
        if config_of(node).get("mode") != "held":
            continue
        held = f"{node['name']} is held by run {node['look']['probe']['hold']['run_id']}"
        if 0 < obeyed_epoch(node) <= record.get("epoch", 0):
            refusals.append(Refusal("config-nodes-disagree", f"{held}, which has ended without it.", _GIVE_IT_THEIRS))
        else:
            refusals.append(Refusal("kvs-identity", f"{held}, of which its store has no record."))
    return refusals


_GIVE_IT_THEIRS = (
    "Do not release it as its file says: the one that is kept may be one that the service has left. Give it the one "
    "that the others have, and take its hold away: see 'A node is gone for good' in the runbook."
)

_OF_ALL = ("namespace", "store", "kvs")
"""What the nodes of a service have in common, even while some are on TimeLock already and others are held."""


def disagreement(nodes: list, but: tuple = ()) -> list:
    """Refusals where the configurations of one service's nodes are not of one service, ``but`` in some keys."""
    shared = {node["name"]: node["look"]["config"]["shared"] for node in nodes}
    switched = [name for name in shared if shared[name]["mode"] == "timelock"]
    others = [name for name in shared if name not in switched]
    refusals = [_differ(shared, list(shared), key) for key in _OF_ALL if key not in but]
    for group in (switched, others):
        keys = sorted(set(shared[group[0]]) - {*_OF_ALL, *but}) if group else []
        refusals += [_differ(shared, group, key) for key in keys]
    return [refusal for refusal in refusals if refusal]


def _differ(shared: dict, names: list, key: str) -> Refusal | None:
    values = {name: shared[name][key] for name in names}
    if all(value == values[names[0]] for value in values.values()):
        return None
    found = ", ".join(f"{name}: {value}" for name, value in values.items())
    return Refusal("config-nodes-disagree", f"The nodes differ in {key} ({found}).")


def other_timelock(nodes: list, servers: list) -> list:
    """Refusals for nodes that are on TimeLock already, a held one by its kept file, but on other servers than the
    inventory names. Where one of them is the same it is that cluster, by another list."""
    refusals = []
    named = _named(nodes, servers)
    for name, used in _servers_of(nodes).items():
        found = in_order(used)
        if found != in_order(named[name]):
            do = _ONE_CLUSTER if in_common(used, named[name]) else None
            refusals.append(Refusal("config-other-timelock", f"{name} uses {', '.join(found) or 'no server'}.", do))
    return refusals


_ONE_CLUSTER = "A server is in both lists, so that it is one cluster: make the node's list and the inventory's alike."


def is_on_another_timelock(nodes: list, servers: list) -> bool:
    """Whether a node is on TimeLock by servers of which the inventory names none, where it names any."""
    named = _named(nodes, servers)
    return any(named[name] and not in_common(used, named[name]) for name, used in _servers_of(nodes).items())


def _named(nodes: list, servers: list) -> dict:
    """By node, the servers that the inventory names it; or else ``servers``, which the run asks."""
    return {node["name"]: node["look"].get("servers") or servers for node in nodes}


def _servers_of(nodes: list) -> dict:
    """By node, the servers of those that are on TimeLock already, a held one by its kept file."""
    configs = {node["name"]: node["look"]["config"] for node in nodes}
    on_timelock = {name: config for name, config in configs.items() if config["shared"]["mode"] == "timelock"}
    return {name: (config["timelock"] or {}).get("servers", []) for name, config in on_timelock.items()}


def on_left_namespace(nodes: list, record: dict) -> list:
    """Refusals for nodes that have again the namespace which a rename has left, as the service's ``record`` says."""
    left, now = record.get("renamed_from"), record.get("namespace")
    back = [node for node in nodes if left and node["look"]["config"]["namespace"] == left != now]
    down = [node["name"] for node in back if config_of(node)["mode"] == "held" and not process_of(node)["running"]]
    names = [node["name"] for node in back if node["name"] not in down]
    refusals = []
    do = f"Stop it now: timestamps of {left} are old ones. Find who put its file back, and give it the one with {now}."
    if names:
        found = f"{', '.join(names)} has the namespace {left} again, which the service has left for {now}."
        refusals.append(Refusal("config-drifted", found, do))
    if down:
        found = f"{', '.join(down)} is held, and down, with the namespace {left}, which the service has left for {now}."
        refusals.append(Refusal("config-nodes-disagree", found, _GIVE_IT_THEIRS))
    return refusals


def on_other_namespace(nodes: list, record: dict) -> list:
    """Refusals for nodes on TimeLock with a namespace that the service's ``record`` knows nothing of.

    Its counter says nothing of what the service was given before.
    """
    now, own = record.get("namespace"), (record.get("namespace"), record.get("renamed_from"))
    configs = {node["name"]: node["look"]["config"] for node in nodes}
    others = {name: one["namespace"] for name, one in configs.items() if one["mode"] == "timelock"}
    found = [f"{name} uses the namespace {other}" for name, other in others.items() if other not in own]
    if not now or not found:
        return []
    do = f"Stop it now: what it is given there may be old. Find who changed its file, and give it the one with {now}."
    return [Refusal("config-other-timelock", f"{', '.join(found)}, and on record is {now}.", do)]


def on_two_namespaces(nodes: list) -> list:
    """A refusal where nodes of one service run on TimeLock with different namespaces: each gives out what the others
    have given out.
    """
    running = {}
    for node in nodes:
        if runs_on_timelock(node):
            running[node["name"]] = config_of(node)["namespace"]
    if len(set(running.values())) < 2:
        return []
    found = ", ".join(f"{name} runs with the namespace {namespace}" for name, namespace in running.items())
    do = "Stop them now: what one namespace gives out, the other has given out. Find who put a file back."
    return [Refusal("config-drifted", f"{found}.", do)]


def unseen_by_store(nodes: list, sessions: list) -> list:
    """The nodes that run and of whose sockets the store's list of sessions shows none."""
    seen = {(session["address"], session["port"]) for session in sessions}
    blind = []
    for node in nodes:
        process = node["look"]["probe"]["process"]
        if not process["running"]:
            continue
        local = {split(pair["local"]) for pair in process["sockets"]}
        if not local & seen:
            blind.append(node["name"])
    return blind


def drifted(nodes: list, do: str | None = None) -> list:
    """Refusals for nodes that were switched to TimeLock, and whose configuration leads elsewhere now.

    They do not speak against a handover, which is what mends them, unless ``do`` says what does.
    """
    refusals = []
    for node in nodes:
        switched = node["look"]["probe"].get("switched") or {}
        mode = node["look"]["config"]["mode"]
        if switched.get("how") == SWITCHED and mode in EMBEDDED_MODES:
            found = f"{node['name']} was switched to TimeLock by run {switched['run_id']}, and is {mode} again."
            refusals.append(Refusal("config-drifted", found, do))
    return refusals


def runs_old(node: dict) -> bool:
    """Whether a process of ``node`` lives that has its old configuration: one that is held may not have stopped."""
    config = config_of(node)
    if not config or not process_of(node).get("running"):
        return False
    return config["mode"] in EMBEDDED_MODES or (config["mode"] == "held" and config["shared"]["mode"] != "timelock")


def old_running(nodes: list) -> list:
    """Refusals for nodes that run on an old configuration although the store is invalidated.

    Such a node issues what is left of its block from memory, below what TimeLock issues. A handover stops it.
    """
    found = []
    for node in nodes:
        if runs_old(node):
            mode = node["look"]["config"]["mode"]
            words = f"{node['name']} runs with its old configuration ({mode}), and the store is invalidated."
            found.append(Refusal("node-on-old-service", words))
    return found


def on_both_sides(nodes: list) -> list:
    """A refusal where one node runs on TimeLock, a held one by its kept file, and another on its old configuration."""
    old = [node["name"] for node in nodes if runs_old(node)]
    new = [node["name"] for node in nodes if runs_on_timelock(node)]
    if not old or not new:
        return []
    found = f"{', '.join(old)} runs with its old configuration, and {', '.join(new)} with one for TimeLock."
    return [Refusal("config-mixed-active", found)]


def runs_on_timelock(node: dict) -> bool:
    """Whether a process of ``node`` lives whose configuration is one for TimeLock."""
    config = config_of(node)
    return bool(config) and config["shared"]["mode"] == "timelock" and bool(process_of(node).get("running"))


def not_restarted(nodes: list, servers: list, done: bool) -> list:
    """Refusals for nodes that run as they did before their file became one for TimeLock, whose ``servers`` (URLs) are.

    A process reads that file when it starts, and a client of TimeLock is connected to it. While the service is not
    ``done`` that is not enough where the file is not the one that was switched in: a run proves each node before it
    starts the next, and it could be connected for another reason.
    """
    found = []
    for node in _older_than_file(nodes):
        connected = _is_connected(node, servers)
        if not connected or not (done or node["look"]["probe"].get("as_switched")):
            why = "was last changed" if connected else "came there, and has no connection to it"
            words = f"{node['name']} started before its file for TimeLock {why}."
            found.append(Refusal("node-on-old-service", words, RESTART))
    return found


def unaware(nodes: list, servers: list) -> list:
    """The names of nodes that run as they did before their file became one for TimeLock, by the same signs."""
    return [node["name"] for node in _older_than_file(nodes) if not _is_connected(node, servers)]


def _older_than_file(nodes: list) -> list:
    """The nodes whose process lives since before their file for TimeLock was last changed."""
    switched = [node for node in nodes if config_of(node).get("mode") == "timelock"]
    return [node for node in switched if process_of(node)["running"] and process_of(node)["older_than_file"]]


def _is_connected(node: dict, servers: list) -> bool:
    return _leads_to(servers, [pair["remote"] for pair in process_of(node)["sockets"]])


def _leads_to(servers: list, remotes: list) -> bool:
    """Whether one of ``remotes`` is a server; where its name cannot be resolved here, by its port alone."""
    for url in servers:
        try:
            server = parse_server(url)
        except ValueError:
            return True  # nobody can tell; that it is no server is refused elsewhere
        endpoints = Endpoints(addresses_of(server.host), [server.port])
        if any(remote in endpoints for remote in remotes):
            return True
    return False
