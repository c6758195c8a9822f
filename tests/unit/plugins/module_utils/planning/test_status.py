# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where every service is, as status.yml says it."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning import nodes
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.fleet import plan_fleet
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.status import fleet_status
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.planning import fleets

LISTED = {"refusals": [], "namespaces": ["orders"], "fresh": {}}
FRESH = {**LISTED, "fresh": {"orders": 2_000_100}}


def now(store=None, timelock=None, modes=("leader",) * 3, running=True, **settings):
    """The status of orders, and what is alarming."""
    members = [
        fleets.node(number, look=fleets.look(number, mode, running and mode != "held"))
        for number, mode in enumerate(modes, 1)
    ]
    planned = plan_fleet(
        members, {"orders": store or fleets.store()}, timelock or fleets.TIMELOCK, fleets.settings(**settings)
    )
    told = fleet_status(planned)
    return told["services"]["orders"], told


def test_a_service_that_nobody_has_touched_is_embedded():
    status, told = now()
    assert (status["state"], status["do"], status["agree"]) == ("embedded", "migrate.yml", "yes")
    assert (status["configuration"], status["store"]) == ("3 leader", "active 2000000")
    assert (status["timelock"], status["up"], status["lock"], status["last_run"]) == (
        "no namespace", "3/3", "free", "none",
    )  # fmt: skip
    assert told["alarming"] == []


def test_a_service_that_cannot_be_migrated_is_embedded_all_the_same_and_the_reason_is_named():
    status, told = now(running=False)
    assert (status["state"], status["do"]) == ("embedded", "see node-unhealthy-before")
    assert told["alarming"] == []


@pytest.mark.parametrize(("modes", "running", "alarming"), [
    (("leader",), True, ["orders"]),
    (("leader",), False, []),
    (("timelock",), True, []),
])  # fmt: skip
def test_a_table_that_is_gone_must_not_be_where_a_node_would_begin_again_at_its_next_start(modes, running, alarming):
    gone = fleets.store(state="absent", bound=None, code="bound-absent", reason="There is no table.")
    unlisted = {**LISTED, "namespaces": []}
    status, told = now(gone, unlisted, modes, running, playing=["orders-1"])
    assert told["alarming"] == alarming
    assert status["state"] == ("wrong" if alarming else "unclear")
    assert "bound-absent" in status["codes"]


ABSENT = fleets.store(state="absent", bound=None, code="bound-absent", reason="There is no table.")


def test_a_service_that_serves_on_timelock_and_never_had_a_table_is_migrated():
    """As clients leave it that make none on TimeLock, or took their timestamps from another service."""
    status, told = now(ABSENT, LISTED, ("timelock",) * 3)
    assert (status["state"], status["do"], status["codes"], told["alarming"]) == ("migrated", "nothing", [], [])
    assert any("its store never held a bound" in line for line in told["lines"])
    emptied = fleets.store(**{**ABSENT, "empty_table": True})
    ended = fleets.store(**{**ABSENT, "record": fleets.record(unfinished=False, holder=None)})
    for store, modes in ((emptied, ("timelock",) * 3), (ended, ("timelock",) * 3), (ABSENT, ("timelock", "leader"))):
        assert "bound-absent" in now(store, LISTED, modes)[0]["codes"]
    assert "bound-absent" in now(ABSENT, LISTED, ("timelock",) * 3, direction="reverse")[0]["codes"]


@pytest.mark.parametrize(
    ("store", "first"),
    [
        (ABSENT, "bound-absent"),
        (fleets.store(state="ambiguous", bound=None, code="bound-ambiguous", reason="Two rows."), "bound-ambiguous"),
        ({"refusal": Refusal("kvs-unreachable", "connection refused")}, "kvs-unreachable"),
        (fleets.store(record=fleets.record(unfinished=False, numbers={"bound": "9000000"})), "bound-below-record"),
    ],
)
def test_nobody_is_told_to_start_a_node_on_a_store_of_which_that_is_not_known_to_be_right(store, first):
    status, told = now(store, LISTED, running=False)
    assert status["do"] == f"see {first}"
    down = [line for line in told["lines"] if "node-unhealthy-before" in line]
    assert len(down) == 3 and all("Do not start it before the rest is mended" in line for line in down)


def test_held_nodes_of_a_store_that_cannot_be_read_are_not_said_to_be_unknown_to_it():
    status, _told = now({"refusal": Refusal("kvs-unreachable", "connection refused")}, LISTED, ("held",) * 3)
    assert (status["codes"], status["do"]) == (["kvs-unreachable"], "see kvs-unreachable")


@pytest.mark.parametrize(("guarded", "alarming"), [(False, ["orders"]), (True, [])])
def test_a_number_that_may_be_an_old_one_must_not_be_under_nodes_that_serve(guarded, alarming):
    both = {"state": "ambiguous", "bound": 3_000_001, "code": "bound-ambiguous", "reason": "Both.", "guarded": guarded}
    assert now(fleets.store(**both), LISTED)[1]["alarming"] == alarming
    assert now(fleets.store(**both), LISTED, running=False)[1]["alarming"] == []


def test_a_bound_that_looks_like_one_of_a_way_back_and_is_none_is_held_against_what_is_on_record():
    both = {"state": "ambiguous", "bound": 3_000_001, "backup": 2_000_000, "code": "bound-ambiguous", "reason": "Both."}
    numbers = {"bound": "2000000", "fresh": "20000000"}
    ended = fleets.record(unfinished=False, holder=None, numbers=numbers)
    status, told = now(fleets.store(**both, guarded=True, record=ended), LISTED)
    assert told["alarming"] == ["orders"] and status["do"] == "see bound-below-record"
    reversing = fleets.record(numbers=numbers, direction="reverse")
    assert now(fleets.store(**both, guarded=True, record=reversing), LISTED)[1]["alarming"] == []


def _switched(mode="leader", epoch=3):
    members = [fleets.node(number, look=fleets.look(number, mode)) for number in (1, 2, 3)]
    for member in members:
        member["look"]["probe"]["switched"] = {"how": "switched", "run_id": "earlier"}
        member["look"]["probe"]["epoch"] = {"service": "orders", "epoch": epoch, "run_id": "earlier"}
    return members


def test_nodes_that_serve_again_on_a_copy_of_before_their_migration_must_not_be():
    copy = {"orders": fleets.store(bound=1_500_000)}
    told = fleet_status(plan_fleet(_switched(), copy, LISTED, fleets.settings()))
    assert told["alarming"] == ["orders"]
    assert any("and is leader again. Stop it now: the store is a copy of before it" in line for line in told["lines"])
    for member in (members := _switched()):
        member["look"]["probe"]["process"]["running"] = False
    assert fleet_status(plan_fleet(members, copy, LISTED, fleets.settings()))["alarming"] == []


def test_a_service_that_somebody_took_back_by_hand_is_said_to_be_that_and_no_alarm():
    ended = fleets.record(unfinished=False, holder=None, outcome="migrated")
    store = {"orders": fleets.store(bound=30_000_000, record=ended)}
    told = fleet_status(plan_fleet(_switched(), store, LISTED, fleets.settings()))
    assert told["alarming"] == [] and told["services"]["orders"]["state"] == "embedded"
    assert any("somebody has taken it back since, by hand" in line for line in told["lines"])


def test_a_lock_of_which_nobody_can_say_whether_its_run_lives_silences_an_alarm_only_while_it_is_young():
    members = [fleets.node(number, look=fleets.look(number, mode)) for number, mode in enumerate(MIXED, 1)]
    store = {"orders": fleets.invalidated(record=fleets.record())}
    taken = {"take_over": "earlier"}
    for young, more, alarming in ((True, {}, []), (False, {}, ["orders"]), (True, taken, ["orders"])):
        settings = fleets.settings(holder_gone=lambda holder: False, is_young=lambda holder, it=young: it, **more)
        assert fleet_status(plan_fleet(members, store, LISTED, settings))["alarming"] == alarming


MIXED = ("timelock", "leader", "held")


def test_a_run_that_did_not_end_is_ended_for_its_service_alone_where_there_are_others():
    nodes = [fleets.node(1), fleets.node(2, "users")]
    nodes[1]["look"]["config"]["namespace"] = "users"
    stores = {"orders": fleets.store(record=fleets.record(nodes=["orders-1"]))}
    stores["users"] = fleets.store(identity={**fleets.IDENTITY, "database_oid": 7})
    told = fleet_status(plan_fleet(nodes, stores, LISTED, fleets.settings(playing=["orders-1", "users-2"])))
    assert told["services"]["orders"]["do"] == "migrate.yml --limit orders-1"
    assert now(fleets.store(record=fleets.record()), LISTED)[0]["do"] == "migrate.yml"


def test_of_an_older_copy_that_is_active_under_nodes_on_timelock_that_is_what_to_look_up():
    finished = fleets.record(unfinished=False, holder=None, numbers={"bound": "2500000"})
    status, _told = now(fleets.store(record=finished), LISTED, ("timelock",) * 3)
    assert status["codes"] == ["bound-below-record", "store-reactivated"]
    assert status["do"] == "see store-reactivated"


def test_an_older_copy_of_an_invalidated_store_under_nodes_on_timelock_is_noted():
    finished = fleets.record(unfinished=False, holder=None, numbers={"bound": "2500000", "fresh": "2500001"})
    status, told = now(fleets.invalidated(record=finished), LISTED, ("timelock",) * 3)
    assert (status["state"], status["do"], told["alarming"]) == ("migrated", "nothing", [])
    said = "orders: note: The bound is 2000000, and 2500000 is on record. The store was put back to an older state"
    assert any(line.startswith(said) for line in told["lines"])
    status, told = now(fleets.invalidated(record=finished), LISTED, ("timelock", "leader", "timelock"))
    assert "bound-below-record" in status["codes"] and told["alarming"] == ["orders"]


def test_a_service_that_its_own_migrator_has_brought_to_timelock_is_migrated():
    store = fleets.invalidated(missing_rights=["GRANT CREATE ON DATABASE orders TO orders"])
    status, told = now(store, FRESH, ("timelock",) * 3)
    assert (status["state"], status["do"], status["agree"]) == ("migrated", "nothing", "yes")
    assert (status["timelock"], status["last_run"]) == ("2000100", "none: its own migration, or by hand")
    assert told["alarming"] == []


def test_a_service_that_began_on_timelock_is_migrated():
    """On PostgreSQL its client has left a table without a row, and renamed the column of that."""
    store = fleets.store(state="invalidated", bound=None, code="bound-unreadable", reason="No row.", empty_table=True)
    status, told = now(store, LISTED, ("timelock",) * 3)
    assert (status["state"], status["do"], told["alarming"]) == ("migrated", "nothing", [])
    assert "orders: note: its store never held a bound: it began on TimeLock" in told["lines"]
    status, _told = now({**store, "empty_table": False}, LISTED, ("timelock",) * 3)
    assert status["codes"] == ["bound-unreadable"]


def test_a_timelock_whose_counter_nobody_asked_for_is_not_said_to_agree():
    status, _told = now(fleets.invalidated(), LISTED, ("timelock",) * 3)
    assert (status["timelock"], status["agree"]) == ("not checked", "yes, TimeLock not checked")


def test_timestamps_that_clients_wrote_down_since_they_are_on_timelock_speak_not_against_the_backup():
    store = fleets.invalidated(corroboration=[{"source": "punch table", "number": 2_000_050}])
    assert now(store, FRESH, ("timelock",) * 3)[0]["state"] == "migrated"


@pytest.mark.parametrize(
    ("store", "word"),
    [
        (fleets.invalidated(), "invalidated at 2000000"),
        (fleets.invalidated(corroboration=[{"source": "punch table", "number": 1_500}]), "invalidated at 2000000"),
        (fleets.store(state="invalidated", bound=None, backup=900,
                      corroboration=[{"source": "punch table", "number": 1_500}]), "punch table has 1500"),
        (fleets.store(state="invalidated", bound=None, backup=900,
                      record=fleets.record(unfinished=False, holder=None, numbers={"bound": "900", "fresh": "1200"})),
         "gave out 1200 before"),
    ],
)  # fmt: skip
def test_a_timelock_that_is_not_above_all_that_is_known_must_not_be(store, word):
    status, told = now(store, {**LISTED, "fresh": {"orders": 1_000}}, ("timelock",) * 3)
    assert (status["state"], status["agree"], status["codes"]) == ("wrong", "no", ["timelock-behind-backup"])
    assert told["alarming"] == ["orders"]
    assert word in told["lines"][-1]


def test_a_timelock_that_was_made_anew_is_no_alarm_for_a_service_that_has_its_embedded_timestamps():
    """After a way back from one that was lost. The next handover brings the new one up to the bound."""
    ended = {"unfinished": False, "holder": None, "outcome": "reversed"}
    record = fleets.record(**ended, numbers={"bound": "2000000", "fresh": "1900000"})
    status, told = now(fleets.store(record=record), {**LISTED, "fresh": {"orders": 5}})
    assert (status["state"], status["do"], told["alarming"]) == ("embedded", "migrate.yml", [])
    record = fleets.record(**ended, numbers={"bound": "2000000", "fresh": "2000001"})
    status, told = now(fleets.store(record=record), {**LISTED, "fresh": {"orders": 5}})
    assert (status["do"], told["alarming"]) == ("see bound-below-record", ["orders"])


def test_a_namespace_that_gives_no_timestamp_is_named():
    stuck = {**LISTED, "fresh": {"orders": Refusal("timelock-stuck", "It answers errors.")}}
    status, _told = now(fleets.invalidated(), stuck, ("timelock",) * 3)
    assert status["codes"] == ["timelock-stuck"]
    assert (status["timelock"], status["agree"]) == ("unusable", "?")


@pytest.mark.parametrize("resuming", [True, False])
def test_a_node_that_runs_with_its_old_configuration_on_an_invalidated_store_must_not_be(resuming):
    store = fleets.invalidated(record=fleets.record(unfinished=resuming))
    status, told = now(store, LISTED, ("timelock", "leader", "timelock"))
    assert status["state"] == "wrong" and "node-on-old-service" in status["codes"]
    assert told["alarming"] == ["orders"]


@pytest.mark.parametrize(("held_by", "alarming"), [("leader", ["orders"]), ("timelock", [])])
@pytest.mark.parametrize("resuming", [True, False])
def test_a_held_node_whose_old_process_did_not_stop_must_not_be_on_an_invalidated_store(resuming, held_by, alarming):
    members = [fleets.node(number, look=fleets.look(number, "timelock")) for number in (1, 2, 3)]
    members[1]["look"] = fleets.look(2, "held", running=True)
    members[1]["look"]["config"] = {**fleets.look(2, held_by)["config"], "mode": "held"}
    store = fleets.invalidated(record=fleets.record(unfinished=resuming))
    told = fleet_status(plan_fleet(members, {"orders": store}, LISTED, fleets.settings()))
    assert told["alarming"] == alarming
    assert ("node-on-old-service" in told["services"]["orders"]["codes"]) == bool(alarming)
    at_it = fleet_status(plan_fleet(members, {"orders": store}, LISTED, fleets.settings(holder_gone=lambda one: False)))
    assert at_it["alarming"] == []


@pytest.mark.parametrize(
    ("older", "remote", "state"),
    [(True, "10.0.9.9:5432", "wrong"), (True, "10.9.9.9:8421", "migrated"), (False, "10.0.9.9:5432", "migrated")],
)
def test_a_node_that_was_not_restarted_since_its_file_was_changed_must_not_be_unless_it_talks_to_timelock(
    monkeypatch, older, remote, state
):
    monkeypatch.setattr(nodes, "addresses_of", lambda host: {"tl-2": ["10.9.9.9"]}.get(host, ["10.9.9.1"]))

    def seen(number):
        look = fleets.look(number, "timelock")
        if number == 2:
            pair = {"local": "10.0.0.2:5000", "remote": remote}
            look["probe"]["process"] |= {"older_than_file": older, "sockets": [pair]}
        return look

    members = [fleets.node(number, look=seen(number)) for number in (1, 2, 3)]
    told = fleet_status(plan_fleet(members, {"orders": fleets.invalidated()}, LISTED, fleets.settings()))
    assert told["services"]["orders"]["state"] == state
    if state == "wrong":
        assert told["alarming"] == ["orders"]
        (line,) = [line for line in told["lines"] if "node-on-old-service" in line and "see" not in line]
        assert line.startswith("orders: node-on-old-service: orders-2 started before its file for TimeLock came there")
        assert line.endswith(nodes.RESTART)


def pushed(monkeypatch, seen, store=None, timelock=None, how=None, **more):
    """The status of nodes, each in ``seen``: "leader", or one with a file for TimeLock that is "down", has "served" on
    it, runs since before its file was "pushed", or serves on TimeLock and had its file "touched"."""
    monkeypatch.setattr(nodes, "addresses_of", lambda host: ["10.9.9.1"])
    members = []
    for number, which in enumerate(seen, 1):
        look = fleets.look(number, "leader" if which == "leader" else "timelock", which != "down")
        look["probe"]["process"]["older_than_file"] = which in ("pushed", "touched")
        if which in ("served", "touched"):
            look["probe"]["process"]["sockets"] += [{"local": "10.0.0.1:5001", "remote": "10.9.9.1:8421"}]
        look["probe"]["switched"] = how and {"how": how, "run_id": "earlier"}
        members.append(fleets.node(number, look=look, **more))
    names = [member["name"] for member in members]
    planned = plan_fleet(
        members, {"orders": store or fleets.store()}, timelock or fleets.TIMELOCK, fleets.settings(playing=names)
    )
    told = fleet_status(planned)
    assert planned["services"]["orders"]["todo"] == "refused"
    return told["services"]["orders"], told, planned["services"]["orders"]["refusals"]


@pytest.mark.parametrize("seen", [("pushed",) * 3, ("pushed", "down", "pushed")])
@pytest.mark.parametrize("timelock", [fleets.TIMELOCK, LISTED])
def test_nodes_that_nobody_restarted_since_their_files_were_pushed_are_not_said_to_be_on_timelock(
    monkeypatch, seen, timelock
):
    status, told, (refusal,) = pushed(monkeypatch, seen, timelock=timelock)
    assert (told["alarming"], status["codes"]) == (["orders"], ["node-on-old-service"])
    assert refusal["found"].startswith("orders-1, ") and "its timestamps are embedded still" in refusal["found"]
    assert "ive each the file that it had before" in refusal["do"]
    may_have_served = timelock is LISTED
    assert refusal["do"].startswith("Stop it. Learn from the nodes' logs" if may_have_served else "Restart none")


LEFT_EMBEDDED = fleets.record(unfinished=False, holder=None, outcome="put back: the service runs as before")
ON_TIMELOCK = fleets.record(unfinished=False, holder=None, outcome="migrated")


def test_nor_are_those_that_a_run_had_put_back_before(monkeypatch):
    store = fleets.store(record=LEFT_EMBEDDED)
    assert pushed(monkeypatch, ("pushed",) * 3, store, LISTED, "put back")[0]["codes"] == ["node-on-old-service"]


@pytest.mark.parametrize(
    ("record", "how", "codes"),
    [
        (ON_TIMELOCK, None, ["node-on-old-service", "store-reactivated"]),
        (None, "switched", ["node-on-old-service", "store-reactivated"]),
    ],
)
def test_one_that_a_run_has_brought_to_timelock_is_never_told_to_go_back(monkeypatch, record, how, codes):
    status, _told, refusals = pushed(monkeypatch, ("pushed",) * 3, fleets.store(record=record), LISTED, how)
    assert status["codes"] == codes
    assert refusals[0]["do"].endswith("Start it, with the file that it has, once the store is invalidated again.")
    assert not any("had before" in refusal["do"] for refusal in refusals)


@pytest.mark.parametrize("timelock", [fleets.TIMELOCK, LISTED])
@pytest.mark.parametrize("seen", [("served", "pushed", "pushed"), ("leader", "pushed", "leader")])
def test_where_others_run_otherwise_it_is_stopped_and_named_beside_that(monkeypatch, seen, timelock):
    status, _told, refusals = pushed(monkeypatch, seen, timelock=timelock)
    assert status["codes"][:2] == ["node-on-old-service", "config-mixed-active"]
    assert status["do"] == "see config-mixed-active"
    assert refusals[0]["do"].startswith("Stop it. ")


def test_a_migration_by_hand_of_which_only_the_configurations_were_changed_is_no_alarm_and_has_a_way_out(monkeypatch):
    status, told, (refusal,) = pushed(monkeypatch, ("down",) * 3)
    assert (told["alarming"], status["do"]) == ([], "see migration-by-hand")
    assert "TimeLock" in refusal["found"] and "Give each node the file that it had before" in refusal["do"]
    assert now()[0]["do"] == "migrate.yml"


NOT_ASKED = {"refusals": [Refusal("timelock-unreachable", "No quorum.")], "namespaces": []}


@pytest.mark.parametrize(
    ("store", "timelock", "how"),
    [
        (fleets.store(), LISTED, None),
        (fleets.store(), NOT_ASKED, None),
        (fleets.store(record=ON_TIMELOCK), fleets.TIMELOCK, None),
        (fleets.store(record=LEFT_EMBEDDED), fleets.TIMELOCK, "put back"),
        (fleets.store(), fleets.TIMELOCK, "switched"),
    ],
)
def test_a_service_that_may_have_served_on_timelock_is_not_taken_for_one_of_those(monkeypatch, store, timelock, how):
    status, told, _refusals = pushed(monkeypatch, ("down",) * 3, store, timelock, how)
    assert told["alarming"] == ["orders"]
    assert "migration-by-hand" not in status["codes"] and status["do"] == "see store-reactivated"


@pytest.mark.parametrize("runs", ["served", "touched"])
def test_nor_is_one_of_which_a_node_runs_on_timelock(monkeypatch, runs):
    assert pushed(monkeypatch, ("down", runs, "down"))[0]["codes"] == ["store-reactivated"]


def test_nor_is_one_that_names_another_timelock_which_nobody_asked():
    members = [fleets.node(number, look=fleets.look(number, "timelock", False)) for number in (1, 2, 3)]
    members[1]["look"]["config"]["timelock"] = {"servers": ["https://other:8421"]}
    told = fleet_status(plan_fleet(members, {"orders": fleets.store()}, fleets.TIMELOCK, fleets.settings()))
    assert "store-reactivated" in told["services"]["orders"]["codes"] and told["alarming"] == ["orders"]


def test_whether_such_nodes_may_go_back_their_logs_tell(monkeypatch):
    _status, _told, (refusal,) = pushed(monkeypatch, ("down",) * 3, timelock=LISTED)
    assert refusal["do"].startswith("Learn from the nodes' logs whether one has ever served on TimeLock")
    _status, _told, (refusal,) = pushed(monkeypatch, ("served",) * 3, timelock=LISTED)
    assert refusal["do"].startswith("Start no node with an old configuration")


@pytest.mark.parametrize(("as_switched", "refused"), [(True, []), (False, ["node-on-old-service"])])
def test_a_connection_is_not_enough_to_go_on_beside_a_node_whose_file_somebody_has_changed(
    monkeypatch, as_switched, refused
):
    monkeypatch.setattr(nodes, "addresses_of", lambda host: ["10.9.9.9"])
    on_timelock, held = fleets.look(1, "timelock"), fleets.look(2, "held", running=False)
    pair = {"local": "10.0.0.1:5000", "remote": "10.9.9.9:8421"}
    on_timelock["probe"]["process"] |= {"older_than_file": True, "sockets": [pair]}
    on_timelock["probe"]["as_switched"] = as_switched
    members = [fleets.node(1, look=on_timelock), fleets.node(2, look=held)]
    record = fleets.record(nodes=["orders-1", "orders-2"])
    planned = plan_fleet(members, {"orders": fleets.invalidated(record=record)}, LISTED, fleets.settings())
    assert [one["code"] for one in planned["services"]["orders"]["refusals"]] == refused


def test_a_node_that_a_living_run_may_have_stopped_since_is_no_alarm():
    status, told = now(fleets.invalidated(record=fleets.record()), LISTED, holder_gone=lambda holder: False)
    assert status["state"] == "unfinished"
    assert told["alarming"] == []


def test_a_mixed_fleet_does_not_agree_and_says_how_many_nodes_are_up():
    status, told = now(fleets.store(), LISTED, ("leader", "timelock", "leader"))
    assert (status["state"], status["agree"], status["configuration"]) == ("wrong", "no", "2 leader, 1 timelock")
    assert told["alarming"] == ["orders"]


ENDED = {"unfinished": False, "holder": None}


@pytest.mark.parametrize(
    ("store", "modes", "state"),
    [
        (fleets.invalidated(), ("timelock",) * 3, "migrated"),
        (fleets.invalidated(record=fleets.record(**ENDED, outcome="migrated")), ("timelock",) * 3, "migrated"),
        (fleets.store(record=fleets.record(**ENDED, outcome="reversed")), ("leader",) * 3, "embedded"),
        (fleets.invalidated(record=fleets.record(direction="reverse")), ("held",) * 3, "on the way back"),
    ],
)
def test_where_a_service_is_says_every_playbook_alike_whatever_it_would_do(store, modes, state):
    """In the plan that a report keeps, too."""
    asked = [
        {"direction": "migrate"}, {"direction": "reverse"}, {"direction": "migrate", "repair": True},
        {"direction": "rename", "rename_to": "orders"}, {"direction": "rename", "rename_to": "shop"},
    ]  # fmt: skip
    told = [now(store, FRESH, modes, **one)[0] for one in asked]
    assert [one["state"] for one in told] == [state] * len(asked)
    assert {one["do"] for one in told} == {"nothing"} or state != "migrated"


def test_what_speaks_against_the_fleet_is_said_first_and_nodes_that_nobody_can_place_are_an_alarm():
    members = [*(fleets.node(number) for number in (1, 2, 3)), fleets.node(4, "")]
    timelock = {"refusals": [], "namespaces": []}
    for settings, codes in (({}, ["inventory-service-unnamed"]), ({"server_version": "0.642.0"}, [])):
        planned = plan_fleet(
            members[: 3 + len(codes)], {"orders": fleets.store()}, timelock, fleets.settings(**settings)
        )
        told = fleet_status(planned)
        assert told["alarming"] == codes
        assert told["lines"][2].startswith(("timelock-too-old: ", "inventory-service-unnamed: No atlasdb_service_name"))
        assert told["services"]["orders"]["state"] == "embedded"


def test_an_inventory_in_which_there_is_nothing_to_look_at_is_an_alarm():
    told = fleet_status(plan_fleet([], {}, fleets.TIMELOCK, fleets.settings(playing=[])))
    assert told["alarming"] == ["inventory-empty"]
    unserved = fleets.settings(servers=[])
    named = fleet_status(plan_fleet([fleets.node(1)], {"orders": fleets.store()}, fleets.TIMELOCK, unserved))
    assert named["alarming"] == [] and any("No TimeLock server is named" in line for line in named["lines"])


@pytest.mark.parametrize(
    ("servers", "alarming"),
    [
        ([*fleets.SERVERS, "https://tl-4:8421"], []),
        ([fleets.SERVERS[0].replace("https://tl-1", "https://TL-1"), "https://tl-8:8421", "https://tl-9:8421"], []),
        (["https://other:8421"], ["orders"]),
    ],
)
def test_nodes_on_another_list_of_one_timelock_are_refused_and_no_alarm(servers, alarming):
    members = [fleets.node(number, look=fleets.look(number, "timelock")) for number in (1, 2, 3)]
    for member in members:
        member["look"]["servers"] = servers
    planned = plan_fleet(members, {"orders": fleets.invalidated()}, FRESH, fleets.settings(servers=servers))
    told = fleet_status(planned)
    assert told["alarming"] == alarming and set(told["services"]["orders"]["codes"]) == {"config-other-timelock"}
    assert any("it is one cluster" in line for line in told["lines"]) == (not alarming)


@pytest.mark.parametrize("asked", [{"namespaces": []}, {"namespaces": ["orders"], "fresh": {"orders": 5}}])
def test_a_service_that_is_given_another_timelock_than_the_run_asks_is_no_alarm_and_its_counter_not_asked(asked):
    others = ["https://tl-4:8421", "https://tl-5:8421"]
    members = [fleets.node(number, look=fleets.look(number, "timelock")) for number in (1, 2, 3)]
    for member in members:
        member["look"]["servers"] = others
        member["look"]["config"]["timelock"] = {"servers": others}
    store = {"orders": fleets.invalidated()}
    told = fleet_status(plan_fleet(members, store, {"refusals": [], **asked}, fleets.settings()))
    shown = told["services"]["orders"]
    assert (told["alarming"], shown["codes"], shown["timelock"]) == ([], ["inventory-vars-disagree"], "unusable")
    members[1]["look"]["config"]["timelock"] = {"servers": fleets.SERVERS}
    told = fleet_status(plan_fleet(members, store, {"refusals": [], **asked}, fleets.settings()))
    assert told["alarming"] == ["orders"]


@pytest.mark.parametrize(
    ("modes", "code"), [(("timelock", "held", "held"), "config-mixed-active"), (("timelock",) * 3, "store-reactivated")]
)
def test_what_a_reason_lets_a_run_go_on_with_must_not_be_all_the_same(modes, code):
    """The invalidation was lost, nobody could use the store, and the reason stands in the inventory."""
    members = [
        fleets.node(number, look=fleets.look(number, mode, mode != "held"), accept_unproven="looked on every host")
        for number, mode in enumerate(modes, 1)
    ]
    planned = plan_fleet(members, {"orders": fleets.store(record=fleets.record())}, LISTED, fleets.settings())
    assert planned["services"]["orders"]["todo"] == "migrate" and planned["reasons"] == []
    told = fleet_status(planned)
    assert (told["alarming"], told["services"]["orders"]["do"]) == (["orders"], f"see {code}")
    assert any(line.startswith(f"orders: {code}: ") for line in told["lines"])


UNREADABLE = {"refusal": Refusal("kvs-unreachable", "connection refused")}
TELLS_NOTHING = {"state": "ambiguous", "bound": None, "code": "bound-ambiguous", "reason": "Two rows."}


@pytest.mark.parametrize("store", [
    UNREADABLE, fleets.store(**TELLS_NOTHING), fleets.store(state="absent", bound=None, code="bound-absent", reason=""),
    fleets.invalidated(record=fleets.record(direction="reverse")),
])  # fmt: skip
@pytest.mark.parametrize(
    ("modes", "running", "mixed"),
    [
        (("leader", "timelock", "leader"), True, True),
        (("held", "timelock", "held"), True, False),
        (("timelock",) * 3, True, False),
        (("leader", "timelock", "leader"), False, False),
    ],
)
def test_nodes_that_run_on_both_sides_must_not_be_whatever_the_store_says(store, modes, running, mixed):
    status, told = now(store, LISTED, modes, running)
    assert ("config-mixed-active" in status["codes"], told["alarming"] == ["orders"]) == (mixed, mixed)
    if mixed:
        assert status["do"] == "see config-mixed-active"
        said = "orders-1, orders-3 runs with its old configuration, and orders-2 with one for TimeLock."
        assert any(said in line for line in told["lines"])


def test_a_held_node_whose_process_did_not_stop_counts_among_those_that_run_on_both_sides():
    members = [fleets.node(number, look=fleets.look(number, "timelock")) for number in (1, 2, 3)]
    members[1]["look"] = fleets.look(2, "held", running=True)
    told = fleet_status(plan_fleet(members, {"orders": UNREADABLE}, LISTED, fleets.settings()))
    assert told["alarming"] == ["orders"]


def test_a_living_way_back_that_stops_its_nodes_one_after_the_other_is_no_alarm():
    store = fleets.invalidated(record=fleets.record(direction="reverse"))
    _status, told = now(store, LISTED, ("leader", "timelock", "timelock"), holder_gone=lambda holder: False)
    assert told["alarming"] == []


def test_a_run_on_record_is_named_with_how_it_ended():
    finished = fleets.record(
        unfinished=False, holder=None, outcome="migrated", released={"run_id": "20260101T000000Z-abc", "epoch": 3}
    )
    status, _told = now(fleets.invalidated(record=finished), FRESH, ("timelock",) * 3)
    assert status["last_run"] == "20260101T000000Z-abc (migrated)"
    status, _told = now(fleets.store(record=fleets.record()), LISTED, ("held",) * 3)
    assert (status["state"], status["last_run"], status["agree"]) == ("unfinished", "earlier", "in between")
    assert status["lock"] == "run earlier, alice@ops-1, 2026-01-01T00:00:00Z"


def test_a_node_that_nobody_could_look_at_is_not_counted_as_up_or_down():
    nodes = [fleets.node(number) for number in (1, 2, 3)]
    nodes[0]["look"] = {"unreachable": True, "msg": "no route"}
    told = fleet_status(plan_fleet(nodes, {"orders": fleets.store()}, fleets.TIMELOCK, fleets.settings()))
    status = told["services"]["orders"]
    assert (status["up"], status["configuration"], status["agree"]) == ("?", "1 ?, 2 leader", "?")
