# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules on a real PostgreSQL, as Ansible runs them: in its own process, elsewhere, and in check mode."""

from __future__ import annotations

import os

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations import (
    handover_record,
    kvs_sessions_info,
    timestamp_info,
    timestamp_invalidate,
    timestamp_restore,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import stamp_now
from ansible_collections.atlasdb.timelock.plugins.module_utils.run_holder import holder_of

from module_calls import ansible, call

__all__ = ["ansible"]

NODES = ["n1", "n2"]


class Handover:
    """A run that has the lock, and the proofs that it took."""

    def __init__(self, database, run_id="one"):
        self.kvs = database.kvs
        taken = call(handover_record, kvs=self.kvs, service="orders", state="taken", run_id=run_id)
        self.run = {"run_id": run_id, "epoch": taken["epoch"]}
        self.identity = call(timestamp_info, kvs=self.kvs)["identity"]

    def offline(self):
        hold = [{"kind": "hold", "node": node, "taken": stamp_now(), **self.run} for node in NODES]
        process = [{**proof, "kind": "process", "seen_before": True} for proof in hold]
        sessions = call(kvs_sessions_info, kvs=self.kvs, service="orders", seen_before=True, **self.run)
        return hold + process + [sessions["proof"]]

    def timelock(self, fresh):
        return {
            "kind": "timelock",
            "fresh_timestamp": fresh,
            "kvs_identity": self.identity,
            "taken": stamp_now(),
            **self.run,
        }

    def proofs(self, fresh=1010002):
        return {"nodes": NODES, "offline_proofs": self.offline(), "timelock_proof": self.timelock(fresh)}


@pytest.fixture
def handover(database):
    return Handover(database)


def test_a_handover_with_its_proofs_goes_through_and_a_second_one_changes_nothing(database, handover):
    arguments = {"kvs": database.kvs, "expected_bound": "1010001", **handover.proofs()}
    result = call(timestamp_invalidate, **arguments)
    assert result == {
        "changed": True,
        "state": "invalidated",
        "bound": None,
        "backup": 1010001,
        "guarded": False,
        "before": {"state": "active", "bound": 1010001, "backup": None, "guarded": False},
        "diff": {
            "before": {"state": "active", "bound": 1010001, "backup": None, "guarded": False},
            "after": {"state": "invalidated", "bound": None, "backup": 1010001, "guarded": False},
        },
        "accepted_unproven": None,
    }
    after = database.dump()
    again = call(timestamp_invalidate, kvs=database.kvs, expected_bound="1010001")
    assert (again["changed"], again["state"]) == (False, "invalidated")
    assert database.dump() == after
    info = call(timestamp_info, kvs=database.kvs)
    assert (info["state"], info["bound"], info["backup"], info["code"]) == ("invalidated", None, 1010001, None)
    assert (info["record"]["epoch"], info["record"]["holder"]) == (1, {"run_id": "one"})


def test_the_way_back_ends_above_what_timelock_issued(database, handover):
    call(timestamp_invalidate, kvs=database.kvs, expected_bound="1010001", **handover.proofs())
    arguments = {"kvs": database.kvs, "at_least": "5", **handover.proofs(fresh=7000000)}
    assert call(timestamp_restore, check_mode=True, **arguments)["bound"] == 7000000
    result = call(timestamp_restore, **arguments)
    assert (result["changed"], result["state"], result["bound"], result["backup"]) == (True, "active", 7000000, None)
    assert call(timestamp_restore, kvs=database.kvs, at_least="7000000")["changed"] is False


def test_a_bound_is_not_made_live_while_timelock_is_not_proved_above_the_backup(database, handover):
    call(timestamp_invalidate, kvs=database.kvs, expected_bound="1010001", **handover.proofs())
    before = database.dump()
    behind = call(timestamp_restore, kvs=database.kvs, at_least="5", **handover.proofs(fresh=1010001))
    assert behind["code"] == "timelock-behind"
    without = {**handover.proofs(), "timelock_proof": None}
    assert call(timestamp_restore, kvs=database.kvs, at_least="5", **without)["code"] == "proof-missing"
    assert database.dump() == before


def test_an_active_bound_is_raised_without_asking_timelock_but_not_without_the_nodes(database, handover):
    arguments = {"kvs": database.kvs, "at_least": "1010002", **handover.proofs(), "timelock_proof": None}
    assert call(timestamp_restore, **{**arguments, "offline_proofs": []})["code"] == "proof-missing"
    assert call(timestamp_restore, **arguments)["bound"] == 1010002


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"nodes": [*NODES, "n3"]}, "proof-missing"),
        ({"nodes": []}, "proof-missing"),
        ({"offline_proofs": []}, "proof-missing"),
        ({"timelock_proof": None}, "proof-missing"),
        ({"max_proof_age": 0.0}, "proof-missing"),
        ({"expected_bound": "1010000"}, "bound-moved"),
        ({"expected_bound": "1010002"}, "bound-moved"),
    ],
)
def test_without_what_it_depends_on_no_bound_is_invalidated(database, handover, change, code):
    before = database.dump()
    arguments = {"kvs": database.kvs, "expected_bound": "1010001", **handover.proofs(), **change}
    for check_mode in (True, False):
        assert call(timestamp_invalidate, check_mode, **arguments)["code"] == code
    assert database.dump() == before


def test_an_active_bound_is_not_invalidated_when_the_service_has_been_down_for_too_long(database, handover):
    arguments = {"kvs": database.kvs, "expected_bound": "1010001", **handover.proofs()}
    result = call(timestamp_invalidate, **arguments, elapsed=60.1, limit=60.0)
    assert (result["code"], result["found"]) == (
        "window-too-long",
        "The service has been down for 60.1 s, and may be for 60.0 s.",
    )
    assert call(timestamp_info, kvs=database.kvs)["state"] == "active"
    assert call(timestamp_invalidate, **arguments, elapsed=60.0, limit=60.0)["changed"]
    assert not call(timestamp_invalidate, **arguments, elapsed=61.0, limit=60.0)["changed"]


def test_a_timelock_that_is_not_above_the_bound_leaves_it_live(database, handover):
    arguments = {"kvs": database.kvs, "expected_bound": "1010001", **handover.proofs(fresh=1010001)}
    assert call(timestamp_invalidate, **arguments)["code"] == "timelock-behind"
    assert call(timestamp_info, kvs=database.kvs)["state"] == "active"


@pytest.mark.parametrize("check_mode", [True, False])
def test_proofs_of_a_run_that_lost_the_lock_do_nothing(database, handover, check_mode):
    arguments = {"kvs": database.kvs, **handover.proofs()}
    call(handover_record, kvs=database.kvs, service="orders", state="taken", run_id="two", take_over="one")
    before = database.dump()
    for module, option in ((timestamp_invalidate, "expected_bound"), (timestamp_restore, "at_least")):
        number = {option: "1010001" if option == "expected_bound" else "9000000"}
        assert call(module, check_mode, **arguments, **number)["code"] == "operator-lock-lost"
    assert database.dump() == before


def test_a_witness_above_the_bound_stops_the_invalidation(database, handover):
    database.run("CREATE TABLE _punch (ts int8)", "INSERT INTO _punch VALUES (1010002)")
    result = call(timestamp_invalidate, kvs=database.kvs, expected_bound="1010001", **handover.proofs(fresh=2000000))
    assert result["code"] == "bound-contradicted"
    assert call(timestamp_info, kvs=database.kvs)["corroboration"] == [{"source": "punch table", "number": 1010002}]


@pytest.mark.parametrize(
    ("fresh", "code"),
    [
        (None, "bound-contradicted"),
        ("1010001", "timelock-behind"),
        ("1010002", "bound-contradicted"),
        ("1010003", None),
    ],
)
def test_by_hand_under_nodes_on_timelock_what_they_wrote_down_must_be_below_it(database, fresh, code):
    database.run("CREATE TABLE _punch (ts int8)", "INSERT INTO _punch VALUES (1010002)")
    arguments = {"kvs": database.kvs, "expected_bound": "1010001", "accept_unproven": "all nodes are on TimeLock"}
    result = call(timestamp_invalidate, **arguments, **({"fresh_timestamp": fresh} if fresh else {}))
    assert result.get("code") == code
    assert call(timestamp_info, kvs=database.kvs)["state"] == ("active" if code else "invalidated")


@pytest.mark.parametrize(("fresh", "code"), [(1010002, "bound-contradicted"), (1010003, None)])
def test_what_a_node_wrote_down_that_was_to_migrate_itself_must_be_below_timelock(database, handover, fresh, code):
    database.run("CREATE TABLE _punch (ts int8)", "INSERT INTO _punch VALUES (1010002)")
    asked = {"kvs": database.kvs, "expected_bound": "1010001", **handover.proofs(fresh=fresh)}
    begun = {"unfinished": True, "own_migration": True}
    call(handover_record, kvs=database.kvs, service="orders", state="noted", changes=begun, **handover.run)
    assert call(timestamp_invalidate, **asked).get("code") == code
    assert call(timestamp_info, kvs=database.kvs)["state"] == ("active" if code else "invalidated")


def test_by_hand_a_reason_goes_in_place_of_proofs_and_stands_in_the_result(database):
    arguments = {"kvs": database.kvs, "expected_bound": "1010001"}
    assert call(timestamp_invalidate, **arguments, accept_unproven="")["code"] == "proof-missing"
    result = call(timestamp_invalidate, **arguments, accept_unproven="CHG-1, all down")
    assert (result["changed"], result["accepted_unproven"]) == (True, "CHG-1, all down")


def test_a_reason_waives_no_lock(database, handover):
    arguments = {"kvs": database.kvs, "expected_bound": "1010001", "accept_unproven": "CHG-1"}
    for check_mode in (True, False):
        assert call(timestamp_invalidate, check_mode, **arguments)["code"] == "operator-locked"
    assert call(timestamp_invalidate, **arguments, offline_proofs=handover.offline()[:1])["changed"]


def test_sessions_are_waited_for_and_the_proof_is_younger_than_their_end(database, handover):
    session = database.session()
    arguments = {"kvs": database.kvs, "service": "orders", "seen_before": True, **handover.run}
    result = call(kvs_sessions_info, **arguments)
    assert (len(result["sessions"]), result["proof"]) == (1, None)
    session.execute("SET idle_session_timeout = '400ms'")
    began = stamp_now()
    result = call(kvs_sessions_info, wait=10.0, **arguments)
    assert result["sessions"] == []
    assert result["proof"]["taken"]["boot"] - began["boot"] > 0.3
    assert result["proof"]["kvs_identity"] == result["identity"]


def test_a_session_is_refused_where_that_is_asked_for_and_named(database, handover):
    session = database.session()
    arguments = {"kvs": database.kvs, "service": "orders", "seen_before": True, "refuse": True, **handover.run}
    refused = call(kvs_sessions_info, **arguments)
    assert refused["code"] == "kvs-session-open" and f"1 of {database.name}" in refused["msg"]
    session.execute("SET idle_session_timeout = '400ms'")
    assert call(kvs_sessions_info, wait=10.0, **arguments)["proof"]


def test_a_probe_without_a_run_gives_no_proof(database):
    assert call(kvs_sessions_info, kvs=database.kvs)["proof"] is None


@pytest.mark.parametrize("text", ["5000000.0", "-1", "5e6", str(2**63)])
def test_a_number_that_is_none_changes_nothing(database, text):
    for module, option in ((timestamp_invalidate, "expected_bound"), (timestamp_restore, "at_least")):
        result = call(module, kvs=database.kvs, accept_unproven="x", **{option: text})
        assert result["failed"]
        assert option in result["msg"]


@pytest.mark.parametrize("state", ["taken", "noted", "released"])
def test_check_mode_says_what_would_be_on_record_and_writes_nothing(database, state):
    before = database.dump()
    kvs = {"kvs": database.kvs, "service": "orders"}
    check = {**kvs, "state": state, "run_id": "one", "changes": {"numbers": {"bound": 5}}}
    if state != "taken":
        call(handover_record, **kvs, state="taken", run_id="one")
        check["epoch"] = 1
        before = database.dump()
    foretold = call(handover_record, True, **check)
    assert foretold["changed"]
    assert database.dump() == before
    assert call(handover_record, **check) == foretold
    assert call(handover_record, **check)["changed"] is False


def test_check_mode_refuses_what_would_be_refused(database, handover):
    other = {"kvs": database.kvs, "service": "orders", "run_id": "two"}
    assert call(handover_record, True, state="taken", **other)["holder"] == {"run_id": "one"}
    assert call(handover_record, True, state="noted", epoch=1, **other)["code"] == "operator-lock-lost"
    assert call(handover_record, True, state="taken", take_over="one", **other)["epoch"] == 2


# By Ansible itself


def test_the_record_is_taken_in_the_name_of_the_ansible_process_and_from_one_that_is_gone(database, ansible):
    arguments = {"kvs": database.kvs, "service": "orders", "state": "taken"}
    result, _printed = ansible("handover_record", {**arguments, "run_id": "one"})
    mine = holder_of("one", os.getpid())
    for key in ("run_id", "user", "host", "boot_id", "pid_namespace"):
        assert result["holder"][key] == mine[key]
    assert result["holder"]["pid"] > 1
    assert int(result["holder"]["start"]) > int(mine["start"])
    assert result["changed"]
    result, _printed = ansible("handover_record", {**arguments, "run_id": "two"})
    assert (result["epoch"], result["holder"]["run_id"]) == (2, "two")


def test_the_record_of_a_process_that_runs_is_left_to_it(database, ansible):
    arguments = {"kvs": database.kvs, "service": "orders", "state": "taken"}
    call(handover_record, **arguments, run_id="one", holder=holder_of("one", os.getpid()))
    result, printed = ansible("handover_record", {**arguments, "run_id": "two"}, connection="elsewhere")
    assert (result["code"], result["holder"]["run_id"]) == ("operator-locked", "one")
    assert "FAILED" in printed


def test_a_module_elsewhere_takes_over_as_the_action_does(database, ansible):
    arguments = {"kvs": database.kvs, "service": "orders", "state": "taken"}
    gone = {**holder_of("one", os.getpid()), "start": "1"}
    call(handover_record, **arguments, run_id="one", holder=gone)
    result, printed = ansible("handover_record", {**arguments, "run_id": "two"}, "-vvv", connection="elsewhere")
    assert (result["epoch"], result["holder"]["run_id"]) == (2, "two")
    assert database.password not in printed


@pytest.mark.parametrize("connection", ["local", "elsewhere"])
def test_in_check_mode_a_module_says_what_it_would_change_and_changes_nothing(database, ansible, connection):
    before = database.dump()
    arguments = {"kvs": database.kvs, "expected_bound": "1010001", "accept_unproven": "CHG-1"}
    result, printed = ansible("timestamp_invalidate", arguments, "--check", "--diff", "-vvv", connection=connection)
    assert (result["changed"], result["state"], result["backup"]) == (True, "invalidated", 1010001)
    assert database.dump() == before
    assert database.password not in printed
    assert ("ansiballz" in printed.lower()) == (connection == "elsewhere")


@pytest.mark.parametrize("connection", ["local", "elsewhere"])
def test_a_refusal_is_a_failed_result_with_code_and_words(database, ansible, connection):
    kvs = {**database.kvs, "password": "wrong-secret"}
    result, printed = ansible("timestamp_info", {"kvs": kvs}, "-vvv", connection=connection)
    assert result["code"] == "kvs-denied"
    assert result["msg"] == f"kvs-denied: {result['found']} {result['do']}"
    assert "FAILED" in printed
    assert "wrong-secret" not in printed


def test_a_delegate_that_does_not_answer_is_a_refusal_and_no_host_that_ansible_drops(database, ansible):
    arguments = {"kvs": database.kvs, "expected_bound": "1010001", "accept_unproven": "CHG-1"}
    result, printed = ansible("timestamp_invalidate", arguments, connection="nowhere")
    assert "FAILED" in printed and "UNREACHABLE" not in printed
    assert (result["code"], result["fate_unknown"]) == ("node-lost", True)
    assert result["found"] == "localhost, where this is done, does not answer: no route to host."
