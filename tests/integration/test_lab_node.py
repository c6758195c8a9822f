# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's node is held to what the real AtlasDB client 0.905.0 was seen to do."""

from __future__ import annotations

import contextlib
import time

import psycopg
import pytest

from lab import by_hand
from lab.lab import Lab
from lab.layout import POSTGRES, write_whole
from lab.node.failures import StoreFailure
from lab.node.relational import RelationalBoundStore
from lab.node.relational_sessions import Sessions
from lab.node.store import NO_OP_FAST_FORWARD
from single_services import burn, maker, names, one, start_and_fail

__all__ = ["names", "one"]

MAX_LONG = 2**63 - 1


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    made = Lab.up(tmp_path_factory.mktemp("lab"), [])
    yield made
    made.down()


@pytest.fixture
def service(lab, names):
    with maker(lab, names, POSTGRES) as make:
        yield make


# Embedded


def test_an_embedded_node_starts_above_10000_and_stores_a_bound_a_million_ahead(lab, one):
    first = one.fresh()
    assert first in (10_001, 10_002)
    assert by_hand.bound(lab, one.service.name) == 10_001 + 1_000_000


def test_it_stores_the_next_bound_only_when_its_block_is_used_up(lab, one):
    one.fresh()
    before = by_hand.bound(lab, one.service.name)
    while (upper := one.fresh_range(10_000)[1]) <= before:
        assert by_hand.bound(lab, one.service.name) == before
    assert by_hand.bound(lab, one.service.name) == upper + 1_000_000


def test_a_restart_throws_the_rest_of_the_block_away(lab, one):
    one.fresh()
    bound = by_hand.bound(lab, one.service.name)
    one.stop()
    one.start()
    one.wait_healthy()
    assert one.fresh() in (bound + 1, bound + 2)


def test_a_range_is_cut_down_to_10000(one):
    lower, upper = one.fresh_range(50_000)
    assert upper - lower == 9_999


def test_it_goes_on_in_its_block_when_the_store_is_invalidated_under_it_and_then_fails(lab, one):
    one.fresh()
    bound = by_hand.bound(lab, one.service.name)
    by_hand.rename_column(lab, one.service.name)
    count, last, said = burn(one)
    assert 970_000 <= count <= 1_000_000
    assert last <= bound
    assert "Could not allocate more timestamps" in said
    assert 'column "last_allocated" does not exist' in said


def test_it_comes_back_to_life_when_its_very_bound_is_put_back(lab, one):
    one.fresh()
    bound = by_hand.bound(lab, one.service.name)
    by_hand.rename_column(lab, one.service.name)
    burn(one)
    by_hand.rename_column(lab, one.service.name, by_hand.BACKUP, by_hand.LIVE)
    assert one.fresh() > bound


def test_it_dies_for_good_when_the_store_has_another_bound(lab, one):
    one.fresh()
    bound = by_hand.bound(lab, one.service.name)
    by_hand.store(lab, one.service.name).write_bound(bound + 5)
    _count, _last, said = burn(one)
    assert "This server is no longer usable" in said
    assert f"limit in memory: {bound}, limit in DB: OptionalLong[{bound + 5}]" in said
    by_hand.store(lab, one.service.name).write_bound(bound)
    with pytest.raises(RuntimeError, match="no longer usable"):
        one.fresh()
    assert "another timestamp server" in one.health()


def test_it_says_so_when_its_row_has_vanished(lab, one):
    one.fresh()
    with lab.postgres.connect(one.service.name) as session:
        session.execute("DELETE FROM _timestamp")
    assert "Unable to retrieve a timestamp when expected" in burn(one)[2]


def test_the_old_configuration_without_a_leader_block_does_not_start_on_an_invalidated_store(lab, one):
    one.stop()
    by_hand.rename_column(lab, one.service.name)
    assert 'column "last_allocated" does not exist' in start_and_fail(one)


def test_the_old_configuration_with_a_leader_block_starts_there_and_hangs(lab, service):
    node = service(leader=True).nodes[0]
    node.stop()
    by_hand.rename_column(lab, node.service.name)
    node.start()
    with pytest.raises(RuntimeError, match="cannot read its bound"):
        node.wait_healthy(4)
    assert "now returning a transaction manager" in node.log().rpartition("stopped")[2]
    assert "problem creating delegate" in node.log()
    with pytest.raises(TimeoutError):
        node.fresh(timeout=2)
    assert node.process() is not None


def test_the_old_configuration_with_initialize_async_starts_there_and_fails_every_call(lab, one):
    one.stop()
    by_hand.rename_column(lab, one.service.name)
    text = one.config_path.read_text()
    write_whole(one.config_path, text.replace("initializeAsync: false", "initializeAsync: true"))
    one.start()
    with pytest.raises(RuntimeError, match="not initialized"):
        one.wait_healthy(3)
    with pytest.raises(RuntimeError, match="NotInitializedException"):
        one.fresh()


def test_it_does_not_start_on_a_file_without_an_atlasdb_block(one):
    one.stop()
    write_whole(one.config_path, "# held by atlasdb.timelock\nheld_by_atlasdb_timelock: {}\n")
    assert "Could not find /atlasdb in input" in start_and_fail(one)


# Sessions and signals


def session_rows(lab, name):
    with lab.postgres.connect() as session:
        return session.execute(
            "SELECT application_name, state FROM pg_stat_activity WHERE datname = %s AND usename = %s", [name, name]
        ).fetchall()


def test_it_keeps_eight_idle_sessions_whichever_way_it_takes_timestamps(lab, one):
    expected = [("PostgreSQL JDBC Driver", "idle")] * 8
    assert session_rows(lab, one.service.name) == expected
    one.stop()
    by_hand.switch_to_timelock(lab, one)
    one.start()
    one.wait_healthy()
    assert session_rows(lab, one.service.name) == expected


@pytest.mark.parametrize("mode", ["embedded", "timelock"])
def test_sigterm_ends_it_within_half_a_second_with_143_and_its_sessions_go(lab, one, tmp_path, mode):
    one.stop()
    if mode == "timelock":
        by_hand.switch_to_timelock(lab, one)
    process = one.start_with(one.config_path, tmp_path / "log")
    one.wait_healthy()
    began = time.monotonic()
    process.terminate()
    assert process.wait(5) == 143
    assert time.monotonic() - began < 0.5
    deadline = time.monotonic() + 2
    while session_rows(lab, one.service.name) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert session_rows(lab, one.service.name) == []


def test_it_outlives_a_crash_of_the_database(lab, one):
    before = one.fresh()
    lab.postgres.kill()
    try:
        assert one.fresh() > before, "its block is in memory"
    finally:
        lab.postgres.start()
    deadline = time.monotonic() + 10
    while len(session_rows(lab, one.service.name)) < 8 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(session_rows(lab, one.service.name)) == 8
    bound = by_hand.bound(lab, one.service.name)
    for _ignored in range(105):
        one.fresh_range(10_000)
    assert by_hand.bound(lab, one.service.name) > bound


# A leader block with several nodes


def test_only_one_of_several_nodes_issues_and_all_can_be_asked(lab, service):
    three = service(nodes=3, leader=True)
    numbers = [node.fresh() for _ignored in range(5) for node in three.nodes]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] - numbers[0] < 100, "one block"
    assert sum("became leader" in node.log() for node in three.nodes) == 1
    assert by_hand.bound(lab, three.name) == 1_010_001


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_new_leader_reads_the_bound_again(lab, service, end):
    three = service(nodes=3, leader=True)
    three.nodes[0].fresh()
    bound = by_hand.bound(lab, three.name)
    old = three.leader()
    getattr(old, end)()
    left = [node for node in three.nodes if node is not old]
    assert left[0].fresh() > bound
    assert left[1].fresh() > bound
    assert three.leader() is not old


# TimeLock


def switched(lab, service, **options):
    one = service(**options)
    for node in one.nodes:
        node.fresh()
        node.stop()
        by_hand.switch_to_timelock(lab, node)
    return one


def requests_for(lab, namespace):
    def mentions(target):
        return namespace in target.replace("?", "/").split("/")

    return [request for request in lab.timelock.requests() if mentions(request["target"])]


@pytest.mark.parametrize("manager", ["sls", "command"])
def test_each_start_on_timelock_migrates_as_the_real_client_does(lab, service, manager):
    node = switched(lab, service, manager=manager).nodes[0]
    name = node.service.name
    bound = by_hand.bound(lab, name)
    for _start in range(2):
        seen = len(requests_for(lab, name))
        node.start()
        node.wait_healthy()
        answered = [request for request in requests_for(lab, name)[seen:] if request["status"] in (200, 204)]
        assert [(request["method"], request["target"]) for request in answered[:6]] == [
            ("GET", f"/{name}/timestamp-management/ping"),
            ("POST", f"/{name}/timestamp-management/fast-forward?currentTimestamp={bound}"),
            ("POST", f"/tl/ts1/{name}"),
            ("POST", f"/{name}/timelock/current-time-millis"),
            ("POST", f"/{name}/timelock/current-time-millis"),
            ("POST", f"/tl/ts1/{name}"),
        ]
        agents = [request["user_agent"] for request in answered[:3]]
        begin = f"{name}/1.0.0 atlasdb-http-client/2.0 "
        assert agents[0] == begin + "TimestampManagementRpcClient/7.45.0 dialogue/3.78.0"
        assert agents[2] == begin + "ConjureTimelockService/0.0.0 dialogue/3.78.0"
        assert by_hand.read_store(lab, name) == [{by_hand.BACKUP: bound}]
        assert bound + 3 <= node.fresh() <= bound + 12
        node.stop()


def test_nodes_that_start_together_agree_on_the_backup(lab, service):
    two = switched(lab, service, nodes=2, leader=True)
    bound = by_hand.bound(lab, two.name)
    two.start()
    two.wait_healthy()
    numbers = [node.fresh() for node in two.nodes]
    assert bound < numbers[0] < numbers[1]
    assert by_hand.read_store(lab, two.name) == [{by_hand.BACKUP: bound}]


def test_an_idle_node_moves_its_namespace(lab, service):
    node = switched(lab, service).nodes[0]
    node.start()
    node.wait_healthy()
    before = by_hand.fresh_timestamp(lab, node.service.name)
    time.sleep(6)
    assert by_hand.fresh_timestamp(lab, node.service.name) > before + 1


def test_it_follows_the_leader_of_timelock(lab, service):
    node = switched(lab, service).nodes[0]
    node.start()
    node.wait_healthy()
    before = node.fresh()
    leader = lab.timelock.leader()
    lab.timelock.kill(leader)
    try:
        assert node.fresh() > before
        assert node.health() is None
    finally:
        lab.timelock.start_node(leader)
    assert 308 in [request["status"] for request in requests_for(lab, node.service.name)]


def test_it_does_not_start_and_leaves_the_store_alone_while_timelock_is_down(lab, service):
    node = switched(lab, service).nodes[0]
    bound = by_hand.bound(lab, node.service.name)
    killed = lab.timelock.lose_quorum()
    try:
        assert "Could not contact the TimeLock Server." in start_and_fail(node)
    finally:
        for index in killed:
            lab.timelock.start_node(index)
    assert by_hand.bound(lab, node.service.name) == bound


def test_a_fast_forward_that_fails_leaves_the_store_invalidated_and_the_node_down(lab, service):
    node = switched(lab, service).nodes[0]
    by_hand.store(lab, node.service.name).write_bound(MAX_LONG)
    assert "UnknownRemoteException: Response status: 500" in start_and_fail(node)
    assert by_hand.read_store(lab, node.service.name) == [{by_hand.BACKUP: MAX_LONG}]


def test_a_client_before_0_253_2_does_not_migrate_a_relational_store(lab, service):
    node = switched(lab, service, version="0.253.1").nodes[0]
    bound = by_hand.bound(lab, node.service.name)
    node.start()
    node.wait_healthy()
    assert "AtlasDB doesn't yet support automated migration for KVS type" in node.log()
    assert by_hand.bound(lab, node.service.name) == bound
    assert node.fresh() < 20


# The automated migration of the store, state by state


@pytest.fixture
def store(lab, names):
    """An empty database's sessions: (service name, Sessions)."""
    name = names()
    password = lab.postgres.create_database(name)
    sessions = Sessions(
        {"host": "127.0.0.1", "port": lab.postgres.port, "dbName": name, "dbLogin": name, "dbPassword": password}
    )
    with contextlib.closing(sessions):
        sessions.open()
        yield name, sessions


STATES = [
    ("absent", [], NO_OP_FAST_FORWARD, ["legacy_last_allocated"]),
    ("no row", ["CREATE TABLE _timestamp (last_allocated int8 NOT NULL)"], NO_OP_FAST_FORWARD, [by_hand.BACKUP]),
    ("no row, invalidated", ["CREATE TABLE _timestamp (legacy_last_allocated int8)"], NO_OP_FAST_FORWARD,
     [by_hand.BACKUP]),
    ("active", ["CREATE TABLE _timestamp (last_allocated int8 NOT NULL)", "INSERT INTO _timestamp VALUES (77)"], 77,
     [by_hand.BACKUP]),
    ("invalidated", ["CREATE TABLE _timestamp (legacy_last_allocated int8)", "INSERT INTO _timestamp VALUES (77)"], 77,
     [by_hand.BACKUP]),
    ("renamed to something else", ["CREATE TABLE _timestamp (last_allocated_old int8)",
     "INSERT INTO _timestamp VALUES (77)"], NO_OP_FAST_FORWARD, ["last_allocated_old"]),
]  # fmt: skip


@pytest.mark.parametrize(("statements", "returned", "columns"), [state[1:] for state in STATES],
                         ids=[state[0] for state in STATES])  # fmt: skip
def test_backup_and_invalidate_does_in_each_state_what_atlasdb_does(lab, store, statements, returned, columns):
    name, sessions = store
    with sessions.session() as session:
        for statement in statements:
            session.execute(statement)
    bound_store = RelationalBoundStore(sessions, "")
    assert bound_store.backup_and_invalidate() == returned
    assert bound_store.backup_and_invalidate() == returned, "again, as at the next start"
    with lab.postgres.connect(name) as session:
        cursor = session.execute("SELECT * FROM _timestamp")
        assert [column.name for column in cursor.description] == columns
        assert session.execute("SELECT count(*) FROM pt_retriable_txn_log_v1").fetchone() == (0,)


def test_backup_and_invalidate_refuses_both_columns(store):
    _name, sessions = store
    with sessions.session() as session:
        session.execute("CREATE TABLE _timestamp (last_allocated int8, legacy_last_allocated int8)")
        session.execute("INSERT INTO _timestamp VALUES (1, 2)")
    with pytest.raises(Exception, match="has been poisoned but last_allocated column still exists"):
        RelationalBoundStore(sessions, "").backup_and_invalidate()


def test_a_table_prefix_is_part_of_the_tables_name(lab, store):
    name, sessions = store
    RelationalBoundStore(sessions, "Atlas_").load()
    with lab.postgres.connect(name) as session:
        assert session.execute("SELECT last_allocated FROM atlas__timestamp").fetchall() == [(10_000,)]


def test_a_commit_whose_acknowledgement_is_lost_is_not_made_twice(lab, store):
    name, sessions = store
    RelationalBoundStore(sessions, "").load()
    losses = iter([True])

    class LosesAcknowledgement:
        def __init__(self, session):
            self._session = session
            self.execute = session.execute

        @contextlib.contextmanager
        def transaction(self):
            with self._session.transaction():
                yield
            if next(losses, False):
                raise psycopg.OperationalError("the connection was lost")

    class LosingSessions(Sessions):
        @contextlib.contextmanager
        def session(self):
            with sessions.session() as session:
                yield LosesAcknowledgement(session)

    add_one = "UPDATE _timestamp SET last_allocated = last_allocated + 1 RETURNING last_allocated"
    answer = LosingSessions({}).transaction(lambda session: session.execute(add_one).fetchone())
    assert answer == (10_001,)
    assert by_hand.read_store(lab, name) == [{by_hand.LIVE: 10_001}]


def test_a_store_that_stays_broken_ends_the_retries(store):
    _name, sessions = store
    with pytest.raises(StoreFailure, match='relation "nothing" does not exist'):
        sessions.transaction(lambda session: session.execute("SELECT 1 FROM nothing"))
