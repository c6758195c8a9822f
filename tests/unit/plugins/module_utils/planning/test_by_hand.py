# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Migrations that somebody did by hand: what the plan calls them, and what of them may be repaired."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.fleet import plan_fleet
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.numbers import behind
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.service import PUT_BACK
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.status import fleet_status
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.planning import fleets

NOTHING_THERE = {"refusals": [], "namespaces": []}
LISTED = {"refusals": [], "namespaces": ["orders"]}
MANUAL = {"source": "column 0x7472 of the timestamp table", "number": 2_000_000}


def misplaced(**more):
    """The backup where AtlasDB's document wants it."""
    reason = "orders._timestamp is invalidated, and its backup, 2000000, stands in column 0x7472 instead of oldTs."
    return fleets.invalidated(code="bound-manual-backup", reason=reason, corroboration=[MANUAL], **more)


def plan(store, timelock=None, mode="leader", running=False, **settings):
    nodes = [fleets.node(number, look=fleets.look(number, mode, running and mode != "held")) for number in (1, 2, 3)]
    nodes = fleets.telling(nodes, settings)
    planned = plan_fleet(nodes, {"orders": store}, timelock or NOTHING_THERE, fleets.settings(**settings))
    return planned["services"]["orders"], planned


def codes(service):
    return [refusal["code"] for refusal in service["refusals"]]


@pytest.mark.parametrize("mode", ["leader", "timelock"])
def test_a_backup_in_the_wrong_place_is_refused_by_a_handover_and_not_by_a_repair(mode):
    service, _planned = plan(misplaced(), LISTED, mode, accept_unproven="looked", adopt_namespace=True)
    assert "bound-manual-backup" in codes(service) and service["repair"] == "backup" and not service["repairing"]
    service, _planned = plan(misplaced(), NOTHING_THERE, mode, accept_unproven="looked", repair=True)
    assert codes(service) == []
    assert (service["todo"], service["repairing"]) == ("migrate", "backup")
    assert service["nodes_to_stop"] == ["orders-1", "orders-2", "orders-3"]


def test_nodes_that_no_probe_has_seen_are_accepted_only_with_a_reason():
    service, _planned = plan(misplaced(), mode="timelock", repair=True)
    assert codes(service) == ["proof-missing"]
    service, _planned = plan(misplaced(), mode="timelock", repair=True, accept_unproven="looked")
    assert any(note.startswith("accepted unproven (looked)") for note in service["notes"])


def test_a_store_that_was_invalidated_by_hand_is_no_alarm_while_nobody_ever_used_timelock():
    service, planned = plan(fleets.invalidated())
    assert service["repair"] == "rest" and codes(service) == ["timelock-behind-backup"]
    assert "repair.yml" in service["refusals"][0]["do"]
    status = fleet_status(planned)
    assert status["alarming"] == []
    assert (status["services"]["orders"]["state"], status["services"]["orders"]["do"]) == ("by hand", "repair.yml")
    assert plan(fleets.invalidated(), repair=True, accept_unproven="looked")[0]["todo"] == "migrate"


@pytest.mark.parametrize(("running", "missing"), [(True, []), (False, ["proof-missing"])])
def test_of_a_store_that_was_invalidated_by_hand_nodes_that_no_probe_has_seen_are_not_taken_for_gone(running, missing):
    service, _planned = plan(fleets.invalidated(), running=running, repair=True)
    assert codes(service) == missing


def embedded_again(how, **more):
    """A service that a run left with its embedded timestamps, and somebody invalidated since."""
    nodes = [fleets.node(each, look=fleets.look(each, running=False)) for each in (1, 2, 3)]
    for node in nodes:
        node["look"]["probe"]["switched"] = {"how": how, "run_id": "earlier"}
    ended = {"unfinished": False, "holder": None, "numbers": {"bound": "1000000"}, **more}
    return nodes, fleets.invalidated(record=fleets.record(**ended))


TAKEN_BACK = [
    ("reversed", {"direction": "reverse", "outcome": "reversed"}),
    ("put back", {"outcome": PUT_BACK}),
    ("put back", {"outcome": f"{PUT_BACK}, but atlasdb_after_start_tasks failed on orders-1: no answer"}),
]


@pytest.mark.parametrize(("how", "ended"), TAKEN_BACK)
def test_a_service_that_a_run_left_embedded_and_somebody_invalidated_then_is_repaired(how, ended):
    nodes, store = embedded_again(how, **ended)
    behind_it = {**LISTED, "fresh": {"orders": 1_900_000}}
    status = fleet_status(plan_fleet(nodes, {"orders": store}, behind_it, fleets.settings()))
    assert (status["services"]["orders"]["do"], status["alarming"]) == ("repair.yml", [])
    nodes = fleets.telling(nodes, {"accept_unproven": "looked"})
    planned = plan_fleet(nodes, {"orders": store}, behind_it, fleets.settings(repair=True))
    assert (codes(planned["services"]["orders"]), planned["services"]["orders"]["todo"]) == ([], "migrate")


@pytest.mark.parametrize(
    ("how", "ended"),
    [
        ("switched", {"outcome": "migrated"}),
        ("switched", {"direction": "reverse", "outcome": "reversed"}),
        ("put back", {"direction": "reverse", "outcome": PUT_BACK}),
    ],
)
def test_a_service_that_was_on_timelock_last_is_not_one_by_hand(how, ended):
    nodes, store = embedded_again(how, **ended)
    planned = plan_fleet(nodes, {"orders": store}, LISTED, fleets.settings(repair=True))
    assert planned["services"]["orders"]["todo"] == "left alone"


def test_a_service_whose_clients_wrote_down_what_the_embedded_service_never_gave_out_is_not_one_by_hand():
    store = fleets.invalidated(corroboration=[{"source": "punch table", "number": 2_000_001}])
    service, planned = plan(store)
    assert service["repair"] is None and fleet_status(planned)["alarming"] == ["orders"]


@pytest.mark.parametrize(
    ("modes", "state"), [(("timelock",) * 3, "migrated"), (("timelock", "leader", "timelock"), "invalidated")]
)
def test_what_was_configured_by_hand_and_never_started_goes_on_once_timelock_was_fast_forwarded(modes, state):
    """As the runbook has it. Until then nobody can tell it from a TimeLock that has lost everything."""
    nodes = [fleets.node(at, look=fleets.look(at, mode, running=False)) for at, mode in enumerate(modes, 1)]
    stores = {"orders": fleets.invalidated()}
    status = fleet_status(plan_fleet(nodes, stores, NOTHING_THERE, fleets.settings()))
    assert status["services"]["orders"]["do"] == "see timelock-behind-backup"
    forwarded = {**LISTED, "fresh": {"orders": 2_000_001}}
    status = fleet_status(plan_fleet(nodes, stores, forwarded, fleets.settings()))["services"]["orders"]
    assert status["state"] == state
    if state == "invalidated":
        assert status["do"] == "see timelock-namespace-used"
        for node in nodes:
            node["adopt_namespace"] = True
        planned = plan_fleet(nodes, stores, forwarded, fleets.settings())
        assert fleet_status(planned)["services"]["orders"]["do"] == "migrate.yml"
        assert planned["services"]["orders"]["todo"] == "migrate"


def with_a_switch(number, how):
    nodes = [fleets.node(each, look=fleets.look(each, running=False)) for each in (1, 2, 3)]
    nodes[number]["look"]["probe"]["switched"] = {"how": how, "run_id": "earlier"}
    return nodes


@pytest.mark.parametrize("store", [fleets.invalidated(record=fleets.record(unfinished=False)), fleets.invalidated()])
def test_a_store_that_a_run_or_a_node_on_timelock_knows_of_is_not_one_by_hand(store):
    nodes = with_a_switch(1, "switched") if store["record"] is None else None
    nodes = nodes or [fleets.node(each, look=fleets.look(each, running=False)) for each in (1, 2, 3)]
    planned = plan_fleet(nodes, {"orders": store}, NOTHING_THERE, fleets.settings(repair=True))
    assert planned["services"]["orders"]["todo"] == "left alone"
    planned = plan_fleet(nodes, {"orders": store}, NOTHING_THERE, fleets.settings())
    assert fleet_status(planned)["alarming"] == ["orders"]


@pytest.mark.parametrize("what", ["backup", "rest"])
def test_a_repair_that_died_is_one_still(what):
    record = fleets.record(repair=what)
    service, planned = plan(fleets.invalidated(record=record), LISTED, "held")
    assert service["repair"] == what
    assert fleet_status(planned)["services"]["orders"]["do"] == "repair.yml"
    assert plan(fleets.invalidated(record=record), LISTED, "held", repair=True)[0]["todo"] == "migrate"


@pytest.mark.parametrize("what", ["rest", "backup"])
def test_a_timelock_that_is_behind_must_not_be_under_a_node_that_a_repair_has_started(what):
    store = fleets.invalidated(record=fleets.record(repair=what))
    modes = enumerate(("timelock", "held"), 1)
    members = [fleets.node(number, look=fleets.look(number, mode)) for number, mode in modes]
    members[1]["look"]["probe"]["process"]["running"] = False
    store["record"]["nodes"] = ["orders-1", "orders-2"]
    lost = {**LISTED, "fresh": {"orders": 5}}
    planned = plan_fleet(members, {"orders": store}, lost, fleets.settings(repair=True))
    assert "timelock-behind-backup" in codes(planned["services"]["orders"])
    told = fleet_status(plan_fleet(members, {"orders": store}, lost, fleets.settings()))
    assert told["alarming"] == ["orders"]
    members[0]["look"]["probe"]["process"]["running"] = False
    assert fleet_status(plan_fleet(members, {"orders": store}, lost, fleets.settings()))["alarming"] == []


def test_a_new_timelock_is_brought_above_what_one_that_was_lost_gave_out_before():
    numbers = {"bound": "2000000", "fresh": "9000000"}
    state = fleets.invalidated(corroboration=[]) | {"backup": 20_000_000}
    assert behind(state, {"numbers": numbers}, 5, repairing=True) is None
    assert behind(state | {"backup": 8_000_000}, {"numbers": numbers}, 5, repairing=True)
    assert behind(state, {"numbers": numbers}, 5)


def test_services_of_which_there_is_nothing_to_repair_are_left_alone_whatever_is_wrong_with_them():
    for store in (fleets.store(), fleets.store(missing_rights=["GRANT"])):
        service, planned = plan(store, running=True, repair=True)
        assert (service["todo"], planned["refused"]) == ("left alone", False)


def test_a_service_whose_store_nobody_could_read_is_not_said_to_need_no_repair():
    unreachable = Refusal("kvs-unreachable", "It does not answer.")
    service, _planned = plan({"refusal": unreachable}, running=True, repair=True)
    assert service["todo"] == "refused"


def test_a_migration_that_was_only_begun_by_hand_is_named_and_goes_on_as_ever():
    service, planned = plan(fleets.store(corroboration=[MANUAL]), running=True)
    assert service["todo"] == "migrate" and service["repair"] is None
    assert any("was begun" in note for note in service["notes"])
    assert fleet_status(planned)["services"]["orders"]["state"] == "embedded"


@pytest.mark.parametrize(("fresh", "punched", "refused"), [(1, 2_000_000, False), (1, 2_000_001, True), (9, 8, False)])
def test_a_repair_is_refused_where_clients_know_timestamps_above_store_and_timelock(fresh, punched, refused):
    witnesses = [{"source": "punch table", "number": punched}]
    state = {"state": "invalidated", "backup": 2_000_000, "corroboration": witnesses}
    assert bool(behind(state, None, fresh, repairing=True)) == refused
