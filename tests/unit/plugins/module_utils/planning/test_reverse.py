# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What speaks against the way back of a service, and what is done on it."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.fleet import plan_fleet
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.status import fleet_status
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.planning import fleets

BACKUP = 5_000_000
MIGRATED = {"state": "invalidated", "bound": None, "backup": BACKUP}
GUARDED = {"state": "ambiguous", "bound": 9_000_000, "guarded": True, "code": "bound-ambiguous", "reason": "Both."}
BEGUN = {
    "epoch": 3, "holder": None, "unfinished": True, "direction": "reverse", "namespace": "orders",
    "servers": fleets.SERVERS,
    "identity": fleets.IDENTITY, "nodes": ["orders-1", "orders-2", "orders-3"],
}  # fmt: skip


def nodes(*modes, former=True, version="0.905.0"):
    made = [fleets.node(number) for number in range(1, len(modes) + 1)]
    for number, (node, mode) in enumerate(zip(made, modes, strict=True), 1):
        node["look"] = fleets.look(number, mode)
        node["look"]["config"].update(former=former, version=version)
    return made


def plan(made, store, record=None, namespaces=("orders",), direction="reverse", fresh=None, **more):
    found = fleets.store(**{"guarded": False, **store}, record=record)
    timelock = {"refusals": [], "namespaces": list(namespaces), "fresh": {} if fresh is None else {"orders": fresh}}
    playing = [node["name"] for node in made]
    made = fleets.telling(made, more)
    settings = fleets.settings(direction=direction, playing=playing, **more)
    fleet = plan_fleet(made, {"orders": found}, timelock, settings)
    return fleet, fleet["services"]["orders"]


def codes(planned):
    return [refusal["code"] for refusal in planned[1]["refusals"]]


def test_a_service_that_runs_on_timelock_goes_back_with_all_its_nodes_stopped():
    _fleet, service = plan(nodes("timelock", "timelock", "timelock"), MIGRATED)
    assert (service["refusals"], service["todo"]) == ([], "reverse")
    assert service["nodes_to_stop"] == ["orders-1", "orders-2", "orders-3"]


def test_as_many_nodes_are_started_first_as_elect_a_leader_together():
    made = nodes("timelock", "timelock", "timelock")
    assert plan(made, MIGRATED)[1]["start_first"] == ["orders-1"]
    made[1]["look"]["config"]["quorum"] = 2
    assert plan(made, MIGRATED)[1]["start_first"] == ["orders-1", "orders-2"]
    made[2]["look"]["config"] = None
    assert plan(made, MIGRATED)[1]["start_first"] == ["orders-1", "orders-2"]


def test_timestamps_of_timelock_above_the_backup_are_no_contradiction():
    witness = [{"source": "punch table", "number": BACKUP + 7}]
    assert codes(plan(nodes("timelock"), {**MIGRATED, "corroboration": witness})) == []


def test_a_service_with_embedded_timestamps_has_nothing_to_take_back():
    assert codes(plan(nodes("leader", "leader"), {}, namespaces=())) == ["reverse-not-migrated"]


@pytest.mark.parametrize(
    ("fresh", "code"),
    [
        (BACKUP + 1, []),
        (BACKUP, ["reverse-timelock-lost"]),
        (Refusal("timelock-stuck", "It answers errors."), ["timelock-stuck"]),
    ],
)
def test_a_timelock_whose_counter_says_that_it_is_not_the_one_of_before_is_refused_by_the_plan(fresh, code):
    assert codes(plan(nodes("timelock"), MIGRATED, fresh=fresh)) == code


def test_a_service_that_came_back_is_left_alone():
    ended = {**BEGUN, "unfinished": False, "outcome": "reversed"}
    _fleet, service = plan(nodes("leader", "leader", "leader"), {}, ended)
    assert (service["refusals"], service["todo"]) == ([], "nothing")


@pytest.mark.parametrize(("version", "count", "code"), [
    ("0.910.0", 3, ["reverse-multi-node"] * 3),
    ("0.909.9", 3, []),
    ("0.1175.0", 1, []),
])  # fmt: skip
def test_several_nodes_cannot_go_back_with_a_client_that_leads_with_one_only(version, count, code):
    assert codes(plan(nodes(*["timelock"] * count, version=version), MIGRATED)) == code


@pytest.mark.parametrize(("count", "code"), [(2, ["config-missing"] * 2), (1, [])])
def test_several_nodes_need_their_old_configuration_and_one_does_not(count, code):
    assert codes(plan(nodes(*["timelock"] * count, former=False), MIGRATED)) == code


def test_without_timelocks_numbers_there_is_no_way_back():
    assert codes(plan(nodes("timelock"), MIGRATED, namespaces=())) == ["reverse-timelock-lost"]


def test_a_way_back_that_was_cut_short_before_the_bound_was_live_stops_every_node_again():
    _fleet, service = plan(nodes("leader", "held", "timelock"), MIGRATED, BEGUN)
    assert (service["refusals"], service["todo"]) == ([], "reverse")
    assert service["nodes_to_stop"] == ["orders-1", "orders-2", "orders-3"]


@pytest.mark.parametrize("began", ["reverse", "migrate"])
def test_it_goes_on_without_a_node_that_its_operator_says_is_gone_for_good(began):
    made, record = nodes("held", "held"), {**BEGUN, "direction": began}
    assert codes(plan(made, MIGRATED, record)) == ["inventory-changed"]
    _fleet, service = plan(made, MIGRATED, record, accept_unproven="orders-3 was destroyed")
    assert (service["refusals"], service["todo"]) == ([], "reverse")
    assert "orders-3: on record, and not in the group any more" in " ".join(service["notes"])


def test_where_fewer_nodes_are_there_than_elect_a_leader_the_plan_says_so():
    made = nodes("held", "held")
    for node in made:
        node["look"]["config"]["quorum"] = 3
    _fleet, service = plan(made, MIGRATED)
    (note,) = [note for note in service["notes"] if "2 of 3 nodes that elect a leader are there" in note]
    assert "'A node is gone for good' in the runbook" in note


@pytest.mark.parametrize("mode", ["held", "embedded", "timelock"])
def test_a_way_back_ends_with_the_timelock_that_it_began_with(mode):
    """Another one's counter says nothing of what the service was given."""
    made, other = nodes(mode, mode, mode), {**BEGUN, "servers": ["https://other:8421"]}
    assert codes(plan(made, MIGRATED, BEGUN, fresh=9_000_000)) == []
    planned = plan(made, MIGRATED, other, fresh=9_000_000)
    assert codes(planned) == ["config-other-timelock"]
    assert "The way back of orders began with https://other:8421." in planned[0]["reasons"][0]


def test_a_held_node_that_was_on_another_timelock_is_refused():
    made = nodes("held", "timelock", "timelock")
    on_timelock = fleets.look(1, "timelock")["config"]
    made[0]["look"]["config"].update(shared=on_timelock["shared"], timelock={"servers": ["https://other:8421"]})
    assert codes(plan(made, MIGRATED, BEGUN)) == ["config-other-timelock"]


def test_a_way_back_that_was_cut_short_once_a_node_served_stops_none():
    _fleet, service = plan(nodes("leader", "leader", "leader"), GUARDED, BEGUN)
    assert (service["refusals"], service["todo"], service["nodes_to_stop"]) == ([], "reverse", [])


def test_one_that_was_cut_short_with_a_live_bound_and_no_node_on_it_proves_every_node_gone_again():
    down = nodes("leader", "leader", "leader")
    for number, node in enumerate(down, 1):
        node["look"] = {**fleets.look(number, "leader", running=False), "config": node["look"]["config"]}
    for store in (GUARDED, {}):
        _fleet, service = plan(down, store, BEGUN)
        assert (service["refusals"], service["todo"]) == ([], "reverse")
        assert service["nodes_to_stop"] == ["orders-1", "orders-2", "orders-3"]
    _fleet, service = plan(down, {}, {**BEGUN, "unfinished": False, "outcome": "reversed"})
    assert (service["todo"], service["nodes_to_stop"]) == ("refused", [])


EMPTY = {**MIGRATED, "backup": None, "code": "bound-unreadable", "reason": "No row.", "empty_table": True}
"""As a client on PostgreSQL leaves it that began on TimeLock."""


def test_a_service_that_began_on_timelock_goes_to_embedded_timestamps_also_when_that_was_cut_short():
    assert codes(plan(nodes("timelock"), EMPTY)) == []
    begun = {**BEGUN, "nodes": ["orders-1"]}
    for mode in ("timelock", "held", "leader"):
        assert codes(plan(nodes(mode), EMPTY, begun)) == []
    assert codes(plan(nodes("held"), {**EMPTY, "empty_table": False}, begun)) == ["bound-unreadable"]
    assert codes(plan(nodes("held"), EMPTY, {**begun, "direction": "migrate"})) == ["bound-unreadable"]


def test_nobody_goes_forward_from_the_middle_of_that():
    assert codes(plan(nodes("held"), EMPTY, {**BEGUN, "nodes": ["orders-1"]}, direction="migrate")) == [
        "reverse-unfinished"
    ]


def test_a_live_bound_under_a_node_on_timelock_is_refused():
    assert "config-mixed-active" in codes(plan(nodes("leader", "timelock", "leader"), GUARDED, BEGUN))


@pytest.mark.parametrize("modes", [("leader", "timelock", "leader"), ("timelock",) * 3])
def test_a_node_on_timelock_beside_a_bound_that_is_live_again_alarms(modes):
    """Its client may not migrate the store again, and issue below the bound all the same."""
    fleet, service = plan(nodes(*modes), GUARDED, BEGUN, direction="migrate")
    assert "config-mixed-active" in [refusal["code"] for refusal in service["refusals"]]
    now = fleet_status(fleet)
    assert (now["alarming"], now["services"]["orders"]["do"]) == (["orders"], "see config-mixed-active")


def test_a_way_back_that_is_at_it_or_was_killed_does_not():
    held = {**BEGUN, "holder": fleets.record()["holder"]}
    looked_at_before = nodes("timelock", "held", "held")
    fleet, _service = plan(looked_at_before, GUARDED, held, direction="migrate", holder_gone=lambda holder: False)
    assert fleet_status(fleet)["alarming"] == []
    for modes in (("leader", "held", "held"), ("leader",) * 3):
        fleet, _service = plan(nodes(*modes), GUARDED, BEGUN, direction="migrate")
        assert fleet_status(fleet)["alarming"] == []
        assert fleet_status(fleet)["services"]["orders"]["do"] == "reverse.yml --limit orders-1,orders-2,orders-3"


@pytest.mark.parametrize("direction", ["reverse", "rename"])
@pytest.mark.parametrize(("running", "healthy"), [(False, False), (True, False)])
@pytest.mark.parametrize("store", [MIGRATED, GUARDED, {}])
def test_in_the_middle_of_a_way_back_nobody_is_told_to_start_a_node(store, running, healthy, direction):
    """It may have been killed before the bound was raised above what TimeLock has given out since."""
    made = nodes("leader", "leader", "held")
    for number in (1, 2):
        made[number - 1]["look"] = fleets.look(number, "leader", running)
        made[number - 1]["look"]["probe"]["health"]["ok"] = healthy
    fleet, service = plan(made, store, {**BEGUN, "direction": direction, "rename_to": "shop"}, direction="migrate")
    assert codes((fleet, service))[0] == f"{direction}-unfinished"
    assert "node-unhealthy-before" not in codes((fleet, service))
    assert not any("into service" in line for line in fleet_status(fleet)["lines"])


@pytest.mark.parametrize("store", [MIGRATED, GUARDED, {}])
def test_no_service_goes_forward_from_the_middle_of_the_way_back_and_status_says_what_to_type(store):
    fleet, service = plan(nodes("leader", "leader", "leader"), store, BEGUN, direction="migrate")
    assert codes((fleet, service))[0] == "reverse-unfinished"
    status = fleet_status(fleet)["services"]["orders"]
    assert (status["state"], status["do"]) == ("on the way back", "reverse.yml --limit orders-1,orders-2,orders-3")


def test_status_names_the_number_that_was_said_of_a_lost_timelock():
    begun = {**BEGUN, "highest_issued": "9000000"}
    fleet, _service = plan(nodes("held", "held", "held"), MIGRATED, begun, direction="migrate")
    said = "reverse.yml --limit orders-1,orders-2,orders-3 -e timelock_lost=true -e timelock_highest_issued=9000000"
    assert fleet_status(fleet)["services"]["orders"]["do"] == said


def test_a_guarded_store_without_a_way_back_on_record_is_as_ambiguous_as_it_looks():
    planned = plan(nodes("leader"), GUARDED, namespaces=(), direction="migrate")
    assert codes(planned) == ["bound-ambiguous"]
    assert "somebody took back by hand" in planned[1]["refusals"][0]["do"]
    mixed = plan(nodes("leader", "timelock"), GUARDED, namespaces=(), direction="migrate")
    assert codes(mixed) == ["bound-ambiguous", "config-mixed-active"]
    assert "by hand" not in mixed[1]["refusals"][0]["do"]


@pytest.mark.parametrize(
    ("number", "record", "refused"),
    [
        ("", None, ["reverse-timelock-lost"]),
        ("5e6", None, ["reverse-timelock-lost"]),
        (str(BACKUP), None, ["reverse-timelock-lost"]),
        (str(BACKUP + 6), {"numbers": {"fresh": str(BACKUP + 6)}}, ["reverse-timelock-lost"]),
        (str(BACKUP + 7), {"numbers": {"fresh": str(BACKUP + 6)}}, []),
        (str(2**63 - 1), None, ["bound-out-of-range"]),
    ],
)
def test_a_timelock_that_is_lost_is_replaced_by_a_number_above_everything_known(number, record, refused):
    planned = plan(nodes("timelock"), MIGRATED, record, namespaces=(), highest_issued=number)
    assert codes(planned) == refused
    assert planned[1]["highest_issued"] == number


@pytest.mark.parametrize("store", [MIGRATED, GUARDED])
@pytest.mark.parametrize("fresh", [BACKUP - 1, BACKUP + 1, 20_000_000])
def test_a_timelock_that_gives_out_timestamps_is_not_lost_whatever_its_operator_says(store, fresh):
    """Not even one that has lost data: it may give out more, and is brought above what it has forgotten."""
    mode = "timelock" if store is MIGRATED else "leader"
    begun = None if store is MIGRATED else {**BEGUN, "nodes": ["orders-1"]}
    planned = plan(nodes(mode), store, begun, fresh=fresh, highest_issued="9000000")
    (refusal,) = planned[1]["refusals"]
    assert (refusal["code"], str(fresh) in refusal["found"]) == ("reverse-timelock-lost", True)
    assert refusal["do"].startswith("Leave out timelock_lost.")
    silent = Refusal("timelock-unreachable", "No quorum.")
    assert codes(plan(nodes(mode), store, begun, fresh=silent, highest_issued="9000000")) == []


def test_that_it_is_lost_is_noted_and_that_its_clients_are_down_must_be_accepted():
    made = nodes("timelock")
    made[0]["look"] = fleets.look(1, "timelock", running=False)
    made[0]["look"]["config"].update(former=True)
    assert codes(plan(made, MIGRATED, highest_issued="9000000")) == ["proof-missing"]
    _fleet, service = plan(made, MIGRATED, highest_issued="9000000", accept_unproven="looked")
    assert service["refusals"] == []
    assert service["notes"] == [
        "accepted unproven (timelock_lost): TimeLock never gave out more than 9000000",
        "accepted unproven (looked): orders-1 do not run, so no probe can be seen to see them.",
    ]
