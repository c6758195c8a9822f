# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a plan that was kept is still the plan, and what becomes of services that are refused."""

from __future__ import annotations

import json

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.fleet import plan_fleet
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.planning import fleets

NAMES = ["orders-1", "orders-2", "orders-3"]
BOTH = [*NAMES, "users-4"]


def plan(nodes=None, store=None, timelock=None, **settings):
    nodes = nodes or [fleets.node(number) for number in (1, 2, 3)]
    stores = {"orders": store or fleets.store()}
    return plan_fleet(nodes, stores, timelock or fleets.TIMELOCK, fleets.settings(**settings))


def kept(**changes):
    """A plan as its file gives it back."""
    return {**json.loads(json.dumps(plan())), **changes}


def refusals(planned):
    return [(refusal["code"], refusal["found"]) for refusal in planned["services"]["orders"]["refusals"]]


def test_a_plan_that_still_holds_is_applied_though_the_bound_has_grown():
    planned = plan(store=fleets.store(bound=3_000_000), kept=kept())
    assert (planned["refused"], refusals(planned)) == (False, [])


def edited(nodes):
    nodes[1]["look"]["digest"] = "another"


def renamed(nodes):
    for node in nodes:
        node["look"]["config"]["namespace"] = node["look"]["config"]["shared"]["namespace"] = "orders2"


def upgraded(nodes):
    nodes[0]["look"]["config"]["version"] = "0.910.0"


def left_to_itself(nodes):
    nodes[0]["migration"] = "automated"


def with_another_trust_store(nodes):
    nodes[1]["look"]["planned"]["diff"] = "+  trustStorePath: /another"


def without_leader(nodes):
    for node in nodes:
        node["look"]["config"]["mode"] = "embedded"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (edited, "the content of its configuration files changed"),
        (renamed, "its namespace changed: orders, and now orders2"),
        (without_leader, "where its nodes take timestamps from changed: orders-1 leader, orders-2 leader,"),
        (upgraded, "its version of AtlasDB changed: 0.905.0, and now 0.910.0"),
        (left_to_itself, "its timelock_migration changed: manual, and now automated"),
        (with_another_trust_store, "what would be written into the configuration files of orders-2 changed"),
        (lambda nodes: nodes.pop(), "its nodes changed: orders-1, orders-2, orders-3, and now orders-1, orders-2"),
    ],
)
def test_a_plan_is_stale_when_the_service_has_changed(change, found):
    nodes = [fleets.node(number) for number in (1, 2, 3)]
    change(nodes)
    planned = plan(nodes, kept=kept())
    assert planned["refused"]
    ((code, words),) = refusals(planned)
    assert code == "plan-stale"
    assert words.startswith(f"orders is not as in the plan that is being applied: {found}")


@pytest.mark.parametrize(
    ("store", "found"),
    [
        (fleets.store(bound=1_999_999), "its bound is 1999999, below 2000000"),
        (fleets.store(identity={**fleets.IDENTITY, "system_identifier": "8"}), "system_identifier is 8, and was 7"),
        (fleets.store(identity={**fleets.IDENTITY, "position": 999}), "position 999, earlier than 1000"),
    ],
)
def test_a_plan_is_stale_when_the_store_has_changed(store, found):
    ((code, words),) = refusals(plan(store=store, kept=kept()))
    assert code == "plan-stale"
    assert found in words


def test_a_store_that_was_invalidated_since_is_another_plan():
    listed = {"refusals": [], "namespaces": ["orders"]}
    store = fleets.invalidated(record=fleets.record(unfinished=False, holder=None))
    assert plan(store=store, timelock=listed)["services"]["orders"]["todo"] == "migrate"
    ((code, words),) = refusals(plan(store=store, timelock=listed, kept=kept()))
    assert code == "plan-stale"
    assert "the state of its store changed: active, and now invalidated" in words


def test_a_plan_for_other_servers_is_stale():
    planned = plan(kept=kept(servers=["https://other:8421"]))
    assert [refusal["code"] for refusal in planned["refusals"]] == ["plan-stale"]
    assert planned["refused"]


@pytest.mark.parametrize(
    "content",
    [{}, {"services": ["orders"]}, {"services": {"orders": "migrate"}}, {"services": {"orders": {"todo": "migrate"}}}],
)
def test_a_file_that_holds_no_plan_is_stale(content):
    planned = plan(kept=content)
    assert planned["refused"]
    assert refusals(planned) == [("plan-stale", "The plan that is being applied has no service orders.")]


def test_a_service_that_was_refused_in_the_plan_is_not_migrated_by_it():
    before = plan(store=fleets.store(code="bound-absent", state="absent", bound=None, reason="No table."))
    assert before["refused"]
    assert refusals(plan(kept=before)) == [("plan-stale", "orders was refused in the plan that is being applied.")]


def test_a_run_that_was_killed_while_it_applied_a_plan_is_finished_by_the_same_plan():
    nodes = [fleets.node(number, look=fleets.look(number, "held", running=False)) for number in (1, 2, 3)]
    listed = {"refusals": [], "namespaces": ["orders"]}
    planned = plan(nodes, fleets.store(record=fleets.record(), sessions=[]), listed, kept=kept())
    assert refusals(planned) == []
    assert planned["services"]["orders"]["resuming"]


def test_a_run_that_goes_on_writes_what_was_read_and_nothing_else():
    """A node that was switched already is given nothing, and is no difference."""
    nodes = [fleets.node(number, look=fleets.look(number, "held", running=False)) for number in (1, 2, 3)]
    listed = {"refusals": [], "namespaces": ["orders"]}
    before = kept()
    before["services"]["orders"]["digests"] = dict.fromkeys(NAMES, "as before")
    before["services"]["orders"]["diffs"] = dict.fromkeys(NAMES, "+  timelock: {}")
    nodes[0]["look"].update(digest="switched", planned={"diff": "", "changed": False})
    for node in nodes[1:]:
        node["look"].update(digest="as before", planned={"diff": "+  timelock: {}", "changed": True})
    unfinished = {"store": fleets.store(record=fleets.record(), sessions=[]), "timelock": listed}
    assert refusals(plan(nodes, kept=before, **unfinished)) == []
    with_another_trust_store(nodes)
    ((code, found),) = refusals(plan(nodes, kept=before, **unfinished))
    assert code == "plan-stale"
    assert "would be written into the configuration files of orders-2 changed" in found


def test_what_a_plan_has_done_already_is_left_alone():
    nodes = [fleets.node(number, look=fleets.look(number, "timelock")) for number in (1, 2, 3)]
    listed = {"refusals": [], "namespaces": ["orders"]}
    planned = plan(nodes, fleets.invalidated(), listed, kept=kept())
    assert (planned["refused"], planned["services"]["orders"]["todo"]) == (False, "nothing")


def two(**settings):
    """Orders, which is well, and users, which cannot be reached."""
    nodes = [*(fleets.node(number) for number in (1, 2, 3)), fleets.node(4, "users")]
    nodes[3]["look"] = {"unreachable": True, "msg": "no route"}
    stores = {"orders": fleets.store(), "users": None}
    return plan_fleet(nodes, stores, fleets.TIMELOCK, fleets.settings(playing=BOTH, **settings))


def test_a_service_that_is_refused_stops_all_unless_it_may_be_skipped():
    assert (two()["refused"], two()["left_out"]) == (True, [])
    skipped = two(skip_refused=True)
    assert (skipped["refused"], skipped["left_out"]) == (False, ["users"])
    assert skipped["reasons"]


def test_what_is_wrong_with_the_whole_fleet_cannot_be_skipped():
    assert two(skip_refused=True, servers=[])["refused"]


def test_with_every_service_refused_nothing_is_skipped():
    planned = plan(store=fleets.store(code="bound-absent", state="absent", bound=None, reason="No."), skip_refused=True)
    assert (planned["refused"], planned["left_out"]) == (True, [])
