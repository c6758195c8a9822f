# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the plan of a fleet lets through, and what it refuses."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.fleet import plan_fleet
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.status import fleet_status
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.planning import fleets


def plan(nodes=None, store=None, timelock=None, **settings):
    nodes = fleets.telling(nodes or [fleets.node(number) for number in (1, 2, 3)], settings)
    stores = store if store and "orders" in store else {"orders": store or fleets.store()}
    return plan_fleet(nodes, stores, timelock or fleets.TIMELOCK, fleets.settings(**settings))


def codes(planned, service="orders"):
    return [refusal["code"] for refusal in planned["services"][service]["refusals"]]


def spoiled(number, change):
    """Three nodes, of which ``change`` has altered the look at one."""
    nodes = [fleets.node(each) for each in (1, 2, 3)]
    change(nodes[number - 1]["look"])
    return nodes


def test_a_healthy_service_is_to_be_migrated():
    planned = plan()
    service = planned["services"]["orders"]
    assert (planned["refused"], service["todo"], codes(planned)) == (False, "migrate", [])
    assert service["nodes_to_stop"] == service["sessions_seen"] == ["orders-1", "orders-2", "orders-3"]


def test_a_service_on_timelock_needs_nothing():
    nodes = [fleets.node(number, look=fleets.look(number, "timelock")) for number in (1, 2, 3)]
    planned = plan(nodes, fleets.invalidated(), {"refusals": [], "namespaces": ["orders"]})
    assert planned["services"]["orders"]["todo"] == "nothing"


@pytest.mark.parametrize(
    ("version", "code"),
    [("0.369.9", "timelock-too-old"), ("0.642.9", "timelock-too-old"), ("new", "config-version-unknown")],
)
def test_timelock_servers_that_can_issue_a_timestamp_twice_are_refused(version, code):
    planned = plan(server_version=version)
    assert planned["refused"]
    assert [refusal["code"] for refusal in planned["refusals"]] == [code]
    assert version in planned["reasons"][0]


def test_timelock_servers_that_are_safe_or_of_no_declared_version_are_not_refused():
    assert not plan(server_version="0.643.0")["refused"]
    assert not plan(server_version=None)["refused"]


def test_all_refusals_of_all_services_come_together():
    nodes = [fleets.node(1), fleets.node(2), fleets.node(3), fleets.node(4, "users")]
    nodes[0]["look"]["probe"]["process"]["listening_own"] = []
    nodes[3]["look"] = {"unreachable": True, "msg": "no route"}
    planned = plan(
        nodes,
        {"orders": fleets.store(code="bound-absent", state="absent", reason="No table."), "users": None},
        playing=["orders-1", "orders-2", "orders-3", "users-4"],
    )
    assert codes(planned) == ["probe-blind", "bound-absent"]
    assert codes(planned, "users") == ["node-unreachable"]
    assert len(planned["reasons"]) == 3


NO_TIMELOCK = {"refusals": [Refusal("timelock-unreachable", "No server answers.")], "namespaces": []}
NO_STORE = {"trust": None, "refusal": Refusal("kvs-unreachable", "No answer.")}


@pytest.mark.parametrize("direction", ["migrate", "reverse"])
def test_a_store_and_a_timelock_that_are_both_down_are_both_told(direction):
    planned = plan(store=NO_STORE, timelock=NO_TIMELOCK, direction=direction)
    assert codes(planned) == ["kvs-unreachable", "timelock-unreachable"]


def test_a_way_back_without_a_timelock_that_is_lost_is_not_refused_for_it():
    planned = plan(store=NO_STORE, timelock=NO_TIMELOCK, direction="reverse", highest_issued="9")
    assert codes(planned) == ["kvs-unreachable"]


def unreachable(number):
    return spoiled(number, lambda look: (look.clear(), look.update(unreachable=True, msg="no route")))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_node_that_cannot_be_reached_hides_nothing_that_speaks_against_the_others_the_store_and_timelock(number):
    nodes = unreachable(number)
    nodes[number % 3]["look"]["config"]["shared"]["kvs"] = {"hosts": ["x"]}
    store = fleets.store(missing_rights=["GRANT x"], corroboration=[{"source": "_punch", "number": 2_000_001}])
    expected = ["node-unreachable", "config-nodes-disagree", "kvs-denied", "bound-contradicted"]
    assert codes(plan(nodes, store, NO_TIMELOCK)) == [*expected, "timelock-unreachable"]
    used = {"refusals": [], "namespaces": ["orders"]}
    assert codes(plan(nodes, store, used)) == [*expected, "timelock-namespace-used"]


def test_a_store_that_is_active_again_has_not_lost_its_invalidation_alone_where_a_node_was_not_seen():
    """That one may use it."""
    nodes = unreachable(1)
    nodes[1]["look"], nodes[2]["look"] = fleets.look(2, "timelock"), fleets.look(3, "held", running=False)
    planned = plan(nodes, fleets.store(record=fleets.record()), {"refusals": [], "namespaces": ["orders"]})
    refusals = {one["code"]: one["do"] for one in planned["services"]["orders"]["refusals"]}
    assert list(refusals) == ["node-unreachable", "config-mixed-active"]
    assert "timelock_accept_unproven" not in refusals["config-mixed-active"]


@pytest.mark.parametrize(
    ("mode", "store", "direction"),
    [
        ("leader", fleets.store(), "migrate"),
        ("timelock", fleets.invalidated(missing_rights=["GRANT x"]), "migrate"),
        ("timelock", fleets.invalidated(), "reverse"),
        ("leader", fleets.store(), "reverse"),
    ],
)
def test_nothing_is_said_of_a_service_that_depends_on_a_node_which_nobody_saw(mode, store, direction):
    """Such as its sessions, or that none of its nodes is on TimeLock."""
    nodes = unreachable(1)
    for node in nodes[1:]:
        node["look"] = fleets.look(int(node["name"][-1]), mode)
        node["look"]["config"]["former"] = True
    listed = {"refusals": [], "namespaces": ["orders"] if mode == "timelock" else []}
    assert codes(plan(nodes, store, listed, direction=direction)) == ["node-unreachable"]


@pytest.mark.parametrize(
    ("what", "change", "code"),
    [
        ("is down", lambda look: look.update(fleets.look(2, running=False)), "node-unhealthy-before"),
        ("is not healthy", lambda look: look["probe"]["health"].update(ok=False), "node-unhealthy-before"),
        ("has another port", lambda look: look["probe"]["process"].update(listening_own=[9]), "probe-blind"),
        ("serves without a process", lambda look: look["probe"]["process"].update(running=False), "probe-blind"),
        (
            "has no session that the store shows",
            lambda look: look["probe"]["process"].update(sockets=[]),
            "probe-blind",
        ),
        (
            "differs in its store",
            lambda look: look["config"]["shared"].update(kvs={"hosts": ["x"]}),
            "config-nodes-disagree",
        ),
        ("is on TimeLock already", lambda look: look.update(fleets.look(2, "timelock")), "config-mixed-active"),
        ("is held by an unknown run", lambda look: look.update(fleets.look(2, "held", False)), "kvs-identity"),
        (
            "could not be read",
            lambda look: look.update(failed=True, code="config-missing", found="F.", do="D."),
            "config-missing",
        ),
    ],
)
def test_a_service_is_refused_when_one_node(what, change, code):
    assert codes(plan(spoiled(2, change))) == [code]


@pytest.mark.parametrize(
    ("what", "more", "code"),
    [
        ("lacks a right", {"missing_rights": ["GRANT x"]}, "kvs-denied"),
        ("is below the record", {"record": fleets.record(numbers={"bound": "2000001"})}, "bound-below-record"),
        (
            "is active below what TimeLock gave out",
            {"record": fleets.record(numbers={"bound": "1", "fresh": "2000001"})},
            "bound-below-record",
        ),
        ("is contradicted", {"corroboration": [{"source": "_punch", "number": 2_000_001}]}, "bound-contradicted"),
        (
            "is another than on record",
            {"record": fleets.record(identity={**fleets.IDENTITY, "system_identifier": "8"})},
            "kvs-identity",
        ),
        (
            "is at an earlier position than on record",
            {"record": fleets.record(identity={**fleets.IDENTITY, "position": 1001})},
            "kvs-identity",
        ),
        ("has a record with other nodes", {"record": fleets.record(nodes=["orders-1"])}, "inventory-changed"),
    ],
)
def test_a_service_is_refused_when_its_store(what, more, code):
    assert codes(plan(store=fleets.store(**more))) == [code]


def test_once_the_store_is_invalidated_a_run_goes_on_without_a_node_that_is_gone_for_good():
    held = [fleets.node(number, look=fleets.look(number, "held", running=False)) for number in (1, 2)]
    names = ["orders-1", "orders-2", "orders-3"]
    record = fleets.record(nodes=names, numbers={"bound": "2000000"})
    listed = {"refusals": [], "namespaces": ["orders"], "fresh": {}}
    gone = plan(held, fleets.invalidated(record=record), listed)
    assert codes(gone) == []
    (note,) = [note for note in gone["services"]["orders"]["notes"] if note.startswith("orders-3: on record, and not")]
    assert note.endswith("run migrate.yml before it starts")
    for changed in (
        {"nodes": ["orders-1", "orders-4"]},
        {"numbers": {"bound": "1999999"}},
        {"direction": "reverse"},
        {"numbers": {}},
    ):
        other = plan(held, fleets.invalidated(record={**record, **changed}), listed)
        assert "inventory-changed" in codes(other), changed
    assert codes(plan(held, fleets.store(record=record), listed)) == ["inventory-changed"]


@pytest.mark.parametrize(
    ("reason", "refused"),
    [
        ("the host of orders-3 was destroyed", []),
        ("destroyed: orders-3.", []),
        ("no hosts of the cluster can be looked at", ["inventory-changed"]),
        ("the hosts of orders-33, orders-3.example.org and old-orders-3 were destroyed", ["inventory-changed"]),
        (None, ["inventory-changed"]),
    ],
)
@pytest.mark.parametrize("mode", ["leader", "held"])
def test_before_that_it_does_so_only_where_its_operator_names_the_node(mode, reason, refused):
    made = [fleets.node(number, look=fleets.look(number, mode, running=mode == "leader")) for number in (1, 2)]
    store = fleets.store(record=fleets.record(numbers={}))
    store["sessions"] = store["sessions"][:2] if mode == "leader" else []
    planned = plan(made, store, accept_unproven=reason)
    assert codes(planned) == refused
    notes = [note for note in planned["services"]["orders"]["notes"] if "orders-3: on record, and not" in note]
    assert [note.startswith(f"accepted unproven ({reason}): ") for note in notes] == ([] if refused else [True])
    newcomer = {**store, "record": fleets.record(nodes=["orders-1", "orders-3"])}
    assert "inventory-changed" in codes(plan(made, newcomer, accept_unproven=reason))


def test_a_run_goes_on_with_another_store_where_its_operator_says_why():
    record = fleets.record(identity={**fleets.IDENTITY, "timeline": 2})
    planned = plan(store=fleets.store(record=record), accept_identity="a failover, replicated at once")
    assert codes(planned) == []
    said = "accepted unproven (a failover, replicated at once): This is not the key-value service that the run began"
    assert planned["services"]["orders"]["notes"][0].startswith(said)
    record["numbers"]["bound"] = "2000001"
    planned = plan(store=fleets.store(record=record), accept_identity="a failover, replicated at once")
    assert codes(planned) == ["bound-below-record"]


def obeying(epoch: int, mode: str = "leader", running: bool = True) -> list:
    """Three nodes that have obeyed a run with ``epoch``."""
    nodes = [fleets.node(number, look=fleets.look(number, mode, running)) for number in (1, 2, 3)]
    for node in nodes:
        node["look"]["probe"]["epoch"] = {"service": "orders", "epoch": epoch, "run_id": "earlier"}
    return nodes


@pytest.mark.parametrize("record", [None, fleets.record(unfinished=False, holder=None)])
def test_a_store_that_lacks_a_run_which_its_nodes_have_obeyed_is_refused_until_somebody_says_why(record):
    planned = plan(obeying(4), fleets.store(record=record))
    assert codes(planned) == ["kvs-identity"]
    (refusal,) = planned["services"]["orders"]["refusals"]
    assert refusal["found"].startswith(
        "orders-1, orders-2, orders-3 obeyed a run with epoch 4, and the store knows of none"
    )
    accepted = plan(obeying(4), fleets.store(record=record), accept_identity="the schema was dropped by hand")
    assert codes(accepted) == []
    assert "the schema was dropped by hand" in accepted["services"]["orders"]["notes"][0]
    assert codes(plan(obeying(3), fleets.store(record=fleets.record(unfinished=False, holder=None)))) == []


def test_nodes_that_a_run_holds_of_which_the_store_lost_the_record_are_migrated_once_somebody_says_why():
    held = obeying(1, "held", False)
    assert {*codes(plan(held, fleets.store(record=None)))} == {"kvs-identity"}
    accepted = plan(held, fleets.store(record=None), accept_identity="the schema was dropped by hand")
    assert {*codes(accepted)} <= {"proof-missing"}, accepted["services"]["orders"]["refusals"]


@pytest.mark.parametrize(
    "ended",
    [
        {"outcome": "put back: the service runs as before"},
        {"outcome": "reversed", "direction": "reverse", "epoch": 4},
    ],
)
def test_a_held_node_that_comes_back_after_its_run_has_ended_gets_what_the_others_have(ended):
    back = spoiled(3, lambda look: look.update(fleets.look(3, "held", running=False)))
    record = fleets.record(unfinished=False, holder=None, **ended)
    planned = plan(back, fleets.store(record=record))
    assert codes(planned) == ["config-nodes-disagree"]
    (refusal,) = planned["services"]["orders"]["refusals"]
    assert refusal["found"] == "orders-3 is held by run earlier, which has ended without it."
    assert "Give it the one that the others have, and take its hold away" in refusal["do"]
    back[2]["look"]["probe"]["hold_intact"] = False
    assert codes(plan(back, fleets.store(record=record))) == ["config-nodes-disagree"]
    later = plan(back, fleets.store(record={**record, "epoch": 2}))
    assert "of which its store has no record" in later["reasons"][0] and codes(later) == ["kvs-identity"]


@pytest.mark.parametrize("direction", ["reverse", "rename"])
def test_nor_does_a_way_back_or_a_rename_take_it_along(direction):
    nodes = [fleets.node(number, look=fleets.look(number, "timelock")) for number in (1, 2, 3)]
    nodes[2]["look"] = fleets.look(3, "held", running=False)
    store = fleets.invalidated(record=fleets.record(unfinished=False, holder=None, outcome="migrated"))
    listed = {"refusals": [], "namespaces": ["orders"], "fresh": {}}
    planned = plan(nodes, store, listed, direction=direction, rename_to="shop")
    assert any("which has ended without it" in reason for reason in planned["reasons"])
    assert codes(plan(nodes, store, listed)) == []


def test_of_a_held_node_nothing_is_said_by_a_store_that_cannot_be_read():
    nodes = [fleets.node(number, look=fleets.look(number, "held", running=False)) for number in (1, 2, 3)]
    assert codes(plan(nodes, NO_STORE)) == ["kvs-unreachable"]


def test_a_service_on_timelock_whose_record_is_gone_needs_nothing():
    listed = {"refusals": [], "namespaces": ["orders"], "fresh": {}}
    planned = plan(obeying(4, "timelock"), fleets.invalidated(record=None), listed)
    assert (planned["services"]["orders"]["todo"], codes(planned)) == ("nothing", [])
    assert any("obeyed a run with epoch 4" in note for note in planned["services"]["orders"]["notes"])


def test_a_store_that_is_not_the_one_that_the_nodes_use_is_refused_for_all_that_it_shows():
    standby = {"sessions": [], "view": fleets.store()["view"], "refusal": Refusal("kvs-identity", "It is a standby.")}
    assert codes(plan(store=standby)) == ["probe-blind", "kvs-identity"]


def test_an_unfinished_run_is_gone_on_with():
    nodes = [fleets.node(number, look=fleets.look(number, "held", running=False)) for number in (1, 2, 3)]
    planned = plan(nodes, fleets.store(sessions=[], record=fleets.record()), {"refusals": [], "namespaces": ["orders"]})
    service = planned["services"]["orders"]
    assert (service["todo"], service["resuming"]) == ("migrate", True)
    assert service["sessions_seen"] == ["orders-1", "orders-2", "orders-3"]


def test_a_held_node_whose_file_an_agent_has_rewritten_is_refused():
    nodes = [fleets.node(number, look=fleets.look(number, "held", running=False)) for number in (1, 2, 3)]
    nodes[1]["look"]["probe"]["hold_intact"] = False
    planned = plan(nodes, fleets.store(sessions=[], record=fleets.record()))
    assert codes(planned) == ["hold-impossible"]


@pytest.mark.parametrize("store", [fleets.store(), fleets.invalidated()])
def test_one_that_has_its_file_of_before_again_is_held_again_where_nothing_has_started_it(store):
    nodes = [fleets.node(number, look=fleets.look(number, "held", running=False)) for number in (1, 2, 3)]
    nodes[1]["look"]["probe"] |= {"hold_intact": False, "hold_undone": True}
    store = {**store, "sessions": [], "record": fleets.record()}
    service = plan(nodes, store, {"refusals": [], "namespaces": ["orders"]})["services"]["orders"]
    assert (service["refusals"], service["todo"]) == ([], "migrate")
    assert "orders-2" in service["nodes_to_stop"]
    assert any("orders-2 is held, and has its file of before again: nothing" in note for note in service["notes"])
    nodes[1]["look"]["probe"]["process"]["running"] = True
    assert "hold-impossible" in codes(plan(nodes, store, {"refusals": [], "namespaces": ["orders"]}))


def test_a_node_that_an_unfinished_run_put_back_and_that_did_not_start_again_is_refused():
    nodes = [fleets.node(number, look=fleets.look(number, running=number > 1)) for number in (1, 2, 3)]
    planned = plan(nodes, fleets.store(record=fleets.record()))
    assert codes(planned) == ["node-unhealthy-before"]


def test_nodes_that_are_switched_already_are_not_stopped_again():
    modes = ("timelock", "held", "held")
    nodes = [fleets.node(at, look=fleets.look(at, mode, mode == "timelock")) for at, mode in enumerate(modes, 1)]
    planned = plan(nodes, fleets.invalidated(record=fleets.record()), {"refusals": [], "namespaces": ["orders"]})
    assert planned["services"]["orders"]["nodes_to_stop"] == ["orders-2", "orders-3"]


def test_a_run_that_lives_keeps_its_service():
    planned = plan(store=fleets.store(record=fleets.record()), holder_gone=lambda holder: False)
    assert codes(planned) == ["operator-locked"]
    taken = plan(store=fleets.store(record=fleets.record()), holder_gone=lambda holder: False, take_over="earlier")
    assert codes(taken) == []


def test_a_namespace_that_is_in_use_is_refused_unless_adopted_or_on_record():
    used = {"refusals": [], "namespaces": ["orders"]}
    assert codes(plan(timelock=used)) == ["timelock-namespace-used"]
    adopting = [fleets.node(number, adopt_namespace=True) for number in (1, 2, 3)]
    assert codes(plan(adopting, timelock=used)) == []
    own = fleets.store(record=fleets.record(unfinished=False, holder=None))
    assert codes(plan(store=own, timelock=used)) == []


def test_an_invalidated_store_without_its_namespace_on_timelock_is_refused():
    assert codes(plan(store=fleets.invalidated())) == ["timelock-behind-backup"]


def test_nodes_on_timelock_with_an_active_store_are_refused():
    nodes = [fleets.node(number, look=fleets.look(number, "timelock")) for number in (1, 2, 3)]
    assert codes(plan(nodes)) == ["store-reactivated"]


def test_nodes_on_other_timelock_servers_are_refused():
    nodes = [fleets.node(number, look=fleets.look(number, "timelock")) for number in (1, 2, 3)]
    for node in nodes:
        node["look"]["servers"] = ["https://other:8421"]
    planned = plan(nodes, fleets.invalidated(), servers=["https://other:8421"])
    assert "config-other-timelock" in codes(planned)


@pytest.mark.parametrize("direction", ["migrate", "reverse"])
def test_nodes_on_timelock_with_a_namespace_that_is_not_on_record_alarm_and_nothing_is_done(direction):
    nodes = [fleets.node(number, look=fleets.look(number, "timelock")) for number in (1, 2, 3)]
    for node in nodes:
        node["look"]["config"] |= {"namespace": "shop", "former": True}
    ended = fleets.invalidated(record=fleets.record(unfinished=False, holder=None))
    planned = plan(nodes, ended, {"refusals": [], "namespaces": ["orders", "shop"]}, direction=direction)
    assert codes(planned) == ["config-other-timelock"]
    now = fleet_status(planned)
    assert now["alarming"] == ["orders"] and now["services"]["orders"]["agree"] == "no"
    said = "orders-3 uses the namespace shop, and on record is orders. Stop it now: "
    assert any(said in line for line in now["lines"])


@pytest.mark.parametrize(
    ("servers", "code"),
    [
        (["https://other-1:8421", "https://other-2:8421"], ["timelock-namespace-used"]),
        (["https://tl-1:8422"], ["timelock-namespace-used"]),
        ([], ["timelock-namespace-used"]),
        (["https://tl-9:8421", "https://tl-3:8421"], []),
        (["http://TL-2:8421/"], []),
    ],
)
@pytest.mark.parametrize("unfinished", [True, False])
def test_a_namespace_is_a_services_own_only_on_the_servers_that_are_on_record(servers, code, unfinished):
    """Servers of a cluster are replaced one by one."""
    record = fleets.record(servers=servers, unfinished=unfinished, holder=None)
    used = {"refusals": [], "namespaces": ["orders"]}
    planned = plan(store=fleets.store(record=record), timelock=used)
    assert codes(planned) == code
    if code:
        assert f"the one on record is on other servers: {', '.join(servers) or 'not named'}." in planned["reasons"][0]
    adopting = [fleets.node(number, adopt_namespace=True) for number in (1, 2, 3)]
    assert codes(plan(adopting, fleets.store(record=record), used)) == []


def test_a_run_that_invalidated_a_store_for_another_timelock_does_not_end_on_this_one():
    nodes = [fleets.node(number, look=fleets.look(number, "held", running=False)) for number in (1, 2, 3)]
    store = fleets.invalidated(record=fleets.record(servers=["https://other:8421"]), sessions=[])
    ahead = {"refusals": [], "namespaces": ["orders"], "fresh": {"orders": 9_000_000}}
    assert codes(plan(nodes, store, ahead)) == ["timelock-namespace-used"]
    assert codes(plan(nodes, store, {"refusals": [], "namespaces": []})) == ["timelock-behind-backup"]


@pytest.mark.parametrize("changed", ["namespace", "servers"])
def test_nor_does_one_on_another_counter_to_which_somebody_has_changed_every_file_since(changed):
    """What the first one gave out after TS is above TS, and nothing but its own counter is known to be above that."""
    nodes = [fleets.node(number, look=fleets.look(number, "timelock", running=False)) for number in (1, 2, 3)]
    record = fleets.record(**({"servers": ["https://other:8421"]} if changed == "servers" else {"namespace": "shop"}))
    ahead = {"refusals": [], "namespaces": ["orders", "shop"], "fresh": {"orders": 2_000_001}}
    planned = plan(nodes, fleets.invalidated(record=record, sessions=[]), ahead)
    assert codes(planned) == ["timelock-namespace-used"]
    for node in nodes:
        node["adopt_namespace"] = True
    assert codes(plan(nodes, fleets.invalidated(record=record, sessions=[]), ahead)) == []
    own = fleets.invalidated(record=fleets.record(), sessions=[])
    assert codes(plan([{**node, "adopt_namespace": False} for node in nodes], own, ahead)) == []


def test_an_unusable_timelock_refuses_every_service():
    broken = {"refusals": [Refusal("timelock-unreachable", "No server answers.")], "namespaces": []}
    assert codes(plan(timelock=broken)) == ["timelock-unreachable"]


def test_a_service_of_which_a_node_is_left_out_of_the_play_is_refused():
    assert codes(plan(playing=["orders-1", "orders-2"])) == ["inventory-service-split"]


def test_a_service_that_is_not_in_the_play_is_not_planned():
    nodes = [fleets.node(1), fleets.node(2), fleets.node(3), fleets.node(1, "users", host="10.0.1.1")]
    planned = plan(nodes, {"orders": fleets.store(), "users": None})
    assert list(planned["services"]) == ["orders"]


def test_two_services_with_one_configuration_file_or_one_bound_are_refused():
    nodes = [
        fleets.node(1),
        fleets.node(2),
        fleets.node(3),
        fleets.node(1, "users", config_path="/opt/orders/install.yml"),
    ]
    planned = plan(nodes, {"orders": fleets.store(), "users": fleets.store()}, playing=[node["name"] for node in nodes])
    assert "inventory-node-shared" in codes(planned) and "inventory-namespace-shared" in codes(planned)
    assert "inventory-namespace-shared" in codes(planned, "users")


def test_nodes_that_differ_in_a_variable_of_their_service_are_refused():
    nodes = [fleets.node(number, variables={"atlasdb_version": f"0.90{number}.0"}) for number in (1, 2, 3)]
    assert codes(plan(nodes)) == ["inventory-vars-disagree"]


OTHERS = ["https://tl-4:8421", "https://tl-5:8421"]


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("direction", ["migrate", "reverse"])
def test_nodes_that_are_given_different_timelocks_are_refused(number, direction):
    planned = plan(spoiled(number, lambda look: look.update(servers=OTHERS)), direction=direction)
    refusal = planned["services"]["orders"]["refusals"][0]
    assert refusal["code"] == "inventory-vars-disagree"
    assert "timelock_server_urls" in refusal["found"]
    assert f"orders-{number}: https://tl-4:8421, https://tl-5:8421" in refusal["found"]


def test_a_service_that_is_given_another_timelock_than_the_run_asks_is_refused():
    nodes = [fleets.node(number) for number in (1, 2, 3)]
    for node in nodes:
        node["look"]["servers"] = OTHERS
    refusal = plan(nodes)["services"]["orders"]["refusals"][0]
    assert refusal["code"] == "inventory-vars-disagree" and "--limit" in refusal["do"]
    assert "orders is to use https://tl-4:8421, https://tl-5:8421, and this run asks https://tl-1" in refusal["found"]
    for direction, more in (("migrate", {}), ("reverse", {}), ("reverse", {"highest_issued": "9"})):
        assert codes(plan(nodes, direction=direction, **more)).count("inventory-vars-disagree") == 1


def test_the_servers_of_a_timelock_may_stand_in_any_order_and_nothing_is_said_of_a_node_that_nobody_saw():
    spelt = [f"{url}/" for url in reversed(fleets.SERVERS)]
    assert codes(plan(spoiled(2, lambda look: look.update(servers=spelt)))) == []
    assert codes(plan(unreachable(3))) == ["node-unreachable"]


def orders_and_users():
    """A node of each, and stores that are none of one another."""
    nodes = [fleets.node(1), fleets.node(2, "users")]
    for node in nodes:
        node["look"]["config"]["namespace"] = node["service"]
    stores = {"orders": fleets.store(), "users": fleets.store(identity={**fleets.IDENTITY, "database_oid": 7})}
    return nodes, stores, {"playing": ["orders-1", "users-2"]}


@pytest.mark.parametrize(
    ("reason", "code"), [("accept_unproven", "probe-blind"), ("accept_identity", "kvs-identity")]
)
def test_a_reason_counts_for_the_service_that_it_was_given_for(reason, code):
    nodes, stores, settings = orders_and_users()
    for node in nodes:
        name = node["service"]
        if reason == "accept_unproven":
            node["look"]["probe"]["process"]["sockets"] = []
        else:
            another = {**stores[name]["identity"], "system_identifier": "8"}
            stores[name]["record"] = fleets.record(nodes=[node["name"]], identity=another, namespace=name)
    nodes[1][reason] = "as CHG-1 says"
    planned = plan(nodes, stores, **settings)
    assert (codes(planned), codes(planned, "users")) == ([code], [])
    assert any("as CHG-1 says" in note for note in planned["services"]["users"]["notes"])


@pytest.mark.parametrize("said", ["false", "no", "False", " off ", "0", "true", "yes", "True", "none"])
@pytest.mark.parametrize("reason", ["accept_unproven", "accept_identity"])
def test_what_says_yes_or_no_is_no_reason(reason, said):
    planned = plan(spoiled(2, lambda look: look["probe"]["process"].update(sockets=[])), **{reason: said})
    assert codes(planned) == ["reason-missing", "probe-blind"]
    (refusal, _blind) = planned["services"]["orders"]["refusals"]
    assert refusal["found"] == f"timelock_{reason} is {said.strip()}, which is no reason."


def test_the_clients_that_are_known_are_those_of_the_service_that_they_were_given_for():
    view = {"kind": "hosts", "addresses": ["10.0.9.1"], "ports": [9042], "hosts": ["cas-1"], "unseen": []}
    client = {"user": "", "application": "", "address": "10.0.7.7", "port": 1, "at": "10.0.9.1:9042"}
    nodes, stores, settings = orders_and_users()
    for store in stores.values():
        store.update(view=view, sessions=[client])
    stores["users"]["known_clients"] = ["10.0.7.0/24"]
    planned = plan(nodes, stores, **settings)
    assert "kvs-session-open" in codes(planned) and "kvs-session-open" not in codes(planned, "users")
    assert planned["services"]["users"]["known_clients"] == ["10.0.0.1", "10.0.7.0/24"]


def test_an_empty_inventory_is_refused():
    planned = plan_fleet([], {}, fleets.TIMELOCK, fleets.settings(servers=[]))
    assert [refusal["code"] for refusal in planned["refusals"]] == ["inventory-empty", "inventory-empty"]
    assert planned["refused"]


def test_a_node_without_a_service_is_refused():
    planned = plan([fleets.node(1), fleets.node(2), fleets.node(3), fleets.node(4, "")])
    assert [refusal["code"] for refusal in planned["refusals"]] == ["inventory-service-unnamed"]


def test_what_is_accepted_unproven_is_noted():
    planned = plan(spoiled(2, lambda look: look["probe"]["process"].update(sockets=[])), accept_unproven="pgbouncer")
    assert codes(planned) == []
    assert "pgbouncer" in planned["services"]["orders"]["notes"][0]


def test_the_table_has_a_line_for_each_service():
    heads, line = plan()["table"]
    assert heads.split() == ["SERVICE", "NAMESPACE", "STORE", "STATE", "BOUND", "TIMELOCK", "PROOFS", "WOULD"]
    cells = [cell.strip() for cell in line.split("  ") if cell]
    assert cells == ["orders", "orders", "postgres", "active", "2000000", "free, not asked", "3/3 nodes", "migrate"]


@pytest.mark.parametrize(
    ("fresh", "words"),
    [(None, "listed, not asked"), (2_000_001, "listed"), (Refusal("timelock-stuck", "No answer."), "unusable")],
)
def test_the_table_tells_of_which_namespace_the_counter_was_asked(fresh, words):
    asked = {"refusals": [], "namespaces": ["orders"], "fresh": {} if fresh is None else {"orders": fresh}}
    _heads, line, *_notes = plan(store=fleets.store(record=fleets.record()), timelock=asked)["table"]
    assert f" {words}  " in line


def depending(server, number=4, **shared):
    """The nodes of orders, and a service users, which takes its timestamps from ``server``."""
    user = fleets.node(number, "users")
    user["look"]["config"].update(mode="remote", namespace="users")
    user["look"]["config"]["shared"].update(mode="remote", remote_timestamp_servers=[server], **shared)
    user["look"]["problems"] = [{"code": "config-remote-timestamps", "found": "F."}]
    return [fleets.node(1), fleets.node(2), fleets.node(3), user]


PLAYING = ["orders-1", "orders-2", "orders-3", "users-4"]


@pytest.mark.parametrize("host", ["orders-1", "10.0.0.1", "orders.example.org", "127.0.0.1"])
def test_a_service_from_which_another_takes_its_timestamps_is_refused(host):
    planned = plan(depending(f"http://{host}:8080/api"), {"orders": fleets.store(), "users": None}, playing=PLAYING)
    assert codes(planned) == ["config-has-dependents"]
    assert "users take timestamps from orders" in planned["reasons"][0]
    assert "In this order: stop orders and users; read the bound of orders (2000000 now) again" in planned["reasons"][0]
    assert planned["depends"] == [{"dependent": "users", "server": f"{host}:8080", "provider": "orders"}]
    assert f"users takes its timestamps from orders ({host}:8080)" in planned["table"]
    assert codes(planned, "users") == ["config-remote-timestamps"]


def test_a_service_that_takes_another_for_its_timelock_is_seen_and_one_on_timelock_is_not_taken_for_it():
    nodes = depending("http://orders-1:8080")
    config = nodes[3]["look"]["config"]
    config.update(mode="timelock", timelock={"servers": ["http://orders-1:8080/orders"]})
    config["shared"].update(mode="timelock", remote_timestamp_servers=[])
    nodes[3]["look"]["problems"] = []
    other = {**fleets.IDENTITY, "database": "users", "database_oid": 2}
    stores = {"orders": fleets.store(), "users": fleets.invalidated(identity=other)}
    planned = plan(nodes, stores, playing=PLAYING)
    assert codes(planned) == ["config-has-dependents"]
    assert planned["depends"] == [{"dependent": "users", "server": "orders-1:8080", "provider": "orders"}]
    for servers in (fleets.SERVERS, ["https://[::1:8421"]):
        config["timelock"] = {"servers": servers}
        planned = plan(nodes, stores, playing=PLAYING)
        assert (planned["depends"], codes(planned)) == ([], [])


@pytest.mark.parametrize(("named", "depends"), [(["http://127.0.0.1:8080"], False), (fleets.SERVERS, True)])
def test_a_proxy_of_timelock_on_loopback_is_no_node_of_another_service(named, depends):
    nodes = depending("http://127.0.0.1:8080")
    config = nodes[3]["look"]["config"]
    config.update(mode="timelock", timelock={"servers": ["http://127.0.0.1:8080"]})
    config["shared"].update(mode="timelock", remote_timestamp_servers=[])
    nodes[3]["look"]["problems"] = []
    stores = {"orders": fleets.store(), "users": None}
    assert bool(plan(nodes, stores, playing=PLAYING, servers=named)["depends"]) == depends


def test_a_service_whose_provider_has_gone_ahead_is_told_what_to_do_and_the_provider_is_not_refused():
    stores = {"orders": fleets.invalidated(), "users": None}
    nodes = depending("orders-1:8080")
    for node in nodes[:3]:
        node["look"] = fleets.look(1, "timelock")
    planned = plan(nodes, stores, {"refusals": [], "namespaces": ["orders"]}, playing=PLAYING)
    assert codes(planned) == []
    assert set(codes(planned, "users")) == {"config-remote-timestamps"}
    said = "stop users; fast-forward its namespace on TimeLock to at least the backup of orders (2000000)"
    assert any(said in reason and "reverse.yml" in reason for reason in planned["reasons"])


@pytest.mark.parametrize(("version", "said"), [("0.902.9", True), ("0.903.0", False)])
def test_a_limit_hides_who_takes_timestamps_from_a_service_and_the_plan_says_so(version, said):
    nodes = depending("orders-1:8080")
    for node in nodes[:3]:
        node["look"]["config"]["version"] = version
    nodes[3]["look"] = None
    planned = plan(nodes, {"orders": fleets.store(), "users": None}, playing=PLAYING[:3])
    notes = planned["services"]["orders"]["notes"]
    assert codes(planned) == []
    assert any("--limit leaves out (users)" in note for note in notes) == said


def test_a_provider_may_go_back_to_those_that_take_its_timestamps():
    nodes = depending("orders-1:8080")
    for number, node in enumerate(nodes[:3], 1):
        node["look"] = fleets.look(number, "timelock")
        node["look"]["config"]["former"] = True
    stores = {"orders": fleets.invalidated(), "users": None}
    listed = {"refusals": [], "namespaces": ["orders"]}
    planned = plan(nodes, stores, listed, playing=PLAYING[:3], direction="reverse")
    assert (codes(planned), planned["services"]["orders"]["todo"]) == ([], "reverse")
    stores["orders"] = fleets.store(record=fleets.record(direction="reverse"), guarded=False)
    for number, node in enumerate(nodes[:3], 1):
        node["look"] = fleets.look(number)
    planned = plan(nodes, stores, listed, playing=PLAYING[:3], direction="reverse")
    assert (codes(planned), planned["services"]["orders"]["todo"]) == ([], "reverse")


@pytest.mark.parametrize("server", ["http://10.0.0.1:9090", "http://10.0.0.8:8080", "http://orders-1:port"])
def test_a_service_is_not_refused_for_one_that_takes_its_timestamps_elsewhere(server):
    planned = plan(depending(server), {"orders": fleets.store(), "users": None}, playing=PLAYING)
    assert codes(planned) == []


def test_a_service_and_one_that_shares_its_store_and_its_timestamps_are_one_instance():
    planned = plan(depending("orders-1:8080"), {"orders": fleets.store(), "users": fleets.store()}, playing=PLAYING)
    for service in ("orders", "users"):
        assert "service-is-one-instance" in codes(planned, service)
        assert "config-has-dependents" not in codes(planned, service)


def drifted(mode):
    nodes = [fleets.node(number, look=fleets.look(number, "timelock")) for number in (1, 2, 3)]
    nodes[1]["look"] = fleets.look(2, mode, running=False)
    for node in nodes:
        node["look"]["probe"]["switched"] = {"how": "switched", "run_id": "earlier"}
    finished = fleets.invalidated(record=fleets.record(unfinished=False, holder=None))
    return plan(nodes, finished, {"refusals": [], "namespaces": ["orders"]})


def test_a_configuration_that_went_back_after_the_handover_is_named_by_status():
    planned = drifted("leader")
    now = fleet_status(planned)
    assert now["alarming"] == ["orders"]
    assert now["services"]["orders"]["codes"] == ["config-drifted"]
    said = "orders: config-drifted: orders-2 was switched to TimeLock by run earlier, and is leader again."
    assert any(line.startswith(said) for line in now["lines"])
    assert not planned["refused"], "migrate.yml is the way to mend it"


def test_a_configuration_that_stayed_on_timelock_has_not_drifted():
    assert fleet_status(drifted("timelock"))["alarming"] == []


def newcomers(mode="leader", running=False):
    """Three nodes of a service that is said to be new."""
    return [fleets.node(number, is_new=True, look=fleets.look(number, mode, running)) for number in (1, 2, 3)]


def empty(**more):
    """A store without a bound."""
    return fleets.store(state="absent", bound=None, code="bound-absent", reason="No table.", sessions=[], **more)


def test_a_new_service_has_nothing_to_hand_over():
    planned = plan(newcomers(), empty())
    service = planned["services"]["orders"]
    assert (planned["refused"], service["todo"], service["nodes_to_stop"]) == (False, "new", [])
    assert "nothing to hand over" in service["notes"][0]
    assert fleet_status(planned)["services"]["orders"]["state"] == "new"


@pytest.mark.parametrize(
    "store",
    [
        empty(filled="public.accounts"),
        empty(record=fleets.record(unfinished=False, holder=None)),
        fleets.store(),
        fleets.invalidated(),
        fleets.store(bound=None, state="ambiguous", code="bound-ambiguous", reason="Two rows."),
    ],
    ids=["rows", "record", "bound", "backup", "ambiguous"],
)
def test_a_service_that_is_said_to_be_new_and_has_data_is_refused(store):
    assert "new-but-not-empty" in codes(plan(newcomers(), store))


def test_a_new_service_that_runs_on_timestamps_of_its_own_has_another_store():
    assert "bound-absent" in codes(plan(newcomers(running=True), empty()))


def test_an_empty_store_is_refused_unless_the_service_is_said_to_be_new():
    nodes = newcomers()
    for node in nodes:
        node["is_new"] = False
    assert "bound-absent" in codes(plan(nodes, empty()))


@pytest.mark.parametrize(
    "store",
    [
        empty(),
        fleets.store(state="invalidated", bound=None, code="bound-unreadable", reason="No row.", empty_table=True),
        fleets.invalidated(),
    ],
    ids=["no table", "no row", "migrated"],
)
def test_a_new_service_that_was_configured_for_timelock_needs_nothing(store):
    planned = plan(newcomers("timelock", running=True), store, {"refusals": [], "namespaces": ["orders"]})
    assert (planned["services"]["orders"]["todo"], codes(planned)) == ("nothing", [])


def test_a_node_of_a_new_service_that_is_held_has_a_record_elsewhere():
    assert "kvs-identity" in codes(plan([fleets.node(1, is_new=True, look=fleets.look(1, "held", False))], empty()))
