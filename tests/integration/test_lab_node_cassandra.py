# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's node on Cassandra is held to what the real AtlasDB client 0.905.0 was seen to do there."""

from __future__ import annotations

import contextlib
import itertools
import time

import pytest
from cassandra import ReadTimeout, WriteTimeout, WriteType

import cassandra_here
from lab import by_hand
from lab.by_hand_cassandra import INVALIDATED, OLD_TS, TS, CassandraByHand, encode
from lab.lab import Lab
from lab.layout import write_whole
from lab.node.cassandra_bound import CassandraBoundStore
from lab.node.cassandra_sessions import CassandraSessions
from lab.node.failures import AtlasFailure
from lab.node.key_value_service import CassandraService
from single_services import burn, maker, names, one, start_and_fail

__all__ = ["names", "one"]

pytestmark = cassandra_here.only_on_demand

MAX_LONG = 2**63 - 1
ESTABLISHED = "01"


@pytest.fixture(scope="module", params=cassandra_here.VERSIONS)
def store(request):
    """The store's name in the lab."""
    return f"cassandra-{cassandra_here.require(request.param)}"


@pytest.fixture(scope="module")
def lab(store, tmp_path_factory):
    made = Lab.up(tmp_path_factory.mktemp("lab"), [])
    yield made
    made.down()


@pytest.fixture
def service(lab, store, names):
    with maker(lab, names, store) as make:
        yield make


@pytest.fixture
def rows(lab, one):
    return by_hand.store(lab, one.service.name)


def switch(lab, node):
    node.stop()
    by_hand.switch_to_timelock(lab, node)


# Embedded


def test_an_embedded_node_starts_above_10000_and_stores_a_bound_a_million_ahead(one, rows):
    assert one.fresh() in (10_001, 10_002)
    assert rows.cells() == {TS: encode(1_010_001)}
    assert "[CAS] Trying to set upper limit from null to 10000." in one.log()
    assert "[CAS] Trying to set upper limit from 10000 to 1010001." in one.log()


def test_a_restart_throws_the_rest_of_the_block_away(one, rows):
    one.fresh()
    bound = rows.bound()
    one.stop()
    one.start()
    one.wait_healthy()
    assert one.fresh() in (bound + 1, bound + 2)


def test_it_goes_on_in_its_block_when_the_store_is_invalidated_under_it_and_then_fails_at_once(one, rows):
    one.fresh()
    bound = rows.bound()
    rows.invalidate()
    count, last, said = burn(one)
    assert 970_000 <= count <= 1_000_000
    assert last <= bound
    assert "Could not allocate more timestamps <- java.lang.IllegalArgumentException: array too small: 1 < 8" in said
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="array too small: 1 < 8"):
        one.fresh()
    assert time.monotonic() - began < 2, "no retries"


def test_it_comes_back_to_life_when_its_very_bound_is_put_back(one, rows):
    one.fresh()
    bound = rows.bound()
    rows.invalidate()
    burn(one)
    rows.put_back()
    assert one.fresh() > bound


def test_it_dies_for_good_when_the_store_has_another_bound(one, rows):
    one.fresh()
    bound = rows.bound()
    rows.write_bound(bound + 5)
    _count, _last, said = burn(one)
    assert "This server is no longer usable" in said
    assert f"limit in memory: {bound}, stored in DB: {bound + 5}" in said
    rows.write_bound(bound)
    with pytest.raises(RuntimeError, match="no longer usable"):
        one.fresh()
    assert "another timestamp server" in one.health()


def test_the_old_configuration_without_a_leader_block_fails_with_a_readable_message_on_an_invalidated_store(one, rows):
    one.stop()
    rows.invalidate()
    said = start_and_fail(one)
    assert (
        "START FAILED java.lang.IllegalStateException: Caught an IllegalArgumentException trying to convert the stored"
        " value to a long." in said
    )


def test_the_old_configuration_with_a_leader_block_starts_there_and_hangs(lab, service):
    node = service(leader=True).nodes[0]
    node.stop()
    by_hand.store(lab, node.service.name).invalidate()
    node.start()
    with pytest.raises(RuntimeError, match="cannot read its bound"):
        node.wait_healthy(4)
    assert "problem creating delegate" in node.log()
    with pytest.raises(TimeoutError):
        node.fresh(timeout=2)


def test_the_old_configuration_with_initialize_async_starts_there_and_fails_every_call(one, rows):
    one.stop()
    rows.invalidate()
    write_whole(one.config_path, one.config_path.read_text().replace("initializeAsync: false", "initializeAsync: true"))
    one.start()
    with pytest.raises(RuntimeError, match="not initialized"):
        one.wait_healthy(3)
    with pytest.raises(RuntimeError, match="NotInitializedException"):
        one.fresh()


# TimeLock


def fast_forwards(lab, namespace):
    wanted = f"/{namespace}/timestamp-management/fast-forward?currentTimestamp="
    return [
        int(request["target"].removeprefix(wanted))
        for request in lab.timelock.requests()
        if request["target"].startswith(wanted) and request["status"] == 204
    ]


def test_each_start_on_timelock_migrates_as_the_real_client_does(lab, one, rows):
    one.fresh()
    switch(lab, one)
    bound = rows.bound()
    for said in (f"[BACKUP] Backed up the value {bound}", f"already a valid backup of {bound}."):
        one.start()
        one.wait_healthy()
        assert rows.cells() == {TS: INVALIDATED, OLD_TS: encode(bound)}
        assert said in one.log()
        assert bound + 3 <= one.fresh() <= bound + 12
        one.stop()
    assert fast_forwards(lab, one.service.name) == [bound, bound]


def test_it_finds_its_work_done_when_the_store_was_invalidated_before(lab, one, rows):
    one.fresh()
    switch(lab, one)
    bound = rows.bound()
    rows.invalidate()
    one.start()
    one.wait_healthy()
    assert f"[BACKUP] Didn't backup, because there is already a valid backup of {bound}." in one.log()
    assert "[BACKUP] Backed up" not in one.log()
    assert rows.cells() == {TS: INVALIDATED, OLD_TS: encode(bound)}
    assert fast_forwards(lab, one.service.name) == [bound]
    assert one.fresh() > bound


def test_nodes_that_start_together_agree_on_the_backup(lab, service):
    two = service(nodes=2, leader=True)
    two.nodes[0].fresh()
    for node in two.nodes:
        switch(lab, node)
    rows = by_hand.store(lab, two.name)
    bound = rows.bound()
    two.start()
    two.wait_healthy()
    numbers = [node.fresh() for node in two.nodes]
    assert bound < numbers[0] < numbers[1]
    assert rows.cells() == {TS: INVALIDATED, OLD_TS: encode(bound)}


def test_it_does_not_start_on_a_store_that_was_invalidated_by_the_documented_manual_procedure(lab, one, rows):
    switch(lab, one)
    bound = rows.bound()
    rows.set(b"tr", encode(bound))
    rows.set(TS, INVALIDATED)
    assert (
        "SafeIllegalStateException: We had an unreadable active timestamp bound with no backup! This is unexpected."
        in start_and_fail(one)
    )
    rows.set(OLD_TS, encode(bound))
    one.start()
    one.wait_healthy()
    assert one.fresh() > bound


def test_a_fast_forward_that_fails_leaves_the_store_invalidated_and_the_node_down(lab, one, rows):
    switch(lab, one)
    rows.write_bound(MAX_LONG)
    assert "UnknownRemoteException: Response status: 500" in start_and_fail(one)
    assert rows.cells() == {TS: INVALIDATED, OLD_TS: encode(MAX_LONG)}


# Connections


def connections(node, cluster, ports):
    """Established connections from the node's address to the cluster: (remote address, remote port) each, from the
    kernel's table. Another lab on this machine may have a node of the same address.
    """
    found = []
    with open("/proc/net/tcp") as table:
        for line in itertools.islice(table, 1, None):
            _number, local, remote, state = line.split()[:4]
            address, port = _address(remote)
            if state == ESTABLISHED and _address(local)[0] == node.address:
                found += [(address, port)] if address in cluster.addresses and port in ports else []
    return found


def _address(field):
    address, port = field.split(":")
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(address))), int(port, 16)


def assert_soon_holds(node, cluster, ports, expected, seconds):
    with contextlib.suppress(AssertionError):
        wait_until(lambda: sorted(connections(node, cluster, ports)) == expected, seconds)
    assert sorted(connections(node, cluster, ports)) == expected


def wait_until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def cluster(lab, store, one):
    """The one that the node keeps its bound in."""
    return lab.cassandra[store]


@pytest.mark.parametrize("mode", ["embedded", "timelock"])
def test_while_idle_it_holds_from_its_own_address_what_the_real_client_holds(lab, one, cluster, mode):
    """Twenty Thrift connections to each host and none for CQL; the latter where there is no Thrift."""
    if mode == "timelock":
        switch(lab, one)
        one.start()
        one.wait_healthy()
    assert connections(one, cluster, [cluster.port]), "it has just asked something"
    if cluster.thrift_port is not None:
        expected = sorted((address, cluster.thrift_port) for address in cluster.addresses for _connection in range(20))
        assert_soon_holds(one, cluster, [cluster.thrift_port], expected, 5)
        assert_soon_holds(one, cluster, [cluster.port, cluster.thrift_port], expected, 20)
    else:
        time.sleep(12)
        assert {address for address, _port in connections(one, cluster, [cluster.port])} == set(cluster.addresses)


def test_sigterm_ends_it_within_half_a_second_with_143_and_its_connections_go(one, cluster, tmp_path):
    one.stop()
    process = one.start_with(one.config_path, tmp_path / "log")
    one.wait_healthy()
    one.fresh()
    began = time.monotonic()
    process.terminate()
    assert process.wait(5) == 143
    assert time.monotonic() - began < 0.5
    wait_until(lambda: not connections(one, cluster, [cluster.port, cluster.thrift_port]), 2)


def test_it_outlives_a_crash_of_cassandra(one, rows, cluster):
    before = one.fresh()
    lasting = cluster.thrift_port or cluster.port
    held = len(connections(one, cluster, [lasting]))
    cluster.kill(0)
    try:
        assert one.fresh() > before, "its block is in memory"
    finally:
        cluster.start_node(0)
    wait_until(lambda: len(connections(one, cluster, [lasting])) == held, 60)
    bound = rows.bound()
    for _ignored in range(105):
        one.fresh_range(10_000)
    assert rows.bound() > bound


@cassandra_here.only_wide
def test_with_one_of_three_hosts_down_it_starts_moves_its_bound_and_migrates(lab, store, service):
    node = service(store=f"{store}-x3").nodes[0]
    cluster = lab.cassandra[f"{store}-x3"]
    rows = by_hand.store(lab, node.service.name)
    lasting = cluster.thrift_port or cluster.port
    assert {address for address, _port in connections(node, cluster, [lasting])} == set(cluster.addresses)
    cluster.kill(0)
    try:
        node.stop()
        node.start()
        node.wait_healthy(60)
        bound = rows.bound()
        for _ignored in range(105):
            node.fresh_range(10_000)
        assert rows.bound() > bound
        switch(lab, node)
        bound = rows.bound()
        node.start()
        node.wait_healthy(60)
        assert rows.cells() == {TS: INVALIDATED, OLD_TS: encode(bound)}
        assert {address for address, _port in connections(node, cluster, [lasting])} == set(cluster.addresses[1:])
    finally:
        cluster.start_node(0)
    wait_until(
        lambda: {address for address, _port in connections(node, cluster, [lasting])} == set(cluster.addresses), 60
    )


# The automated migration of the store, state by state (facts: CassandraTimestampBackupRunner)


@pytest.fixture
def keyspace(lab, service, store, names):
    """A keyspace without a table: its rows, and a node's sessions there."""
    service()
    name = names()
    cluster = lab.cassandra[store]
    password = cluster.create_keyspace(name)
    hosts = tuple((address, cluster.port) for address in cluster.addresses)
    sessions = CassandraSessions(CassandraService((), hosts, name, name, password, name, True), "127.255.0.1")
    with contextlib.closing(sessions):
        yield CassandraByHand(cluster, name), sessions


EIGHT, OTHER = encode(77), encode(88)
STATES = {
    "B: nothing": ({}, 10_000, {TS: INVALIDATED, OLD_TS: encode(10_000)}),
    "C: active": ({TS: EIGHT}, 77, {TS: INVALIDATED, OLD_TS: EIGHT}),
    "D: active, backup emptied": ({TS: EIGHT, OLD_TS: b""}, 77, {TS: INVALIDATED, OLD_TS: EIGHT}),
    "E: gone, backup emptied": ({OLD_TS: b""}, 10_000, {TS: INVALIDATED, OLD_TS: encode(10_000)}),
    "F: invalidated": ({TS: INVALIDATED, OLD_TS: EIGHT}, 77, None),
    "F: invalidated by an empty value": ({TS: b"", OLD_TS: EIGHT}, 77, None),
    "F: 24 bytes": ({TS: bytes(24), OLD_TS: EIGHT}, 77, None),
    "J: another column": ({TS: EIGHT, b"tr": OTHER}, 77, {TS: INVALIDATED, OLD_TS: EIGHT, b"tr": OTHER}),
}
BOTH = "We had both backup and active timestamp bounds readable"
NEITHER = "We had an unreadable active timestamp bound with no backup"
REFUSED = {
    "G: both": ({TS: EIGHT, OLD_TS: OTHER}, BOTH),
    "G: gone, with a backup": ({OLD_TS: OTHER}, BOTH),
    "H: neither": ({TS: INVALIDATED}, NEITHER),
    "H: invalidated, backup emptied": ({TS: INVALIDATED, OLD_TS: b""}, NEITHER),
    "H: by the manual procedure": ({TS: INVALIDATED, b"tr": EIGHT}, NEITHER),
}


def test_backup_and_invalidate_does_in_each_state_what_atlasdb_does(keyspace):
    rows, sessions = keyspace
    bound_store = CassandraBoundStore(sessions, rows.keyspace)
    assert bound_store.backup_and_invalidate() == 10_000, "A: no table"
    for state, (before, returned, after) in STATES.items():
        _arrange(rows, before)
        assert bound_store.backup_and_invalidate() == returned, state
        assert rows.cells() == (after or before), state
        assert bound_store.backup_and_invalidate() == returned, f"{state}, again as at the next start"
    for state, (before, words) in REFUSED.items():
        _arrange(rows, before)
        with pytest.raises(AtlasFailure, match=words):
            bound_store.backup_and_invalidate()
        assert rows.cells() == before, state
    _arrange(rows, {TS: EIGHT})
    rows.run(f"INSERT INTO {rows.table} (key, column1, column2, value) VALUES (0x7473, 0x7473, -2, 0x00)")
    with pytest.raises(AtlasFailure, match="Duplicate key"):
        bound_store.backup_and_invalidate()


def _arrange(rows, cells):
    rows.run(f"TRUNCATE {rows.table}")
    for column, value in cells.items():
        rows.set(column, value)


class Losing:
    """A session that loses the answer of its first conditional statement, which was done or never arrived."""

    def __init__(self, session, losses, done):
        self._session = session
        self._losses = losses
        self._done = done

    def execute(self, statement):
        if " IF value=" in str(statement) and (error := next(self._losses, None)):
            if self._done:
                self._session.execute(statement)
            raise error
        return self._session.execute(statement)


class LosingSessions:
    def __init__(self, sessions, errors, done):
        self._sessions = sessions
        self._losses = iter(errors)
        self._done = done
        self.open, self.replace_broken, self.close = sessions.open, sessions.replace_broken, sessions.close

    def attempt(self, work):
        return self._sessions.attempt(lambda session: work(Losing(session, self._losses, self._done)))


@pytest.mark.parametrize("done", [True, False])
def test_what_came_of_a_lost_answer_is_read_back(keyspace, done):
    rows, sessions = keyspace
    errors = [WriteTimeout("lost", write_type=WriteType.CAS), ReadTimeout("lost")]
    bound_store = CassandraBoundStore(LosingSessions(sessions, errors, done), rows.keyspace)
    assert bound_store.load() == 10_000
    for bound in (20_000, 30_000):
        bound_store.move(bound)
        assert rows.bound() == bound
    again = CassandraBoundStore(LosingSessions(sessions, errors[:1], done), rows.keyspace)
    assert again.backup_and_invalidate() == 30_000
    assert rows.cells() == {TS: INVALIDATED, OLD_TS: encode(30_000)}
