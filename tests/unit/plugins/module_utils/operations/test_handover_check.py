# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judgements between the steps of a handover."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.handover_check import (
    ARGUMENT_SPEC,
    handover_check,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import later_stamp, stamp_now
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

CLUSTER = {
    "type": "cassandra", "cluster_name": "c", "partitioner": "p", "keyspace": "k", "table": "t", "table_id": "1",
}  # fmt: skip
SERVER = {
    "type": "postgres", "system_identifier": "7", "timeline": 1, "database": "orders", "database_oid": 5,
    "schema": "public", "table": "_timestamp", "position": 100,
}  # fmt: skip
ACTIVE = {
    "state": "active", "bound": 20, "backup": None, "code": None, "corroboration": [], "identity": SERVER,
    "record": {"identity": SERVER},
}  # fmt: skip
INVALIDATED = {**ACTIVE, "state": "invalidated", "bound": None, "backup": 20}
UP_TO_NOW = {"store": "active", "own_begun": False}
OK = {"changed": True, "proofs": [{"kind": "hold"}]}


def check(that, **more):
    params = {name: spec.get("default") for name, spec in ARGUMENT_SPEC.items()}
    return handover_check({**params, "that": [that], **more}, False)


def refused(that, **more):
    with pytest.raises(Refusal) as refusal:
        check(that, **more)
    return refusal.value.code


def test_ts_is_the_bound_of_an_active_store_and_the_backup_of_an_invalidated_one():
    assert check("bound", store=ACTIVE)["ts"] == check("bound", store=INVALIDATED)["ts"] == "20"
    assert check("bound", store=ACTIVE)["ts_above"] == "21"


def test_a_bound_that_something_contradicts_stops_the_run():
    record = {"identity": SERVER, "numbers": {"bound": "21"}}
    assert refused("bound", store={**ACTIVE, "record": record}) == "bound-below-record"
    assert refused("bound", store={**ACTIVE, "code": "bound-ambiguous", "reason": "Both."}) == "bound-ambiguous"


@pytest.mark.parametrize(
    ("begun", "source", "fresh", "code"),
    [
        (False, "punch table", None, "bound-contradicted"),
        (False, "punch table", "31", "bound-contradicted"),
        (True, "punch table", None, None),
        (True, "punch table", "31", None),
        (True, "punch table", "30", "bound-contradicted"),
        (True, "column 0x7472", "31", "bound-contradicted"),
    ],
)
def test_what_a_node_wrote_down_that_was_to_migrate_itself_must_be_below_timelock(begun, source, fresh, code):
    """And not below the bound, which it did not touch."""
    record = {"identity": SERVER, "unfinished": True, "own_migration": begun}
    asked = {
        "store": {**ACTIVE, "record": record, "corroboration": [{"source": source, "number": 30}]},
        "fresh_timestamp": fresh,
    }
    if code:
        assert refused("bound", **asked) == code
    else:
        assert check("bound", **asked)["ts"] == "20"


OTHERS = [
    (SERVER, {**SERVER, "timeline": 2}),
    (SERVER, {**SERVER, "database_oid": 6}),
    (SERVER, {**SERVER, "position": 99}),
    (CLUSTER, {**CLUSTER, "table_id": "2"}),
    (CLUSTER, {**CLUSTER, "cluster_name": "d"}),
    (SERVER, CLUSTER),
    ({}, SERVER),
]


@pytest.mark.parametrize(("pinned", "now"), OTHERS)
def test_ts_is_read_from_the_key_value_service_that_is_on_record_alone(pinned, now):
    found = {**ACTIVE, "record": {"identity": pinned}, "identity": now}
    assert refused("bound", store=found) == "kvs-identity"


@pytest.mark.parametrize(("pinned", "now"), OTHERS)
def test_nothing_starts_where_another_key_value_service_is_read_back_than_ts_was_read_from(pinned, now):
    store, expected = {**INVALIDATED, "identity": now}, {**ACTIVE, "identity": pinned}
    assert refused("handed_over", store=store, expected=expected, fresh_timestamp="21") == "kvs-identity"


def test_judgements_are_made_in_their_order_and_the_first_that_refuses_is_told():
    late = {"plan": UP_TO_NOW, "elapsed": 5.1, "limit": 5.0}
    params = {name: spec.get("default") for name, spec in ARGUMENT_SPEC.items()} | late
    asked = {**params, "that": ["in_time", "bound"], "store": {**ACTIVE, "code": "bound-absent", "reason": "none"}}
    with pytest.raises(Refusal, match="window-too-long"):
        handover_check(asked, False)
    with pytest.raises(Refusal, match="bound-absent"):
        handover_check({**asked, "limit": 0.0}, False)
    assert handover_check({**asked, "limit": 0.0, "store": ACTIVE}, False)["ts"] == "20"


def test_a_service_that_was_down_for_too_long_is_given_up_while_it_can_be_put_back():
    assert refused("in_time", plan=UP_TO_NOW, elapsed=5.1, limit=5.0) == "window-too-long"
    assert check("in_time", plan=UP_TO_NOW, elapsed=4.9, limit=5.0) == {"changed": False}


def test_a_service_that_cannot_be_put_back_or_that_has_no_limit_is_never_given_up():
    for plan in ({"store": "invalidated", "own_begun": False}, {"store": "active", "own_begun": True}):
        assert check("in_time", plan=plan, elapsed=500.0, limit=5.0) == {"changed": False}
    assert check("in_time", plan=UP_TO_NOW, elapsed=500.0, limit=0.0) == {"changed": False}


@pytest.mark.parametrize(
    ("result", "code"),
    [
        ({}, "node-lost"),
        ({"skipped": True}, "node-lost"),
        ({"unreachable": True, "msg": "timed out"}, "node-lost"),
        ({"failed": True, "msg": "boom"}, "node-lost"),
        ({"failed": True, "code": "node-still-running", "found": "It runs.", "do": "Stop it."}, "node-still-running"),
    ],
)
def test_one_node_without_success_fails_the_step(result, code):
    assert refused("nodes", nodes=["a", "b"], results=[OK, result]) == code


def test_a_node_without_a_result_fails_the_step():
    assert refused("nodes", nodes=["a", "b"], results=[OK]) == "node-lost"


def test_the_proofs_of_all_nodes_are_handed_on():
    assert check("nodes", nodes=["a", "b"], results=[OK, OK])["proofs"] == [{"kind": "hold"}] * 2


def test_a_namespace_that_moves_only_by_our_own_calls_fails_the_step():
    still = {"failed": True, "fresh_timestamp": 9, "attempts": 15}
    assert refused("nodes", nodes=["a"], results=[OK], moved=False, later=still) == "node-not-on-timelock"


@pytest.mark.parametrize(
    ("later", "code"),
    [
        ({"failed": True, "code": "timelock-no-leader", "found": "No leader."}, "timelock-no-leader"),
        ({"failed": True, "msg": "The connection was lost."}, "timelock-unreachable"),
    ],
)
def test_a_timelock_that_did_not_say_whether_the_namespace_moves_is_named_as_such(later, code):
    assert refused("nodes", nodes=["a"], results=[OK], moved=False, later=later) == code


def test_the_first_node_of_a_way_back_serves_and_takes_timestamps_from_its_bound_where_that_could_be_seen():
    asked = {"nodes": ["a"], "results": [OK], "expected": {"bound": 20}}
    assert check("uses_bound", **asked, store={"bound": 21})["proofs"] == [{"kind": "hold"}]
    assert check("uses_bound", **asked)["proofs"] == [{"kind": "hold"}]
    assert refused("uses_bound", **asked, store={"bound": 20}) == "node-unhealthy"
    gone = {**asked, "results": [{"unreachable": True}]}
    assert refused("uses_bound", **gone, store={"failed": True}) == "node-lost"


@pytest.mark.parametrize(
    ("store", "fresh", "code"),
    [
        (ACTIVE, "21", "store-reactivated"),
        ({**INVALIDATED, "backup": 19}, "21", "bound-moved"),
        (INVALIDATED, "20", "timelock-behind"),
    ],
)
def test_nothing_starts_unless_the_handover_is_read_back(store, fresh, code):
    assert refused("handed_over", store=store, expected=ACTIVE, fresh_timestamp=fresh) == code
    assert handed_over(store=INVALIDATED, expected=ACTIVE, fresh_timestamp="21")["ts"] == "20"


def handed_over(**given):
    return check("handed_over", **given)["handover"]


def held_by(run, epoch):
    return {"record": {"epoch": epoch, "namespace": "orders", "holder": {"run_id": run}}}


def test_what_a_service_that_began_on_timelock_keeps_is_nothing_and_stays_so():
    empty = {**INVALIDATED, "backup": None, "code": "bound-unreadable", "reason": "No row.", "empty_table": True}
    assert handed_over(store=empty, expected=empty, fresh_timestamp="21")["ts"] == "0"
    assert refused("handed_over", store=empty, expected=ACTIVE, fresh_timestamp="21") == "bound-moved"
    assert refused("handed_over", store=INVALIDATED, expected=empty, fresh_timestamp="21") == "bound-moved"
    assert refused("bound", store=empty) == "bound-unreadable"


@pytest.mark.parametrize("now", [held_by("r2", 5), held_by("r1", 5), {"record": {"epoch": 4, "holder": None}}])
def test_nothing_starts_where_the_lock_was_lost_since_ts_was_read(now):
    expected = {**ACTIVE, **held_by("r1", 4)}
    assert refused("handed_over", store={**INVALIDATED, **now}, expected=expected, fresh_timestamp="21") == (
        "operator-lock-lost"
    )
    same = {**INVALIDATED, **held_by("r1", 4)}
    assert handed_over(store=same, expected=expected, fresh_timestamp="21") == {
        "run_id": "r1", "epoch": 4, "namespace": "orders", "ts": "20",
    }  # fmt: skip


@pytest.mark.parametrize(
    "plan",
    [
        {"store": "invalidated", "backup": 20, "corroboration": [], "record": None},
        {"store": "invalidated", "backup": 2, "corroboration": [{"source": "x", "number": 20}], "record": None},
        {"store": "invalidated", "backup": 2, "corroboration": [], "record": {"numbers": {"fresh": "20"}}},
    ],
)
def test_a_timelock_that_lost_its_numbers_is_refused(plan):
    plan = {**plan, "renamed": []}
    assert refused("timelock_above", plan=plan, fresh_timestamp="20") == "timelock-behind-backup"
    assert check("timelock_above", plan=plan, fresh_timestamp="21") == {"changed": False}


def test_a_timelock_that_is_a_new_one_is_brought_to_a_bound_that_is_active_and_not_below_what_is_on_record():
    record = {"identity": SERVER, "numbers": {"fresh": "20"}}
    plan = {"store": "active", "backup": None, "corroboration": [], "record": record, "renamed": []}
    assert check("timelock_above", plan=plan, fresh_timestamp="1") == {"changed": False}
    assert check("bound", store={**ACTIVE, "record": record})["ts"] == "20"
    assert refused("bound", store={**ACTIVE, "bound": 19, "record": record}) == "bound-below-record"


def test_the_counter_of_a_namespace_that_some_nodes_have_left_is_not_held_against_what_the_others_note_down():
    plan = {
        "store": "invalidated", "backup": 2, "record": None, "renamed": ["orders-1"],
        "corroboration": [{"source": "punch table", "number": 30}],
    }  # fmt: skip
    assert check("timelock_above", plan=plan, fresh_timestamp="20") == {"changed": False}
    assert refused("timelock_above", plan={**plan, "renamed": []}, fresh_timestamp="20") == "timelock-behind-backup"
    kept = {**INVALIDATED, "corroboration": plan["corroboration"]}
    assert refused("handed_over", store=kept, expected=INVALIDATED, fresh_timestamp="30") == "timelock-behind-backup"
    assert check("handed_over", store=kept, expected=INVALIDATED, fresh_timestamp="31")["handover"]["ts"] == "20"


@pytest.mark.parametrize(
    ("store", "fresh", "code"),
    [
        (ACTIVE, "21", "migration-not-done"),
        ({**INVALIDATED, "backup": 25}, "30", "bound-moved"),
        (INVALIDATED, "20", "timelock-behind"),
        ({**INVALIDATED, "corroboration": [{"source": "punch table", "number": 30}]}, "29", "timelock-behind-backup"),
        ({"failed": True, "code": "kvs-unreachable", "found": "Gone."}, "21", "kvs-unreachable"),
    ],
)
def test_of_a_client_that_migrates_itself_nothing_is_believed(store, fresh, code):
    assert refused("migrated_itself", store=store, expected=ACTIVE, fresh_timestamp=fresh) == code
    told = check("migrated_itself", store=INVALIDATED, expected=ACTIVE, fresh_timestamp="21")
    assert told["handover"]["ts"] == "20"


def test_a_client_whose_log_is_named_must_tell_of_its_migration():
    asked = {"store": INVALIDATED, "expected": ACTIVE, "fresh_timestamp": "21"}
    plan = {"version": "0.905.0", "identity": {"type": "cassandra"}}
    assert refused("migrated_itself", **asked, plan=plan, log=[]) == "migration-not-done"
    told = ["3:[BACKUP] Backed up the value 20", "7:Now fast forwarding the timestamp on TimeLock Server"]
    assert check("migrated_itself", **asked, plan=plan, log=told)["handover"]["ts"] == "20"


MANUAL = {**INVALIDATED, "code": "bound-manual-backup", "reason": "It stands elsewhere."}


def test_a_backup_that_stands_elsewhere_is_ts_for_its_repair_alone():
    assert refused("bound", store=MANUAL) == "bound-manual-backup"
    assert check("bound", store=MANUAL, repairing="backup")["ts"] == "20"
    assert refused("handed_over", store=MANUAL, expected=MANUAL, fresh_timestamp="21", repairing="backup") == (
        "bound-manual-backup"
    )
    told = {"expected": MANUAL, "fresh_timestamp": "21", "repairing": "backup"}
    assert handed_over(store=INVALIDATED, **told)["ts"] == "20"


@pytest.mark.parametrize(
    ("store", "lock", "raised", "way"),
    [
        (ACTIVE, {"epoch": 1}, {}, "back"),
        (INVALIDATED, {"epoch": 1}, {}, "forward"),
        ({"failed": True}, {"epoch": 1}, {}, "unknown"),
        ({**ACTIVE, "code": "bound-ambiguous"}, {"epoch": 1}, {}, "unknown"),
        (ACTIVE, {"epoch": 1}, {"failed": True}, "unknown"),
        ({**ACTIVE, "record": {"own_migration": True}}, {"epoch": 1}, {}, "itself"),
        (MANUAL, {"epoch": 1}, {}, "repair"),
        (ACTIVE, {}, {}, "untouched"),
        (ACTIVE, {"failed": True}, {}, "untouched"),
    ],
)
def test_the_way_is_chosen_by_what_the_store_says(store, lock, raised, way):
    assert check("way", store=store, lock=lock, raised=raised)["way"] == way


def test_no_node_goes_back_beside_one_that_may_run_on_timelock():
    """The store has lost its invalidation, by a failover or a copy of before; its number is the same."""
    names = ["orders-1", "orders-2"]
    whole = {"bound": "20", "nodes": names, "nodes_to_stop": names}
    told = {"store": ACTIVE, "lock": {"epoch": 1}, "raised": {}, "expected": ACTIVE}
    assert check("way", plan=whole, starts=[{}, {}], **told)["way"] == "back"
    assert check("way", plan=whole, starts=[{"skipped": True}, {}], **told)["way"] == "back"
    for start in ({"changed": True}, {"failed": True, "code": "node-unhealthy"}, {"unreachable": True}):
        assert check("way", plan=whole, starts=[start, {}], **told)["way"] == "reactivated"
    resumed = {**whole, "nodes_to_stop": names[1:]}
    assert check("way", plan=resumed, starts=[{}, {}], **told)["way"] == "reactivated"


@pytest.mark.parametrize(
    ("plan", "expected", "way"),
    [
        ({"bound": 21, "backup": None}, {}, "older"),
        ({"bound": None, "backup": 21}, {}, "older"),
        ({"bound": 19, "backup": None}, {**ACTIVE, "bound": "21"}, "older"),
        ({"bound": 20, "backup": None}, {**ACTIVE, "bound": "20"}, "back"),
        ({"bound": 20, "backup": None}, {"failed": True}, "back"),
    ],
)
def test_no_node_goes_back_to_a_store_below_what_was_read_of_it(plan, expected, way):
    assert check("way", store=ACTIVE, lock={"epoch": 1}, raised={}, plan=plan, expected=expected)["way"] == way


def test_a_service_counts_as_put_back_only_when_every_node_is():
    assert check("left", way="back", nodes=["a"], results=[{"changed": True}])["as_it_was"]
    left = check("left", way="back", nodes=["a", "b"], results=[{}, {"failed": True, "msg": "no"}])
    assert not left["as_it_was"] and "b: no" in left["words"]
    shut_out = check("left", way="shut_out")
    assert not shut_out["as_it_was"] and "nodes stay held" in shut_out["words"]


def test_a_service_that_is_put_back_and_not_where_its_clients_look_for_it_is_told_so():
    undone = {"changed": True, "after_start": "The balancer says no."}
    left = check("left", way="back", nodes=["a", "b"], results=[{"after_start": None}, undone])
    assert left["as_it_was"]
    assert "runs as before, but atlasdb_after_start_tasks failed on b: The balancer says no: do by" in left["words"]
    left = check("left", way="back", nodes=["a", "b"], results=[{"failed": True, "msg": "no"}, undone])
    assert not left["as_it_was"]
    assert "except a: no." in left["words"] and "failed on b: The balancer says no: do by hand" in left["words"]


def test_a_node_whose_tasks_after_the_start_failed_fails_the_step_behind_one_that_does_not_serve():
    undone = {"changed": True, "after_start": "The balancer says no."}
    with pytest.raises(Refusal, match="hook-failed: .*_tasks failed on b: The balancer says no; c: The") as refused:
        check("nodes", nodes=["a", "b", "c"], results=[{"after_start": None}, undone, undone])
    assert refused.value.code == "hook-failed"
    down = {"failed": True, "code": "node-unhealthy", "found": "F.", "do": "D."}
    with pytest.raises(Refusal) as refused:
        check("nodes", nodes=["b", "c"], results=[undone, down])
    assert refused.value.code == "node-unhealthy"


@pytest.mark.parametrize("playbook", ["migrate.yml", "repair.yml"])
@pytest.mark.parametrize("way", ["forward", "older", "shut_out", "unknown"])
def test_of_a_service_that_is_not_put_back_the_playbook_is_named_that_it_was_and_no_other(way, playbook):
    words = check("left", way=way, playbook=playbook)["words"]
    assert [word for word in words.split() if word.endswith(".yml")] == [playbook]


def test_of_a_service_that_is_not_put_back_it_is_said_what_each_node_is():
    still, gone = {"failed": True, "held": True}, {"changed": True}
    nodes = {
        "a": (gone, {}, "is held, and down"),
        "b": (still, {}, "is held, and not proved gone"),
        "c": ({"failed": True}, {}, "is not held"),
        "d": ({"unreachable": True}, {}, "did not answer at its stop"),
        "e": (gone, {"changed": True}, "serves"),
        "f": (gone, {"failed": True}, "was switched, and does not serve"),
        "j": (gone, {"changed": True, "after_start": "no"}, "serves, and its tasks after the start failed"),
        "g": (gone, {"unreachable": True}, "did not answer at its start"),
        "h": ({}, {}, "was not touched by this run"),
        "i": ({"skipped": True}, {"skipped": True}, "was not touched by this run"),
    }
    stops, starts, words = zip(*nodes.values(), strict=True)
    left = check("left", way="unknown", nodes=list(nodes), stops=list(stops), starts=list(starts))
    said = "; ".join(f"{node} {word}" for node, word in zip(nodes, words, strict=True))
    assert not left["as_it_was"] and left["words"].endswith(f". Of its nodes {said}")


def test_a_plan_that_no_longer_holds_is_refused_with_all_its_reasons():
    reasons = [
        {"code": code, "found": "F.", "do": "D.", "msg": f"{code}: F. D."} for code in ("bound-absent", "kvs-denied")
    ]
    with pytest.raises(Refusal, match="Also kvs-denied") as refusal:
        check("planned", plan={"todo": "refused", "refusals": reasons})
    assert refusal.value.code == "bound-absent"


def test_proofs_that_are_about_to_be_too_old_are_to_be_taken_again():
    taken = stamp_now()
    old = later_stamp(taken, -280)
    assert check("young", proofs=[{"taken": taken}])["young"]
    assert not check("young", proofs=[{"taken": taken}, {"taken": old}])["young"]
    assert not check("young", proofs=[{"taken": later_stamp(taken, 60)}])["young"]


LOCK = {"run_id": "r", "epoch": 4}


def _offline(seconds=10, **more):
    old = {**LOCK, "taken": later_stamp(stamp_now(), -seconds), "seen_before": True, **more}
    sessions = {**old, "kind": "sessions", "kvs_identity": SERVER, "taken": later_stamp(stamp_now(), 5 - seconds)}
    return [*({**old, "kind": kind, "node": "orders-1"} for kind in ("hold", "process")), sessions]


def may_migrate_itself(**more):
    proof = {"kind": "timelock", **LOCK, "namespace": "orders", "fresh_timestamp": 21, "kvs_identity": SERVER}
    given = {
        "plan": {"nodes": ["orders-1"], "namespace": "orders"}, "store": ACTIVE, "expected": ACTIVE, **LOCK,
        "proofs": _offline(), "timelock_proof": {**proof, "taken": stamp_now()},
    }  # fmt: skip
    return {"that": "may_migrate_itself", **given, **more}


def test_a_client_is_let_migrate_itself_where_all_is_proved_that_an_invalidation_wants():
    handover = {**LOCK, "namespace": "orders", "ts": "20"}
    assert check(**may_migrate_itself())["handover"] == handover
    accepted = check(**may_migrate_itself(proofs=[], accept_unproven="looked"))
    assert (accepted["handover"], accepted["accepted_unproven"]) == (handover, "looked")
    done = check(**may_migrate_itself(store=INVALIDATED, proofs=[], accept_unproven="looked"))
    assert (done["handover"], done["accepted_unproven"]) == (handover, None)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"proofs": []}, "proof-missing"),
        ({"proofs": _offline()[1:]}, "proof-missing"),
        ({"proofs": _offline()[:-1]}, "proof-missing"),
        ({"max_proof_age": 1.0}, "proof-missing"),
        ({"proofs": _offline(epoch=3)}, "operator-lock-lost"),
        ({"timelock_proof": None}, "proof-missing"),
        ({"plan": {"nodes": ["orders-1"], "namespace": "shop"}}, "proof-missing"),
        ({"store": {**ACTIVE, "bound": 21}}, "bound-moved"),
        ({"store": {**INVALIDATED, "backup": 19}}, "bound-moved"),
        ({"store": {**ACTIVE, "code": "bound-ambiguous", "reason": "Both."}}, "bound-ambiguous"),
    ],
)
def test_and_not_started_where_anything_of_it_is_missing(more, code):
    # The parameters of a test are made long before it is run where the machine is slow.
    assert refused(**{**may_migrate_itself(), "max_proof_age": 86400.0, **more}) == code
