# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules on a real Cassandra, as Ansible runs them: in its own process, elsewhere, and in check mode."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations import (
    handover_record,
    kvs_sessions_info,
    timestamp_info,
    timestamp_invalidate,
    timestamp_restore,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import stamp_now

import cassandra_here
from lab.by_hand_cassandra import CassandraByHand, encode
from lab.cassandra.cluster import Cassandra
from module_calls import ansible, call

__all__ = ["ansible"]

BOUND = 1_010_001
LIVE, BACKUP, MANUAL = b"ts", b"oldTs", b"tr"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = Cassandra(tmp_path_factory.mktemp("cassandra"), {})
    made.create(cassandra_here.require())
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def table(cluster):
    made = CassandraByHand(cluster, "orders")
    made.password = cluster.create_keyspace(made.keyspace)
    cluster.create_timestamp_table(made.keyspace)
    return made


@pytest.fixture
def kvs(cluster, table):
    """The options of a service whose bound is live, and of which there is no record."""
    table.run(f"TRUNCATE {table.table}")
    if table.run("SELECT * FROM system_schema.keyspaces WHERE keyspace_name = 'atlasdb_timelock'"):
        table.run("DROP KEYSPACE atlasdb_timelock")
    table.set(LIVE, encode(BOUND))
    return {
        "type": "cassandra",
        "hosts": cluster.addresses,
        "port": cluster.port,
        "keyspace": table.keyspace,
        "user": table.keyspace,
        "password": table.password,
    }


def proofs(kvs: dict, fresh: int = BOUND + 1) -> dict:
    """What a run that has the lock has proved: the nodes held and gone, by their own hosts nobody connected."""
    taken = call(handover_record, kvs=kvs, service="orders", state="taken", run_id="one")
    run = {"run_id": "one", "epoch": taken["epoch"]}
    identity = call(timestamp_info, kvs=kvs)["identity"]
    offline = [
        {"kind": kind, "node": node, "seen_before": True, "taken": stamp_now(), **run}
        for kind in ("hold", "process", "kvs_sockets")
        for node in ("n1", "n2")
    ]
    timelock = {
        "kind": "timelock",
        "fresh_timestamp": fresh,
        "kvs_identity": identity,
        "taken": stamp_now(),
        **run,
    }
    return {"nodes": ["n1", "n2"], "offline_proofs": offline, "timelock_proof": timelock}


def test_a_handover_with_its_proofs_goes_through_and_the_way_back_ends_above_it(kvs, table):
    proved = proofs(kvs)
    change = call(timestamp_invalidate, kvs=kvs, expected_bound=str(BOUND), **proved)
    assert (change["changed"], change["state"], change["backup"]) == (True, "invalidated", BOUND)
    assert table.cells() == {LIVE: b"\0", BACKUP: encode(BOUND)}
    assert not call(timestamp_invalidate, kvs=kvs, expected_bound=str(BOUND))["changed"]
    restored = call(timestamp_restore, kvs=kvs, at_least="1", **proved)
    assert (restored["changed"], restored["state"], restored["bound"]) == (True, "active", BOUND + 1)


@pytest.mark.parametrize("missing", ["kvs_sockets", "process", "hold"])
def test_without_a_proof_of_every_node_nothing_is_invalidated(kvs, table, missing):
    proved = proofs(kvs)
    proved["offline_proofs"] = [
        proof for proof in proved["offline_proofs"] if (proof["kind"], proof["node"]) != (missing, "n2")
    ]
    result = call(timestamp_invalidate, kvs=kvs, expected_bound=str(BOUND), **proved)
    assert result["code"] == "proof-missing"
    assert table.cells() == {LIVE: encode(BOUND)}


def test_a_proof_for_another_cluster_invalidates_nothing(kvs, table):
    proved = proofs(kvs)
    proved["timelock_proof"]["kvs_identity"] = {**proved["timelock_proof"]["kvs_identity"], "host_ids": ["other"]}
    assert call(timestamp_invalidate, kvs=kvs, expected_bound=str(BOUND), **proved)["code"] == "kvs-identity"
    assert table.cells() == {LIVE: encode(BOUND)}


def test_no_session_that_cql_shows_is_no_proof_that_there_is_none(kvs):
    taken = call(handover_record, kvs=kvs, service="orders", state="taken", run_id="one")
    found = call(kvs_sessions_info, kvs=kvs, service="orders", run_id="one", epoch=taken["epoch"], seen_before=True)
    assert (found["sessions"], found["proof"], found["complete"]) == ([], None, False)


@pytest.mark.parametrize("connection", ["local", "elsewhere"])
def test_a_module_reads_the_store_wherever_it_runs_and_prints_nothing_else(kvs, ansible, connection):
    result, printed = ansible("timestamp_info", {"kvs": kvs}, connection=connection)
    assert (result["state"], result["bound"]) == ("active", BOUND)
    assert result["identity"]["type"] == "cassandra"
    assert kvs["password"] not in printed
    assert "WARNING" not in printed.replace("[WARNING]: No inventory", "")


@pytest.mark.parametrize("connection", ["local", "elsewhere"])
def test_in_check_mode_a_module_says_what_it_would_change_and_changes_nothing(kvs, table, ansible, connection):
    arguments = {"kvs": kvs, "expected_bound": str(BOUND), "accept_unproven": "CHG-1"}
    result, printed = ansible("timestamp_invalidate", arguments, "--check", "--diff", connection=connection)
    assert (result["changed"], result["state"], result["backup"]) == (True, "invalidated", BOUND)
    assert table.cells() == {LIVE: encode(BOUND)}
    assert kvs["password"] not in printed


def test_in_check_mode_no_record_is_made(kvs, table, ansible):
    arguments = {"kvs": kvs, "service": "orders", "state": "taken", "run_id": "one"}
    result, _printed = ansible("handover_record", arguments, "--check")
    assert (result["changed"], result["epoch"]) == (True, 1)
    assert call(timestamp_info, kvs=kvs)["record"] is None


def test_what_was_done_by_hand_is_repaired_only_when_that_is_asked_for(kvs, table):
    table.set(LIVE, b"\0")
    table.set(MANUAL, encode(BOUND))
    arguments = {"kvs": kvs, "expected_bound": str(BOUND), "accept_unproven": "CHG-2"}
    assert call(timestamp_invalidate, **arguments)["code"] == "bound-manual-backup"
    would = call(timestamp_invalidate, check_mode=True, repair=True, **arguments)
    assert (would["changed"], table.cells()) == (True, {LIVE: b"\0", MANUAL: encode(BOUND)})
    done = call(timestamp_invalidate, repair=True, **arguments)
    assert (done["changed"], done["state"], done["backup"]) == (True, "invalidated", BOUND)
    assert table.cells() == {LIVE: b"\0", BACKUP: encode(BOUND), MANUAL: encode(BOUND)}
    assert not call(timestamp_invalidate, repair=True, **arguments)["changed"]


def test_a_repair_of_another_number_is_refused(kvs, table):
    table.set(LIVE, b"\0")
    table.set(MANUAL, encode(BOUND))
    result = call(timestamp_invalidate, kvs=kvs, expected_bound="5", repair=True, accept_unproven="CHG-2")
    assert result["code"] == "bound-moved"
    assert table.cells() == {LIVE: b"\0", MANUAL: encode(BOUND)}


def test_a_refusal_is_a_failed_result_with_code_and_words_and_no_secret(kvs, ansible):
    result, printed = ansible("timestamp_info", {"kvs": {**kvs, "password": "wrong-secret"}}, "-vvv")
    assert result["code"] == "kvs-denied"
    assert result["msg"] == f"kvs-denied: {result['found']} {result['do']}"
    assert "wrong-secret" not in printed
    assert "Traceback" not in printed
