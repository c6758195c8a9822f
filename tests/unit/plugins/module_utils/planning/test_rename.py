# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What speaks against another namespace for a service, and what is done to give it one."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.fleet import plan_fleet
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.status import fleet_status
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.planning import fleets

BEGUN = {**fleets.record(), "direction": "rename", "rename_to": "shop", "renamed_from": "orders", "numbers": {}}


def nodes(*modes, namespaces=()):
    made = [fleets.node(number) for number in range(1, len(modes) + 1)]
    for number, (node, mode) in enumerate(zip(made, modes, strict=True), 1):
        node["look"] = fleets.look(number, mode)
        node["look"]["config"]["former"] = True
        if mode == "held":
            node["look"]["config"]["shared"].update(mode="timelock", leader_count=0)
            node["look"]["config"]["timelock"] = {"servers": fleets.SERVERS}
        if namespaces:
            namespace = namespaces[number - 1]
            node["look"]["config"]["namespace"] = node["look"]["config"]["shared"]["namespace"] = namespace
    return made


MIGRATED = ("timelock", "timelock", "timelock")


def plan(made, store=None, record=None, listed=("orders",), others=(), direction="rename", fresh=None, **more):
    stores = {"orders": {**(store or fleets.invalidated()), "record": record, "guarded": False}}
    for node in others:
        stores[node["service"]] = fleets.store(identity={**fleets.IDENTITY, "database": node["service"]})
    playing = [node["name"] for node in made]
    made = fleets.telling(made, more)
    settings = fleets.settings(**{"direction": direction, "rename_to": "shop", "playing": playing, **more})
    timelock = {"refusals": [], "namespaces": list(listed), "fresh": fresh or {}}
    fleet = plan_fleet([*made, *others], stores, timelock, settings)
    return fleet, fleet["services"]["orders"]


def codes(planned):
    return [refusal["code"] for refusal in planned[1]["refusals"]]


def test_a_migrated_service_is_renamed_with_all_its_nodes_stopped():
    fleet, service = plan(nodes(*MIGRATED))
    assert (service["refusals"], service["todo"]) == ([], "rename")
    assert (service["renamed_from"], service["namespace"]) == ("orders", "shop")
    assert service["nodes_to_stop"] == ["orders-1", "orders-2", "orders-3"]
    assert "orders -> shop" in fleet["table"][1]


def test_a_name_that_nobody_compared_with_those_of_services_left_out_is_noted():
    unseen = {**fleets.node(4, "users"), "look": None}
    (note,) = plan(nodes(*MIGRATED), others=[unseen])[1]["notes"]
    assert note.startswith("shop was not compared with the namespaces of 1 services that nobody looked at")
    assert plan(nodes(*MIGRATED), others=[fleets.node(4, "users")])[1]["notes"] == []


def test_a_service_that_has_the_name_is_left_alone():
    _fleet, service = plan(nodes(*MIGRATED, namespaces=["shop"] * 3), listed=("orders", "shop"))
    assert (service["refusals"], service["todo"], service["renamed_from"]) == ([], "nothing", None)


def test_an_embedded_service_has_no_namespace_to_rename():
    assert set(codes(plan(nodes("leader", "leader", "leader"), fleets.store()))) == {"rename-not-migrated"}


def test_a_migration_that_did_not_end_is_ended_first():
    assert "rename-not-migrated" in codes(plan(nodes(*MIGRATED), record=fleets.record()))


@pytest.mark.parametrize(
    ("record", "refused"),
    [
        (None, ["timelock-namespace-used"]),
        ({"namespace": "orders", "rename_to": "shop"}, []),
        ({"namespace": "orders", "renamed_from": "shop"}, []),
        ({"namespace": "orders", "rename_to": "till"}, ["timelock-namespace-used"]),
        ({"namespace": "orders", "rename_to": "shop", "servers": ["https://other:8421"]}, ["timelock-namespace-used"]),
    ],
)
def test_a_namespace_that_timelock_has_is_taken_only_where_the_record_says_whose_it_is(record, refused):
    record = record and {"servers": fleets.SERVERS, **record}
    assert codes(plan(nodes(*MIGRATED), record=record, listed=("orders", "shop"))) == refused


def test_or_where_it_is_adopted():
    made = [{**node, "adopt_namespace": True} for node in nodes(*MIGRATED)]
    assert codes(plan(made, listed=("orders", "shop"))) == []


def test_a_namespace_of_another_service_is_refused_even_where_timelock_does_not_know_it():
    other = fleets.node(1, "shop")
    other["look"]["config"]["namespace"] = "shop"
    assert set(codes(plan(nodes(*MIGRATED), others=[other]))) == {"inventory-namespace-shared"}


def test_a_timelock_without_the_old_namespace_cannot_say_what_it_gave_out():
    assert codes(plan(nodes(*MIGRATED), listed=())) == ["timelock-behind-backup"]


def test_one_service_and_its_new_name_are_named():
    fleet, _service = plan(nodes(*MIGRATED), rename_to=None)
    assert fleet["refused"] and "rename-unclear" in fleet["reasons"][0]
    fleet, _service = plan(nodes(*MIGRATED), others=[fleets.node(1, "users")], playing=["orders-1", "users-1"])
    assert fleet["refused"] and "orders, users cannot all have the namespace shop" in fleet["reasons"][0]


HALF = ("timelock", "held", "held")


def test_a_rename_that_did_not_end_goes_on():
    made = nodes(*HALF, namespaces=("shop", "orders", "orders"))
    _fleet, service = plan(made, record=BEGUN, listed=("orders", "shop"))
    assert (service["refusals"], service["todo"]) == ([], "rename")
    assert (service["renamed_from"], service["renamed"]) == ("orders", ["orders-1"])
    assert service["nodes_to_stop"] == ["orders-1", "orders-2", "orders-3"]


def test_it_goes_on_without_a_node_that_its_operator_says_is_gone_for_good():
    made = nodes("timelock", "held", namespaces=("shop", "orders"))
    assert codes(plan(made, record=BEGUN, listed=("orders", "shop"))) == ["inventory-changed"]
    planned = plan(made, record=BEGUN, listed=("orders", "shop"), accept_unproven="orders-3 was destroyed")
    assert codes(planned) == []
    assert "orders-3: on record, and not in the group any more" in " ".join(planned[1]["notes"])


def test_it_ends_even_where_every_node_has_the_new_name():
    _fleet, service = plan(nodes(*MIGRATED, namespaces=["shop"] * 3), record=BEGUN, listed=("orders", "shop"))
    assert (service["refusals"], service["todo"], service["renamed_from"]) == ([], "rename", "orders")


def test_one_of_a_service_that_began_on_timelock_goes_on_as_well():
    empty = fleets.invalidated(code="bound-unreadable", reason="No row.", empty_table=True) | {"backup": None}
    assert codes(plan(nodes(*MIGRATED), empty)) == []
    made = nodes(*HALF, namespaces=("shop", "orders", "orders"))
    assert codes(plan(made, empty, record=BEGUN, listed=("orders", "shop"))) == []


def test_it_goes_on_to_no_other_name_and_with_no_third_one():
    made = nodes(*HALF, namespaces=("shop", "orders", "orders"))
    assert "rename-unfinished" in codes(plan(made, record=BEGUN, listed=("orders", "shop"), rename_to="till"))
    made = nodes(*HALF, namespaces=("till", "orders", "orders"))
    assert codes(plan(made, record=BEGUN, listed=("orders", "shop"))) == ["config-nodes-disagree"]


@pytest.mark.parametrize("direction", ["migrate", "reverse"])
def test_nothing_else_is_done_before_it_has_ended_and_status_says_what_to_type(direction):
    planned = plan(nodes(*MIGRATED), record=BEGUN, direction=direction)
    assert codes(planned) == ["rename-unfinished"]
    now = fleet_status(planned[0])["services"]["orders"]
    assert now["do"] == "rename_namespace.yml -e timelock_rename_to=shop --limit orders-1,orders-2,orders-3"
    assert (now["state"], now["alarming"]) == ("being renamed", False)


BOTH = ("orders", "shop")


@pytest.mark.parametrize("direction", ["rename", "migrate"])
@pytest.mark.parametrize("namespaces", [("shop", "orders", "orders"), ("orders", "shop", "orders")])
def test_the_number_of_each_namespace_is_held_against_what_is_known_of_that_one(direction, namespaces):
    """What was noted down by wall clock after a node was renamed is from the new one; on record is one of the old."""
    store = {**fleets.invalidated(), "corroboration": [{"source": "punch table", "number": 2_000_500}]}
    record = {**BEGUN, "numbers": {"bound": "2000000", "fresh": "2000100"}}
    made = nodes("timelock", "timelock", "held", namespaces=namespaces)
    known = {"store": store, "record": record, "listed": BOTH, "direction": direction}

    def wrong(orders, shop):
        found = codes(plan(made, fresh={"orders": orders, "shop": shop}, **known))
        return "timelock-behind-backup" in found

    assert not wrong(2_000_101, 2_000_501)
    (first, *_others) = namespaces
    assert wrong(2_000_100, 2_000_501) == (first == "orders")
    assert wrong(2_000_101, 2_000_500) == (first == "shop")


def test_nodes_that_run_with_the_old_and_the_new_namespace_at_once_alarm():
    made = nodes(*MIGRATED, namespaces=("shop", "orders", "orders"))
    living = {"holder_gone": lambda holder: False}
    fleet, service = plan(made, record=BEGUN, listed=BOTH, direction="migrate")
    assert [refusal["code"] for refusal in service["drifted"]] == ["config-drifted"]
    now = fleet_status(fleet)
    assert (now["alarming"], now["services"]["orders"]["do"]) == (["orders"], "see config-drifted")
    said = "orders-1 runs with the namespace shop, orders-2 runs with the namespace orders"
    assert any(said in line for line in now["lines"])
    assert fleet_status(plan(made, record=BEGUN, listed=BOTH, direction="migrate", **living)[0])["alarming"] == []
    for down in made[1:]:
        down["look"]["probe"]["process"]["running"] = False
    assert fleet_status(plan(made, record=BEGUN, listed=BOTH, direction="migrate")[0])["alarming"] == []


def refusal(planned, code):
    (found,) = [one for one in planned[1]["refusals"] if one["code"] == code]
    return found


def test_a_node_that_has_its_embedded_file_again_amid_a_rename_gets_the_one_for_timelock_and_it_goes_on():
    made = nodes("held", "held", "leader")
    made[2]["look"] = fleets.look(3, running=False)
    do = refusal(plan(made, record=BEGUN), "rename-not-migrated")["do"]
    assert do == (
        "Give orders-3 the file for TimeLock again, with the namespace orders, and do not start it. Then run "
        "rename_namespace.yml again."
    )
    made[2]["look"] = fleets.look(3, "timelock", running=False)
    assert codes(plan(made, record=BEGUN)) == []
    assert "migrate.yml first" in refusal(plan(nodes("timelock", "leader")), "rename-not-migrated")["do"]


def test_a_store_that_is_active_again_amid_a_rename_is_invalidated_again_and_it_goes_on():
    record = {**BEGUN, "numbers": {"bound": "2000000", "fresh": "2000500"}}
    older = fleets.store(bound=1_900_000)
    do = refusal(plan(nodes("held", "held", "held"), older, record), "rename-not-migrated")["do"]
    assert "raise its bound, and invalidate it again" in do and do.endswith("Then run rename_namespace.yml again.")
    again = {**fleets.invalidated(), "backup": 1_900_000}
    assert codes(plan(nodes("held", "held", "held"), again, record)) == []
    fleet, _service = plan(nodes("timelock", "held", "held"), older, record, direction="migrate")
    assert fleet_status(fleet)["services"]["orders"]["do"] == "see store-reactivated"


@pytest.mark.parametrize("direction", ["rename", "migrate", "reverse"])
def test_a_timelock_that_was_lost_amid_a_rename_is_brought_above_all_and_the_rename_goes_on(direction):
    made = nodes(*HALF, namespaces=("shop", "orders", "orders"))
    known = {**fleets.invalidated(), "corroboration": [{"source": "punch table", "number": 2_000_900}]}
    record = {**BEGUN, "numbers": {"bound": "2000000", "fresh": "2000500"}}
    lost = {"accept_unproven": "looked", "highest_issued": "9000000"} if direction == "reverse" else {}
    planned = plan(made, known, record, listed=(), direction=direction, **lost)
    do = refusal(planned, "rename-unfinished" if direction == "reverse" else "timelock-behind-backup")["do"]
    assert "bring the namespace orders above every timestamp that either namespace ever gave out" in do
    assert do.endswith("Then run rename_namespace.yml again, to shop.")
    assert codes(plan(made, known, record, fresh={"orders": 9_000_001})) == []


def test_a_way_back_without_a_loss_is_told_only_to_end_the_rename():
    planned = plan(nodes(*MIGRATED), record=BEGUN, direction="reverse")
    assert refusal(planned, "rename-unfinished")["do"].startswith("Run rename_namespace.yml again")


def test_nor_is_it_renamed_in_the_middle_of_its_way_back():
    record = {**BEGUN, "direction": "reverse"}
    assert "reverse-unfinished" in codes(plan(nodes(*MIGRATED), record=record))


@pytest.mark.parametrize("direction", ["migrate", "reverse", "rename"])
def test_a_node_that_has_the_namespace_again_which_was_left_alarms_and_nothing_is_done_with_its_service(direction):
    ended = {**BEGUN, "unfinished": False, "outcome": "renamed", "namespace": "shop"}
    listed = ("orders", "shop")
    back = nodes(*MIGRATED, namespaces=("shop", "orders", "shop"))
    fleet, service = plan(back, record=ended, listed=listed, direction=direction)
    assert "config-drifted" in [refusal["code"] for refusal in service["refusals"]]
    now = fleet_status(fleet)
    assert now["alarming"] == ["orders"]
    said = "orders-2 has the namespace orders again, which the service has left for shop. Stop it now"
    assert any(said in line for line in now["lines"])
    all_well = nodes(*MIGRATED, namespaces=("shop", "shop", "shop"))
    assert plan(all_well, record=ended, listed=listed, direction="migrate")[1]["refusals"] == []


def test_a_service_whose_rename_came_to_nothing_may_keep_its_namespace():
    put_back = {**BEGUN, "unfinished": False, "outcome": "put back", "namespace": "orders"}
    assert plan(nodes(*MIGRATED), record=put_back, direction="migrate")[1]["refusals"] == []


@pytest.mark.parametrize("running", [False, True])
def test_a_node_that_is_held_with_the_namespace_that_was_left_alarms_only_where_it_runs(running):
    """It was gone when the rename ended without it."""
    ended = {**BEGUN, "unfinished": False, "holder": None, "outcome": "renamed", "namespace": "shop"}
    back = nodes("timelock", "timelock", "held", namespaces=("shop", "shop", "orders"))
    back[2]["look"]["probe"]["process"]["running"] = running
    fleet, service = plan(back, record=ended, listed=BOTH, direction="migrate")
    now = fleet_status(fleet)
    assert now["alarming"] == (["orders"] if running else [])
    said = "orders-3 is held, and down, with the namespace orders, which the service has left for shop."
    told = [one for one in service["refusals"] if one["found"] == said]
    assert len(told) == (not running)
    if told:
        assert told[0]["do"].startswith("Do not release it") and "take its hold away" in told[0]["do"]
