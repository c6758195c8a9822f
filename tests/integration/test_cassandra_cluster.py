# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The store on three nodes of real Cassandra that hold every row, with nodes killed, stopped and paused."""

from __future__ import annotations

import itertools
import threading

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import Guard
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores import (
    cassandra,
    cassandra_connection,
    cassandra_record,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.cassandra_row import encode
from cassandra import ConsistencyLevel, OperationTimedOut

import cassandra_here
from fleet import wait_for
from lab import processes
from lab.cassandra.cluster import SUPERUSER, Cassandra
from stores import opened, refused

__all__ = ["opened"]

pytestmark = cassandra_here.only_on_demand

HOLDER = {"user": "alice", "host": "controller", "pid": 1, "since": "now"}
V, W = 1_010_000, 3_010_007
NODES = {0, 1, 2}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = Cassandra(tmp_path_factory.mktemp("cassandra"), {})
    made.create(cassandra_here.require(), 3)
    try:
        made.start()
        yield made
    finally:
        made.stop()


_numbers = itertools.count(1)


class Service:
    """A keyspace with a bound of its own on the cluster."""

    def __init__(self, cluster: Cassandra):
        self.cluster = cluster
        self.keyspace = f"Orders_{next(_numbers)}"
        cluster.create_keyspace(self.keyspace)
        cluster.create_timestamp_table(self.keyspace)
        session = cluster.connect()
        try:
            session.execute(
                f'INSERT INTO "{self.keyspace}"."_timestamp" (key, column1, column2, value)'
                f" VALUES (0x7473, 0x7473, -1, 0x{encode(V).hex()}) IF NOT EXISTS"
            )
        finally:
            session.cluster.shutdown()

    def replicas(self) -> list:
        """The numbers of the nodes, in the order in which the others read from them."""
        session = self.cluster.connect()
        try:
            hosts = session.cluster.metadata.get_replicas(self.keyspace, b"ts")
            return [self.cluster.addresses.index(host.address) for host in hosts]
        finally:
            session.cluster.shutdown()

    @property
    def kvs(self) -> dict:
        return {
            "type": "cassandra",
            "hosts": self.cluster.addresses,
            "keyspace": self.keyspace,
            "user": SUPERUSER,
            "password": self.cluster.settings["password"],
        }


@pytest.fixture
def service(cluster):
    """With every node up at the begin and, whatever became of it, resumed at the end."""
    cluster.start()
    yield Service(cluster)
    for node in NODES:
        cluster.resume(node)


@pytest.fixture
def patient(monkeypatch):
    """Gives a loaded machine the time to notice that a node is paused, which is not what the test is about."""
    for module in (cassandra, cassandra_record):
        monkeypatch.setattr(module, "SETTLE_SECONDS", 240)
    monkeypatch.setattr(cassandra_connection, "LOOK_SECONDS", 240)


@pytest.fixture
def hasty(monkeypatch):
    """Waits a moment where the product would wait for half a minute."""
    monkeypatch.setattr(cassandra, "SETTLE_SECONDS", 2)
    monkeypatch.setattr(cassandra_record, "SETTLE_SECONDS", 2)
    monkeypatch.setattr(cassandra_connection, "LOOK_SECONDS", 2)
    monkeypatch.setattr(cassandra_connection, "ANSWER_SECONDS", 6)


def holder(run_id: str) -> dict:
    return {**HOLDER, "run_id": run_id}


def host_of(store, address: str):
    return next(host for host in store._connection.hosts() if host.address == address)


def in_the_cas(monkeypatch, act) -> None:
    """Have ``act(send)`` make the next conditional batch on the bound; ``send(host)`` sends it, to a node of choice."""
    whole, begun = cassandra_connection.CassandraConnection._execute, []

    def execute(self, statement, parameters, level, host):
        if "_timestamp" not in statement or " IF " not in statement or begun:
            return whole(self, statement, parameters, level, host)
        begun.append(statement)
        return act(lambda chosen: whole(self, statement, parameters, level, chosen))

    monkeypatch.setattr(cassandra_connection.CassandraConnection, "_execute", execute)


def test_with_two_nodes_stopped_it_says_how_many_are_alive_and_goes_on_when_they_are_back(
    cluster, service, opened, hasty
):
    store = opened(service.kvs)
    guard = Guard("r1", store.take_lock(holder("r1"), "orders", None).epoch)
    two = cluster.processes()[1:]
    assert processes.end(two, 20) == []
    alive = "SERIAL needs 2 replicas, and 1 are alive"

    def read():
        return opened(service.kvs).read()

    # Until the third has noticed that they are gone, it waits for their answers.
    wait_for(lambda: alive in refused(read).found, "the third node takes the others for alive", 60)
    for call in (lambda: store.invalidate(V, guard), lambda: store.note(guard, {}, False), read):
        refusal = refused(call)
        assert refusal.code == "kvs-unreachable"
        assert alive in refusal.found
        assert "fate_unknown" not in refusal.result()
    assert "Bring back the nodes" in refusal.do
    cluster.start()
    assert store.read().bound == V
    assert store.invalidate(V, guard).after.backup == V


def test_with_two_nodes_silent_it_says_that_answers_are_missing_and_changes_nothing(cluster, service, opened, hasty):
    store = opened(service.kvs)
    for node in (1, 2):
        cluster.pause(node)
    refusal = refused(store.invalidate, V, None)
    assert refusal.code == "kvs-unreachable"
    assert "answer" in refusal.found
    assert "fate_unknown" not in refusal.result()
    for node in (1, 2):
        cluster.resume(node)
    assert store.read().bound == V


@pytest.mark.parametrize(("effect", "state", "number"), [("invalidate", "invalidated", V), ("restore", "active", W)])
def test_a_batch_that_came_while_too_few_answered_is_brought_to_its_end(
    cluster, service, opened, monkeypatch, effect, state, number
):
    store = opened(service.kvs)

    def act(send):
        cluster.pause(1)
        cluster.pause(2)
        for node in (1, 2):
            threading.Timer(4, cluster.resume, [node]).start()
        return send(host_of(store, cluster.addresses[0]))

    in_the_cas(monkeypatch, act)
    change = getattr(store, effect)(number, None)
    assert change.changed
    assert (change.after.state, change.after.bound or change.after.backup) == (state, number)
    assert opened(service.kvs).read() == change.after


@pytest.mark.parametrize("effect", ["invalidate", "restore"])
def test_a_batch_that_a_paused_node_makes_late_finds_the_work_done(
    cluster, service, opened, monkeypatch, patient, effect
):
    monkeypatch.setattr(cassandra_connection, "ANSWER_SECONDS", 3)
    store = opened(service.kvs)
    last = service.replicas()[-1]
    host = host_of(store, cluster.addresses[last])

    def act(send):
        cluster.pause(last)
        return send(host)

    in_the_cas(monkeypatch, act)
    change = getattr(store, effect)(V if effect == "invalidate" else W, None)
    assert change.changed
    cluster.resume(last)
    # What it was sent while it was paused comes before this in its queue.
    store._connection.look("SELECT host_id FROM system.local", host=host)
    assert opened(service.kvs).read() == change.after


def test_a_node_that_has_left_a_statement_without_an_answer_is_asked_last_from_then_on(
    cluster, service, opened, monkeypatch
):
    monkeypatch.setattr(cassandra_connection, "ANSWER_SECONDS", 3)
    connection = opened(service.kvs)._connection
    cluster.pause(2)
    silences = 0
    for _turn in range(12):
        try:
            # What a node says of itself, which takes no other.
            connection._execute("SELECT host_id FROM system.local", (), ConsistencyLevel.LOCAL_ONE, None)
        except OperationTimedOut:
            silences += 1
    assert silences == 1


@pytest.mark.parametrize("milliseconds", [0, 8, 30])
def test_an_invalidation_whose_coordinator_is_paused_in_the_middle_is_read_back(
    cluster, service, opened, monkeypatch, patient, milliseconds
):
    monkeypatch.setattr(cassandra_connection, "ANSWER_SECONDS", 3)
    store = opened(service.kvs)
    last = service.replicas()[-1]
    host = host_of(store, cluster.addresses[last])

    def act(send):
        threading.Timer(milliseconds / 1000, cluster.pause, [last]).start()
        return send(host)

    in_the_cas(monkeypatch, act)
    change = store.invalidate(V, None)
    assert (change.changed, change.after.state, change.after.backup) == (True, "invalidated", V)
    cluster.resume(last)
    assert opened(service.kvs).read() == change.after


def test_an_invalidation_of_which_nothing_can_be_seen_is_unknown_and_the_next_run_sees(
    cluster, service, opened, monkeypatch, hasty
):
    store = opened(service.kvs)

    def act(send):
        cluster.pause(1)
        cluster.pause(2)
        return send(host_of(store, cluster.addresses[0]))

    in_the_cas(monkeypatch, act)
    refusal = refused(store.invalidate, V, None)
    assert refusal.result()["fate_unknown"]
    for node in (1, 2):
        cluster.resume(node)
    monkeypatch.undo()
    assert opened(service.kvs).invalidate(V, None).after.backup == V


def test_with_one_node_killed_everything_works_before_the_others_have_noticed(cluster, service, opened, patient):
    before = opened(service.kvs)
    assert before.read().bound == V
    # The one that the others read from.
    killed = service.replicas()[0]
    cluster.kill(killed)
    assert before.sessions([]) == []
    for store in (before, opened(service.kvs)):
        guard = Guard("r1", store.take_lock(holder("r1"), "orders", None).epoch)
        assert refused(opened(service.kvs).take_lock, holder("another"), "orders", None).code == "operator-locked"
        bound = store.read().bound
        assert store.invalidate(bound, guard).after.backup == bound
        after = store.restore(bound, guard).after
        assert (after.state, after.bound) == ("active", bound + 1)
        assert store.note(guard, {}, True).holder is None
