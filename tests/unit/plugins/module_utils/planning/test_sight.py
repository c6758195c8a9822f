# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the plan makes of a store that does not tell who is connected."""

from __future__ import annotations

import copy
import json

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.document import PLAN, document
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.fleet import plan_fleet
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.planning import fleets

VIEW = {"kind": "hosts", "addresses": ["10.0.9.1", "10.0.9.2"], "ports": [9042, 9160], "hosts": ["cas-1"], "unseen": []}
BOTH = ("10.0.9.1:9160", "10.0.9.2:9160")


def session(address, port, at="10.0.9.1:9160"):
    return {"user": "", "application": "", "address": address, "port": port, "at": at}


def node(number, service="orders", address=None, **process):
    """A node that runs, connected from its address to both nodes of the store."""
    made = fleets.node(number, service)
    address = address or made["host"]
    sockets = [{"local": f"{address}:{5000 + at}", "remote": remote} for at, remote in enumerate(BOTH)]
    own = {"sockets": sockets, "connected": list(BOTH), "connected_others": []}
    made["look"]["probe"]["process"].update({**own, **process})
    made["look"]["config"]["namespace"] = service
    return made


def cluster(nodes, *more, **view):
    """A store whose hosts show all the connections of ``nodes``, and ``more``."""
    shown = [
        session(pair["local"].rpartition(":")[0], int(pair["local"].rpartition(":")[2]), pair["remote"])
        for one in nodes
        for pair in one["look"]["probe"]["process"]["sockets"]
    ]
    return fleets.store(sessions=[*shown, *more], view={**VIEW, **view})


def plan(nodes, store, others=(), **settings):
    """The plan of orders, and of users with ``others`` as nodes, at one store."""
    stores = {"orders": store, "users": {**copy.deepcopy(store), "identity": None}}
    playing = [one["name"] for one in (*nodes, *others)]
    members = fleets.telling([*nodes, *others], settings)
    return plan_fleet(members, stores, fleets.TIMELOCK, fleets.settings(playing=playing, **settings))


def refusals(planned, service="orders"):
    return [(refusal["code"], refusal["found"]) for refusal in planned["services"][service]["refusals"]]


def codes(planned, service="orders"):
    return [code for code, _found in refusals(planned, service)]


NODES = [node(number) for number in (1, 2, 3)]


def test_a_service_all_of_whose_nodes_are_seen_on_the_stores_hosts_is_to_be_migrated():
    planned = plan(NODES, cluster(NODES))
    service = planned["services"]["orders"]
    assert (codes(planned), service["todo"], service["view"]) == ([], "migrate", VIEW)
    assert service["sessions_seen"] == ["orders-1", "orders-2", "orders-3"]


def test_a_node_whose_connections_the_stores_hosts_do_not_show_is_refused():
    planned = plan(NODES, cluster(NODES[:2]))
    assert refusals(planned)[0][0] == "probe-blind" and "of orders-3:" in refusals(planned)[0][1]
    assert planned["services"]["orders"]["sessions_seen"] == ["orders-1", "orders-2"]


def test_a_node_must_be_seen_by_every_node_of_the_store_that_it_is_connected_to():
    store = cluster(NODES)
    store["sessions"] = [one for one in store["sessions"] if (one["address"], one["at"]) != ("10.0.0.2", BOTH[1])]
    assert codes(plan(NODES, store)) == ["probe-blind"]


def test_a_node_that_is_not_connected_to_the_store_at_all_is_refused():
    idle = node(3, sockets=[])
    assert codes(plan([*NODES[:2], idle], cluster([*NODES[:2], idle]))) == ["probe-blind"]


def test_a_node_that_is_down_is_not_looked_for_besides():
    down = fleets.node(3, look=fleets.look(3, running=False))
    assert codes(plan([*NODES[:2], down], cluster(NODES[:2]))) == ["node-unhealthy-before"]


def test_a_host_that_nobody_looked_at_is_refused_unless_that_is_accepted():
    store = cluster(NODES, unseen=["Nobody has looked at the sockets of 10.0.9.2."])
    assert refusals(plan(NODES, store)) == [("proof-missing", "Nobody has looked at the sockets of 10.0.9.2.")]
    accepted = plan(NODES, store, accept_unproven="firewalled")["services"]["orders"]
    assert accepted["todo"] == "migrate" and "10.0.9.2" in accepted["notes"][0]


def test_a_client_that_the_inventory_does_not_know_is_refused_and_cannot_be_accepted_unproven():
    store = cluster(NODES, session("10.0.7.7", 1))
    for settings in ({}, {"accept_unproven": "never mind"}):
        (code, found), *rest = refusals(plan(NODES, store, **settings))
        assert code == "kvs-session-open" and "10.0.7.7" in found and not rest
    assert codes(plan(NODES, store, known_clients=["10.0.7.0/24"])) == []


def test_a_session_of_another_services_host_is_theirs():
    users = [node(4, "users"), node(5, "users")]
    planned = plan(NODES, cluster([*NODES, *users]), users)
    assert codes(planned) == codes(planned, "users") == []
    assert planned["services"]["orders"]["known_clients"] == ["10.0.0.4", "10.0.0.5"]


UNSEEN = {**node(4, "users"), "look": {}, "addresses": ["10.0.0.4"]}
"""A node of another service, of which the inventory alone is known."""


def limited(*more, unseen=UNSEEN, **settings):
    """The plan of orders alone, beside a service that nobody looked at, and whose node is connected to the store."""
    stores = {"orders": cluster(NODES, session("10.0.0.4", 1), *more), "users": None}
    members = fleets.telling([*NODES, unseen], settings)
    return plan_fleet(members, stores, fleets.TIMELOCK, fleets.settings(**settings))


def test_a_service_at_the_same_store_that_nobody_looked_at_may_be_the_same_one_under_another_name():
    (code, found), *rest = refusals(limited())
    assert code == "proof-missing" and found.startswith("users has sessions at the same store") and not rest
    assert limited()["services"]["orders"]["known_clients"] == []


def test_of_a_service_that_nobody_looked_at_it_is_accepted_that_it_has_a_keyspace_of_its_own():
    service = limited(accept_unproven="users has users_1")["services"]["orders"]
    assert service["todo"] == "migrate" and service["known_clients"] == ["10.0.0.4"]
    assert any("users_1" in note and "users has sessions" in note for note in service["notes"])
    named = limited(known_clients=["10.0.0.0/29"])
    assert "proof-missing" in codes(named)  # an address of orders' own
    assert codes(limited(known_clients=["10.0.0.4"])) == []


def test_a_service_that_nobody_looked_at_and_that_has_no_session_is_unknown_where_one_comes_later():
    stores = {"orders": cluster(NODES), "users": None}
    planned = plan_fleet([*NODES, UNSEEN], stores, fleets.TIMELOCK, fleets.settings())
    assert codes(planned) == [] and planned["services"]["orders"]["known_clients"] == []


def kept(users, **changes):
    """The plan of both services as its file gives it back, with another store for users."""
    stores = {"orders": cluster([*NODES, *users]), "users": {**cluster([*NODES, *users], **changes), "identity": None}}
    playing = [one["name"] for one in (*NODES, *users)]
    planned = plan_fleet([*NODES, *users], stores, fleets.TIMELOCK, fleets.settings(playing=playing))
    assert codes(planned) == codes(planned, "users") == []
    return json.loads(json.dumps(document(PLAN, {**planned, "run_id": "r1"}, "now", {})))


def test_a_plan_of_all_services_has_seen_what_a_limit_leaves_out():
    before = kept([node(4, "users", address="10.0.0.7")])
    planned = limited(session("10.0.0.7", 1), kept=before)
    assert codes(planned) == []
    assert planned["services"]["orders"]["known_clients"] == ["10.0.0.4", "10.0.0.7"]


def test_a_plan_of_all_services_has_seen_whose_sessions_cannot_be_at_a_store():
    """Of a service that stores elsewhere a session here is nobody's that is known."""
    for elsewhere in ({"kind": "store"}, {"addresses": ["10.0.5.1"], "unseen": []}):
        before = kept([node(4, "users", address="10.0.0.7")])
        before["services"]["users"]["view"].update(elsewhere)
        assert codes(limited(kept=before)) == ["kvs-session-open"]


@pytest.mark.parametrize("view", [None, "hosts", {}, {"kind": "hosts", "addresses": "10.0.9.1"}])
def test_a_kept_plan_that_did_not_see_a_service_either_says_nothing_of_it(view):
    before = kept([node(4, "users")])
    before["services"]["users"]["view"] = view
    assert codes(limited(kept=before)) == ["proof-missing"]
    before["services"]["users"] = view
    assert codes(limited(kept=before)) == ["proof-missing"]


@pytest.mark.parametrize(("keyspace", "unknown"), [("users", False), ("orders", True), (None, True)])
def test_a_service_whose_store_does_not_answer_is_told_apart_by_the_keyspace_of_its_configuration(keyspace, unknown):
    nodes = [node(number) for number in (1, 2, 3)]
    for one in nodes:
        one["look"]["config"]["shared"]["kvs"] = {"keyspace": "orders"}
    users = node(4, "users")
    users["look"]["config"]["shared"]["kvs"] = {"keyspace": keyspace} if keyspace else None
    stores = {"orders": cluster([*nodes, users]), "users": {"refusal": Refusal("kvs-unreachable", "No answer.")}}
    planned = plan_fleet([*nodes, users], stores, fleets.TIMELOCK, fleets.settings())
    assert codes(planned) == ["proof-missing"] * unknown


@pytest.mark.parametrize("invalidated", [False, True])
def test_what_was_weighed_before_the_invalidation_does_not_keep_a_run_from_its_end(invalidated):
    """Until then the other service may have come since the run that was killed."""
    store = {**cluster([], session("10.0.0.4", 1)), "record": fleets.record()}
    members, settings = [fleets.node(each, look=fleets.look(each, "held", running=False)) for each in (1, 2, 3)], {}
    if invalidated:
        store.update(state="invalidated", bound=None, backup=2_000_000)
    else:
        again = plan_fleet([*members, UNSEEN], {"orders": store, "users": None}, OF_ORDERS, fleets.settings())
        assert codes(again) == ["proof-missing"] and again["services"]["orders"]["known_clients"] == []
        settings = {"accept_unproven": "users has users_1"}
    members = fleets.telling([*members, UNSEEN], settings)
    planned = plan_fleet(members, {"orders": store, "users": None}, OF_ORDERS, fleets.settings(**settings))
    assert codes(planned) == [] and planned["services"]["orders"]["known_clients"] == ["10.0.0.4"]


OF_ORDERS = {"refusals": [], "namespaces": ["orders"]}


def test_two_services_whose_nodes_share_an_address_cannot_be_told_apart():
    users = [node(4, "users", address="10.0.0.2")]
    planned = plan(NODES, cluster([*NODES, *users]), users)
    for service, name, other in (("orders", "orders-2", "users"), ("users", "users-4", "orders")):
        (code, found), *rest = refusals(planned, service)
        assert code == "proof-missing" and f"{name}: " in found and other in found and not rest
    assert planned["services"]["orders"]["sessions_seen"] == ["orders-1", "orders-3"]
    assert codes(plan(NODES, cluster(NODES), users, accept_unproven="I looked")) == []


def test_services_on_one_host_that_use_different_stores_can_be_told_apart():
    users = [node(4, "users", address="10.0.0.2")]
    for other in (fleets.store(), cluster(users, addresses=["10.0.5.1"], unseen=[])):
        stores = {"orders": cluster(NODES), "users": {**other, "identity": None}}
        planned = plan_fleet([*NODES, *users], stores, fleets.TIMELOCK, fleets.settings())
        assert codes(planned) == []
        assert ("users" in planned["clients"]) == (other["view"]["kind"] == "hosts")


def test_a_node_whose_address_is_said_to_be_a_known_clients_cannot_be_told_from_it():
    assert codes(plan(NODES, cluster(NODES), known_clients=["10.0.0.2/32"])) == ["proof-missing"]


def test_the_address_that_every_host_has_tells_no_service_from_another():
    users = [node(4, "users", sockets=[{"local": "127.0.0.1:1", "remote": "127.0.0.1:8421"}])]
    assert plan(NODES, cluster(NODES), users)["clients"]["users"]["addresses"] == []


def test_sessions_at_the_store_of_a_service_that_is_migrated_are_no_ones_concern():
    nodes = [node(number) for number in (1, 2, 3)]
    for one in nodes:
        one["look"]["config"] = fleets.look(1, "timelock")["config"]
    store = {**cluster([], session("10.0.7.7", 1), unseen=["x"]), "state": "invalidated", "bound": None}
    planned = plan_fleet(
        nodes,
        {"orders": {**store, "backup": 2_000_000}},
        {"refusals": [], "namespaces": ["orders"]},
        fleets.settings(),
    )
    assert planned["services"]["orders"]["todo"] == "nothing"


def test_a_client_is_unknown_also_while_an_unfinished_run_holds_all_nodes():
    nodes = [fleets.node(number, look=fleets.look(number, "held", running=False)) for number in (1, 2, 3)]
    store = {**cluster([], session("10.0.7.7", 1)), "record": fleets.record()}
    planned = plan_fleet(nodes, {"orders": store}, {"refusals": [], "namespaces": ["orders"]}, fleets.settings())
    assert codes(planned) == ["kvs-session-open"]


# Without the store's hosts: what the nodes' own hosts show


def own_hosts(*sessions):
    return fleets.store(sessions=list(sessions), view={**VIEW, "kind": "nodes", "hosts": []})


def test_nodes_are_seen_on_their_own_hosts_where_nobody_may_look_at_the_stores():
    planned = plan(NODES, own_hosts())
    assert codes(planned) == [] and planned["services"]["orders"]["proofs"]["orders-1"]["sessions"]


@pytest.mark.parametrize("connected", [[], ["10.0.9.9:9160"], ["10.0.9.1:9161"]])
def test_a_node_that_its_own_host_does_not_show_connected_to_the_store_is_refused(connected):
    planned = plan([NODES[0], node(2, connected=connected), NODES[2]], own_hosts())
    assert refusals(planned)[0][0] == "probe-blind" and "orders-2" in refusals(planned)[0][1]


def test_another_process_that_is_connected_to_the_store_from_a_nodes_host_cannot_be_told_from_the_node():
    others = ["10.0.9.1:9042", "10.0.9.7:443"]
    (code, found), *rest = refusals(plan([NODES[0], node(2, connected_others=others), NODES[2]], own_hosts()))
    assert code == "proof-missing" and "orders-2" in found and "10.0.9.1:9042" in found and not rest
    assert "10.0.9.7" not in found


def test_where_nobody_sees_the_sessions_of_others_a_plan_says_which_services_it_has_not_looked_at():
    stores = {"orders": own_hosts(), "users": None}
    planned = plan_fleet([*NODES, UNSEEN], stores, fleets.TIMELOCK, fleets.settings())
    (note,) = planned["services"]["orders"]["notes"]
    assert codes(planned) == [] and "users" in note and "see a plan of all services" in note
    assert plan(NODES, own_hosts())["services"]["orders"]["notes"] == []


def test_a_client_that_the_store_itself_shows_and_nobody_knows_is_refused():
    known = {"user": "orders", "application": "", "address": "10.0.0.1", "port": 5000}
    assert codes(plan(NODES, own_hosts(known))) == []
    assert codes(plan(NODES, own_hosts({**known, "address": "10.0.7.7"}))) == ["kvs-session-open"]
