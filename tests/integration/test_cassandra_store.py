# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The store on a real Cassandra: what it says of every state, what it leaves, and what it makes of lost answers."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import subprocess
import sys
import uuid

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.bound import LARGEST_BOUND
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import Guard
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores import (
    cassandra,
    cassandra_connection,
    cassandra_record,
    cassandra_row,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.cassandra_row import encode
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.opening import open_store
from cassandra import (
    ConsistencyLevel,
    InvalidRequest,
    OperationTimedOut,
    ReadTimeout,
    Unauthorized,
    Unavailable,
    WriteTimeout,
    WriteType,
)
from cassandra.connection import ConnectionShutdown
from cassandra.protocol import ServerError
from cassandra.query import SimpleStatement

import cassandra_here
import documented_rights
import documented_statements
from lab.cassandra import distribution
from lab.cassandra.cluster import Cassandra
from stores import opened, refused

__all__ = ["opened"]

KEYSPACE = "Orders"
HOLDER = {"user": "alice", "host": "controller", "pid": 1, "since": "now"}
V, W = 1_010_000, 3_010_007
VX, WX = f"0x{encode(V).hex()}", f"0x{encode(W).hex()}"


class Service:
    """A keyspace with AtlasDB's table, on a cluster of one node, as its service and its superuser see it."""

    def __init__(self, cluster: Cassandra, keyspace: str):
        self.cluster = cluster
        self.keyspace = keyspace
        self.password = cluster.create_keyspace(keyspace)
        cluster.create_timestamp_table(keyspace)
        self.session = cluster.connect()

    @property
    def kvs(self) -> dict:
        return {
            "type": "cassandra",
            "hosts": self.cluster.addresses[:1],
            "port": self.cluster.port,
            "keyspace": self.keyspace,
            "user": self.keyspace,
            "password": self.password,
        }

    @property
    def release(self) -> tuple[int, int]:
        return distribution.VERSIONS[self.cluster.version].release

    def cql(self, text: str) -> list:
        statement = SimpleStatement(text.replace("TABLE", f'"{self.keyspace}"."_timestamp"'))
        return list(self.session.execute(statement).current_rows or [])

    def put(self, column: str, value: str, column2: int = -1, more: str = "") -> None:
        self.cql(
            f"INSERT INTO TABLE (key, column1, column2, value) VALUES (0x7473, {column}, {column2}, {value}) {more}"
        )

    def rows(self) -> dict:
        return {(row.column1, row.column2): row.value for row in self.cql("SELECT * FROM TABLE")}

    def empty(self) -> None:
        self.cql("TRUNCATE TABLE")
        with contextlib.suppress(InvalidRequest):  # no run has made it yet
            self.cql(f'TRUNCATE atlasdb_timelock."{self.keyspace}"')


TS, OLD, TR = "0x7473", "0x6f6c645473", "0x7472"
LIVE, BACKUP = (b"ts", -1), (b"oldTs", -1)


@pytest.fixture(scope="module", params=cassandra_here.VERSIONS)
def cluster(request, tmp_path_factory):
    made = Cassandra(tmp_path_factory.mktemp("cassandra"), {})
    made.create(cassandra_here.require(request.param))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def orders(cluster):
    made = Service(cluster, KEYSPACE)
    yield made
    made.session.cluster.shutdown()


@pytest.fixture
def service(orders):
    orders.empty()
    return orders


@pytest.fixture
def hasty(monkeypatch):
    """Waits a moment where the product would wait for half a minute."""
    monkeypatch.setattr(cassandra, "SETTLE_SECONDS", 1)
    monkeypatch.setattr(cassandra_record, "SETTLE_SECONDS", 1)
    monkeypatch.setattr(cassandra_connection, "LOOK_SECONDS", 1)


# States


@pytest.mark.parametrize(
    ("rows", "state", "bound", "backup", "code"),
    [
        pytest.param([], "absent", None, None, "bound-absent", id="B"),
        pytest.param([(TS, VX)], "active", V, None, None, id="C"),
        pytest.param([(TS, VX), (OLD, "0x")], "active", V, None, None, id="D"),
        pytest.param([(OLD, "0x")], "absent", None, None, "bound-absent", id="E"),
        pytest.param([(TS, "0x00"), (OLD, VX)], "invalidated", None, V, None, id="F"),
        pytest.param([(TS, "0x"), (OLD, VX)], "invalidated", None, V, None, id="F emptied"),
        pytest.param([(TS, VX), (OLD, WX)], "ambiguous", None, None, "bound-ambiguous", id="G both"),
        pytest.param([(OLD, WX)], "ambiguous", None, None, "bound-ambiguous", id="G a backup alone"),
        pytest.param([(TS, "0x00")], "invalidated", None, None, "bound-unreadable", id="H"),
        pytest.param([(TS, "0x00"), (TR, WX)], "invalidated", None, W, "bound-manual-backup", id="H by hand"),
        pytest.param([(TS, VX + 16 * "ab")], "ambiguous", None, None, "bound-length", id="24 bytes"),
        pytest.param([(TS, VX), (TS, WX, -2)], "ambiguous", None, None, "bound-ambiguous", id="I"),
        pytest.param([(TS, VX, -12_346)], "ambiguous", None, None, "bound-ambiguous", id="another column2"),
        pytest.param([(TS, VX), ("0x78", "0x01")], "active", V, None, None, id="J"),
        pytest.param([(TS, "0x8000000000000000")], "active", -(2**63), None, "bound-out-of-range", id="negative"),
    ],
)
def test_each_state_is_told_and_one_that_is_no_usable_number_is_refused_by_the_effects(
    service, opened, rows, state, bound, backup, code
):
    for row in rows:
        service.put(*row)
    store = opened(service.kvs)
    now = store.read()
    assert (now.state, now.bound, now.backup, now.code) == (state, bound, backup, code)
    if code:
        before = service.rows()
        assert refused(store.invalidate, V, None).code == code
        if state != "absent":
            assert refused(store.restore, V, None).code == code
        assert service.rows() == before


def test_a_bound_that_was_written_to_vanish_is_refused(service, opened):
    service.put(TS, VX, more="USING TTL 600")
    assert opened(service.kvs).read().code == "bound-ambiguous"


@pytest.mark.parametrize("keyspace", ["nowhere", "system"])
def test_a_keyspace_or_table_that_is_not_there_is_absent_and_nothing_is_made(service, opened, keyspace):
    store = opened({**service.kvs, "keyspace": keyspace, "user": "cassandra", "password": "cassandra"})
    assert store.read().code == "bound-absent"
    assert store.identity()["table_id"] is None
    assert refused(store.invalidate, V, None).code == "bound-absent"
    assert store.read().code == "bound-absent"


def test_a_table_of_another_shape_is_not_taken_for_atlasdbs(service, opened):
    service.session.execute(
        "CREATE KEYSPACE IF NOT EXISTS other WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
    )
    service.session.execute('CREATE TABLE IF NOT EXISTS other."_timestamp" (id int PRIMARY KEY)')
    state = opened({**service.kvs, "keyspace": "other", "user": "cassandra", "password": "cassandra"}).read()
    assert state.code == "bound-ambiguous"


def _documented(code: str) -> list[str]:
    lines = documented_statements.statements(code, cassandra=True)
    return [line.replace('"orders"', f'"{KEYSPACE}"') for line in lines]


SEEN, SEEN_OLD = "0x00000000000f6951", "0x00000000001eab91"


def _ambiguous() -> list[tuple[list, list[str]]]:
    begin, raise_it, empty_old, apply, make_it, delete_it = _documented("bound-ambiguous")
    whole = [(OLD, SEEN_OLD)]
    return [
        ([(TS, SEEN), *whole], [begin, raise_it, empty_old, apply]),
        (whole, [begin, make_it, empty_old, apply]),
        ([(TS, SEEN), (TS, SEEN, 0), *whole], [begin, raise_it, empty_old, delete_it, apply]),
    ]


def test_what_is_to_be_typed_for_a_table_that_tells_no_number_leaves_one_and_only_where_it_finds_what_was_seen(
    service, opened
):
    number = documented_statements.NUMBER
    for rows, typed in _ambiguous():
        service.empty()
        for row in rows:
            service.put(*row)
        assert opened(service.kvs).read().code == "bound-ambiguous"
        assert service.cql("\n".join(typed))[0].applied
        now = opened(service.kvs).read()
        assert (now.state, now.bound, now.code) == ("active", number, None)
        before = service.rows()
        assert not service.cql("\n".join(typed))[0].applied
        assert service.rows() == before


def test_what_is_to_be_typed_for_a_backup_that_was_never_written_or_a_number_that_is_too_long_leaves_it(
    service, opened
):
    number = documented_statements.NUMBER
    make_it, fill_it = _documented("bound-unreadable")
    (shorten,) = _documented("bound-length")
    for rows, typed, state in (
        ([(TS, "0x00")], make_it, ("invalidated", None, number)),
        ([(TS, "0x00"), (OLD, "0x")], fill_it, ("invalidated", None, number)),
        ([(TS, SEEN + 16 * "aa")], shorten, ("active", number, None)),
    ):
        service.empty()
        for row in rows:
            service.put(*row)
        assert opened(service.kvs).read().code in ("bound-unreadable", "bound-length")
        assert service.cql(typed)[0].applied
        now = opened(service.kvs).read()
        assert (now.state, now.bound, now.backup) == state and now.code is None
        assert not service.cql(typed)[0].applied


def test_a_bound_that_would_vanish_stays_once_what_is_to_be_typed_has_written_it(service, opened):
    service.put(TS, SEEN, more="USING TTL 600")
    assert service.cql(_documented("bound-ambiguous")[1])[0].applied
    now = opened(service.kvs).read()
    assert (now.state, now.bound, now.code) == ("active", documented_statements.NUMBER, None)


# Invalidation


def test_invalidation_leaves_the_very_bytes_that_atlasdb_leaves(service, opened):
    service.put(TS, VX)
    change = opened(service.kvs).invalidate(V, None)
    assert (change.changed, change.before.bound, change.after.backup) == (True, V, V)
    assert service.rows() == {LIVE: b"\0", BACKUP: encode(V)}


def test_a_second_invalidation_changes_nothing_and_says_so(service, opened):
    service.put(TS, VX)
    store = opened(service.kvs)
    store.invalidate(V, None)
    written = service.cql("SELECT writetime(value) FROM TABLE")
    assert not store.invalidate(V, None).changed
    assert service.cql("SELECT writetime(value) FROM TABLE") == written


@pytest.mark.parametrize("expected", [V - 1, V + 1, 0])
def test_a_bound_that_is_not_the_expected_one_is_left_alone(service, opened, expected):
    service.put(TS, VX)
    assert refused(opened(service.kvs).invalidate, expected, None).code == "bound-moved"
    assert service.rows() == {LIVE: encode(V)}


def test_a_backup_that_is_not_the_expected_one_is_refused(service, opened):
    service.put(TS, "0x00")
    service.put(OLD, WX)
    assert refused(opened(service.kvs).invalidate, V, None).code == "bound-moved"


def _invalidate(kvs: dict, bound: int, begin, answers) -> None:
    store = open_store(kvs)
    begin.wait()
    try:
        answers.put(store.invalidate(bound, None).changed)
    except Refusal as refusal:
        answers.put(refusal.code)
    finally:
        store.close()


def _at_once(calls: list) -> list:
    """The answers of processes that begin together; each call is a function and its arguments."""
    context = multiprocessing.get_context("spawn")
    begin, answers = context.Barrier(len(calls)), context.Queue()
    processes = [context.Process(target=call, args=(*arguments, begin, answers)) for call, *arguments in calls]
    for process in processes:
        process.start()
    found = [answers.get(timeout=60) for _process in processes]
    for process in processes:
        process.join()
    return found


def test_of_many_invalidations_at_once_the_store_is_changed_by_one(service):
    service.put(TS, VX)
    answers = _at_once([(_invalidate, service.kvs, V)] * 6)
    assert True in answers
    assert set(answers) <= {True, False}
    assert service.rows() == {LIVE: b"\0", BACKUP: encode(V)}


def _move(kvs: dict, bound: int, begin, answers) -> None:
    """A client that moves its bound on and on, by compare-and-set; answers the last one that it stored."""
    store = open_store(kvs)
    begin.wait()
    table = f'"{kvs["keyspace"]}"."_timestamp"'
    for _attempt in range(40):
        after = bound + 1_000_000
        moved = store._connection.compare_and_set(
            f"UPDATE {table} SET value = 0x{encode(after).hex()} WHERE key = 0x7473 AND column1 = 0x7473"
            f" AND column2 = -1 IF value = 0x{encode(bound).hex()}"
        )
        if not moved:
            break
        bound = after
    answers.put(bound)
    store.close()


def _invalidate_what_is_there(kvs: dict, begin, answers) -> None:
    store = open_store(kvs)
    begin.wait()
    while True:
        state = store.read()
        try:
            store.invalidate(state.bound or state.backup, None)
        except Refusal as refusal:
            assert refusal.code == "bound-moved"
            continue
        answers.put(store.read().backup)
        store.close()
        return


def test_invalidation_while_a_client_moves_the_bound_keeps_the_highest_that_was_stored(service):
    service.put(TS, VX)
    answers = _at_once([(_move, service.kvs, V)] + [(_invalidate_what_is_there, service.kvs)] * 3)
    assert len(set(answers)) == 1
    assert service.rows() == {LIVE: b"\0", BACKUP: encode(answers[0])}


def test_the_bound_and_the_record_are_read_at_serial(service, opened, monkeypatch):
    store = opened(service.kvs)
    store.take_lock({**HOLDER, "run_id": "r1"}, "orders", None)
    whole, levels = cassandra_connection.CassandraConnection._execute, {}

    def execute(self, statement, parameters, level, host):
        levels.setdefault(next((word for word in ("_timestamp", "atlasdb_timelock") if word in statement), ""), level)
        return whole(self, statement, parameters, level, host)

    monkeypatch.setattr(cassandra_connection.CassandraConnection, "_execute", execute)
    store.read()
    store.record()
    assert levels["_timestamp"] == levels["atlasdb_timelock"] == ConsistencyLevel.SERIAL


# Restore


@pytest.mark.parametrize(
    ("rows", "at_least", "bound", "left"),
    [
        pytest.param([(TS, "0x00"), (OLD, VX)], V, V + 1, b"", id="above the backup"),
        pytest.param([(TS, "0x00"), (OLD, VX)], W, W, b"", id="as high as asked"),
        pytest.param([(TS, "0x"), (OLD, VX)], W, W, b"", id="of an emptied row"),
        pytest.param([(TS, VX)], W, W, None, id="a live one is raised"),
        pytest.param([(TS, VX), (OLD, "0x")], W, W, b"", id="a live one beside an emptied backup"),
        pytest.param([], W, W, None, id="no row"),
        pytest.param([(OLD, "0x")], W, W, b"", id="an emptied backup alone"),
    ],
)
def test_a_restored_bound_is_live_above_its_backup_and_can_be_migrated_again(
    service, opened, rows, at_least, bound, left
):
    for row in rows:
        service.put(*row)
    store = opened(service.kvs)
    change = store.restore(at_least, None)
    assert (change.changed, change.after.state, change.after.bound) == (True, "active", bound)
    assert service.rows() == {LIVE: encode(bound), **({BACKUP: left} if left is not None else {})}
    assert not store.restore(at_least, None).changed
    assert store.invalidate(bound, None).changed
    assert service.rows() == {LIVE: b"\0", BACKUP: encode(bound)}


def test_a_live_bound_that_is_high_enough_is_left(service, opened):
    service.put(TS, WX)
    assert not opened(service.kvs).restore(V, None).changed
    assert service.rows() == {LIVE: encode(W)}


def test_an_invalidation_that_applies_under_a_raise_is_not_taken_back(service, opened, monkeypatch):
    service.put(TS, VX)
    store, other = opened(service.kvs), opened(service.kvs)
    send = store._connection.compare_and_set

    def after_the_late_one(statement, *parameters):
        other.invalidate(V, None)
        return send(statement, *parameters)

    monkeypatch.setattr(store._connection, "compare_and_set", after_the_late_one)
    refusal = refused(store.restore, W, None, True)
    assert refusal.code == "bound-moved"
    assert "fate_unknown" not in refusal.result()
    assert service.rows() == {LIVE: b"\0", BACKUP: encode(V)}


def test_a_raise_of_a_live_bound_is_a_restore(service, opened):
    service.put(TS, VX)
    assert opened(service.kvs).restore(W, None, True).after.bound == W
    assert service.rows() == {LIVE: encode(W)}


def test_forward_and_back_again_never_repeats_a_number(service, opened):
    service.put(TS, VX)
    store, seen = opened(service.kvs), [V]
    for _cycle in range(10):
        store.invalidate(seen[-1], None)
        seen.append(store.restore(V, None).after.bound)
    assert sorted(set(seen)) == seen


def test_a_restored_bound_is_above_every_number_on_record(service, opened):
    service.put(TS, VX)
    store = opened(service.kvs)
    guard = Guard("r1", store.take_lock({**HOLDER, "run_id": "r1"}, "orders", None).epoch)
    store.note(guard, {"numbers": {"fresh": str(W)}}, False)
    store.invalidate(V, guard)
    assert store.restore(V, guard).after.bound == W + 1


def test_a_bound_without_headroom_is_not_restored(service, opened):
    service.put(TS, "0x00")
    service.put(OLD, f"0x{encode(LARGEST_BOUND).hex()}")
    assert refused(opened(service.kvs).restore, V, None).code == "bound-out-of-range"
    assert service.rows() == {LIVE: b"\0", BACKUP: encode(LARGEST_BOUND)}


def _restore(kvs: dict, at_least: int, begin, answers) -> None:
    store = open_store(kvs)
    begin.wait()
    try:
        answers.put(store.restore(at_least, None).after.bound)
    finally:
        store.close()


def test_of_many_restores_at_once_all_find_one_number_above_the_backup(service):
    service.put(TS, "0x00")
    service.put(OLD, VX)
    answers = _at_once([(_restore, service.kvs, V)] * 6)
    assert set(answers) == {V + 1}
    assert service.rows() == {LIVE: encode(V + 1), BACKUP: b""}


def _forward_and_back(kvs: dict, begin, answers) -> None:
    """Invalidates and restores what is there, again and again; answers the bounds that it made live, in order."""
    store, made = open_store(kvs), []
    begin.wait()
    for turn in range(8):
        state = store.read()
        try:
            if turn % 2:
                change = store.restore((state.backup or state.bound) + 1, None)
                made += [change.after.bound] if change.changed else []
            else:
                store.invalidate(state.bound or state.backup, None)
        except Refusal as refusal:
            assert refusal.code == "bound-moved"
    answers.put(made)
    store.close()


def test_invalidations_and_restores_at_once_leave_a_well_defined_state_and_never_a_lower_number(service, opened):
    service.put(TS, f"0x{encode(W).hex()}")
    answers = _at_once([(_forward_and_back, service.kvs)] * 4)
    for made in answers:
        assert made == sorted(set(made)), "a number came back"
    store = opened(service.kvs)
    state = store.read()
    assert state.code is None
    assert (state.bound or state.backup) >= max([W, *(number for made in answers for number in made)])
    assert store.restore(V, None).after.bound > W - 1


# What was done by hand


def test_a_backup_made_by_hand_is_put_where_atlasdb_looks_only_by_a_repair(service, opened):
    service.put(TS, "0x00")
    service.put(TR, WX)
    store = opened(service.kvs)
    assert refused(store.invalidate, W, None).code == "bound-manual-backup"
    assert refused(store.repair, V, None).code == "bound-moved"
    change = store.repair(W, None)
    assert (change.changed, change.after.backup, change.after.code) == (True, W, None)
    assert service.rows() == {LIVE: b"\0", BACKUP: encode(W), (b"tr", -1): encode(W)}
    assert not store.repair(W, None).changed
    assert not store.invalidate(W, None).changed


@pytest.fixture
def punch(service):
    """AtlasDB's table of timestamps by wall clock; it is called with a number of minutes and a timestamp."""
    table = f'"{service.keyspace}"."_punch"'
    columns = "key blob, column1 blob, column2 bigint, value blob, PRIMARY KEY (key, column1, column2)"
    service.session.execute(f"CREATE TABLE {table} ({columns})")

    def write(minute: int, timestamp: int) -> None:
        # As AtlasDB's keys: a later time is a smaller key.
        key = (0xFFFFFFFFFFFF - (1_790_000_000_000 + 60_000 * minute)).to_bytes(6, "big").hex()
        service.session.execute(
            f"INSERT INTO {table} (key, column1, column2, value)"
            f" VALUES (0x{key}, 0x74, {~timestamp}, 0x{encode(timestamp).hex()})"
        )

    yield write
    service.session.execute(f"DROP TABLE {table}")


def test_a_store_is_empty_only_where_no_table_has_a_row(service, opened, punch):
    store = opened(service.kvs)
    assert store.filled_table() is None
    service.put(OLD, "0x")
    assert store.filled_table() == f"{service.keyspace}._timestamp"
    service.empty()
    punch(1, 5_000)
    assert store.filled_table() == f"{service.keyspace}._punch"


def test_a_table_that_the_login_may_not_read_is_not_taken_for_empty(service, opened, punch):
    service.cql("CREATE ROLE IF NOT EXISTS narrow WITH LOGIN = true AND PASSWORD = 'secret'")
    service.cql("GRANT SELECT ON TABLE TO narrow")
    narrow = opened({**service.kvs, "user": "narrow", "password": "secret"})
    assert narrow.filled_table() == f"{service.keyspace}._punch"


def test_the_newest_timestamp_by_wall_clock_bears_witness(service, opened, punch):
    store = opened(service.kvs)
    assert store.corroboration() == []
    for minute in range(40):
        punch(minute, 1_000 * (minute + 1))
    assert store.corroboration() == [{"source": "punch table", "number": 40_000}]


def test_a_table_of_timestamps_by_wall_clock_is_read_over_all_of_its_pages(service, opened, punch):
    store = opened(service.kvs)
    store._connection._session.default_fetch_size = 7
    for minute in range(40):
        punch(minute, 1_000 * (minute + 1))
    assert store.corroboration() == [{"source": "punch table", "number": 40_000}]


def test_a_table_of_timestamps_by_wall_clock_that_may_not_be_read_is_no_witness(service, opened, punch):
    punch(1, 5_000)
    store = opened(service.kvs)
    store._connection._session.execute = _denied(store._connection._session.execute)
    assert store.corroboration() == []


def _denied(execute):
    def without(statement, *arguments, **options):
        if "_punch" in statement.query_string:
            raise Unauthorized("No SELECT permission")
        return execute(statement, *arguments, **options)

    return without


def test_what_stands_in_the_column_of_a_manual_backup_bears_witness(service, opened):
    service.put(TS, VX)
    service.put(TR, WX)
    assert [witness["number"] for witness in opened(service.kvs).corroboration()] == [W]


# Lost answers


def _losing(monkeypatch, how: str, times: int = 1) -> list:
    """The next conditional statements lose their answer: made, or never arrived; returns those that did."""
    whole, lost = cassandra_connection.CassandraConnection._execute, []
    errors = {
        "write timeout of the round": WriteTimeout(
            "lost", consistency=ConsistencyLevel.SERIAL, write_type=WriteType.CAS, required_responses=1
        ),
        "write timeout of the commit": WriteTimeout(
            "lost", consistency=ConsistencyLevel.QUORUM, write_type=WriteType.SIMPLE, required_responses=1
        ),
        "read timeout": ReadTimeout("lost", consistency=ConsistencyLevel.SERIAL, required_responses=1),
        "no answer": OperationTimedOut("lost"),
        "connection lost": ConnectionShutdown("lost"),
        "error of the server": ServerError(0, "lost", None),
        "too few for the commit": Unavailable(
            "lost", consistency=ConsistencyLevel.QUORUM, required_replicas=2, alive_replicas=1
        ),
    }
    error, made = errors[how.rpartition(", ")[0]], how.endswith(", made")

    def execute(self, statement, *arguments):
        if " IF " not in statement or "CREATE" in statement or len(lost) >= times:
            return whole(self, statement, *arguments)
        lost.append(statement)
        if made:
            whole(self, statement, *arguments)
        raise error

    monkeypatch.setattr(cassandra_connection.CassandraConnection, "_execute", execute)
    return lost


HOWS = [
    "write timeout of the round, made",
    "write timeout of the round, not made",
    "write timeout of the commit, made",
    "read timeout, made",
    "read timeout, not made",
    "no answer, made",
    "no answer, not made",
    "connection lost, made",
    "connection lost, not made",
    "error of the server, not made",
    "too few for the commit, made",
]


@pytest.mark.parametrize("how", HOWS)
def test_an_invalidation_whose_answer_is_lost_is_read_back_and_brought_to_its_end(service, opened, monkeypatch, how):
    service.put(TS, VX)
    store = opened(service.kvs)
    lost = _losing(monkeypatch, how)
    change = store.invalidate(V, None)
    assert len(lost) == 1
    assert (change.changed, change.before.bound, change.after.backup) == (True, V, V)
    assert service.rows() == {LIVE: b"\0", BACKUP: encode(V)}


@pytest.mark.parametrize("how", HOWS)
def test_a_restore_whose_answer_is_lost_ends_at_one_number(service, opened, monkeypatch, how):
    service.put(TS, "0x00")
    service.put(OLD, VX)
    store = opened(service.kvs)
    _losing(monkeypatch, how)
    assert store.restore(W, None).after.bound == W
    assert service.rows() == {LIVE: encode(W), BACKUP: b""}


@pytest.mark.parametrize("how", HOWS)
def test_a_lock_and_a_note_whose_answer_is_lost_are_made_once(service, opened, monkeypatch, how):
    store = opened(service.kvs)
    store.note(Guard("r0", store.take_lock({**HOLDER, "run_id": "r0"}, "orders", None).epoch), {}, True)
    _losing(monkeypatch, how)
    record = store.take_lock({**HOLDER, "run_id": "r1"}, "orders", None)
    assert (record.epoch, record.holder["run_id"]) == (2, "r1")
    _losing(monkeypatch, how)
    assert store.note(Guard("r1", 2), {"unfinished": True}, False).document["unfinished"]
    _losing(monkeypatch, how)
    assert store.note(Guard("r1", 2), {}, True).holder is None
    assert store.record().document["unfinished"]


@pytest.mark.parametrize("answered", [False, True])
def test_an_invalidation_of_which_nothing_can_be_seen_any_more_is_neither_success_nor_failure(
    service, opened, monkeypatch, hasty, answered
):
    service.put(TS, VX)
    store = opened(service.kvs)
    whole = cassandra_connection.CassandraConnection._execute

    def execute(self, statement, *arguments):
        if " IF " in statement:
            monkeypatch.setattr(cassandra_connection.CassandraConnection, "_execute", _silent)
            if not answered:
                raise OperationTimedOut("lost")
        return whole(self, statement, *arguments)

    def _silent(self, *arguments):
        raise OperationTimedOut("lost")

    monkeypatch.setattr(cassandra_connection.CassandraConnection, "_execute", execute)
    refusal = refused(store.invalidate, V, None)
    assert refusal.result()["fate_unknown"]
    assert "unknown" in refusal.found


def test_an_invalidation_that_is_lost_again_and_again_is_given_up_in_time(service, opened, monkeypatch, hasty):
    service.put(TS, VX)
    store = opened(service.kvs)
    lost = _losing(monkeypatch, "no answer, not made", times=1000)
    assert refused(store.invalidate, V, None).result()["fate_unknown"]
    assert len(lost) > 1
    assert service.rows() == {LIVE: encode(V)}


def _meanwhile(monkeypatch, happens) -> None:
    """``happens()`` when the next batch on the bound is sent, which is neither made nor answered."""
    whole = cassandra_connection.CassandraConnection._execute

    def execute(self, statement, *arguments):
        if " IF " not in statement:
            return whole(self, statement, *arguments)
        monkeypatch.setattr(cassandra_connection.CassandraConnection, "_execute", whole)
        happens()
        raise OperationTimedOut("lost")

    monkeypatch.setattr(cassandra_connection.CassandraConnection, "_execute", execute)


def test_a_lost_invalidation_of_a_run_that_lost_the_lock_meanwhile_is_unknown(service, opened, monkeypatch):
    service.put(TS, VX)
    store, other = opened(service.kvs), opened(service.kvs)
    guard = Guard("r1", store.take_lock({**HOLDER, "run_id": "r1"}, "orders", None).epoch)
    _meanwhile(monkeypatch, lambda: other.take_lock({**HOLDER, "run_id": "r2"}, "orders", "r1"))
    refusal = refused(store.invalidate, V, guard)
    assert (refusal.code, refusal.result().get("fate_unknown")) == ("operator-lock-lost", True)


def test_a_lost_invalidation_of_a_bound_that_moved_meanwhile_was_not_made(service, opened, monkeypatch):
    service.put(TS, VX)
    store, other = opened(service.kvs), opened(service.kvs)
    _meanwhile(monkeypatch, lambda: other.restore(W, None))
    refusal = refused(store.invalidate, V, None)
    assert (refusal.code, "fate_unknown" in refusal.result()) == ("bound-moved", False)


def test_too_few_replicas_for_a_moment_before_a_batch_are_waited_for(service, opened, monkeypatch):
    service.put(TS, VX)
    whole, tries = cassandra_connection.CassandraConnection._execute, []

    def execute(self, statement, *arguments):
        if " IF " in statement and not tries:
            tries.append(statement)
            raise Unavailable("few", consistency=ConsistencyLevel.SERIAL, required_replicas=2, alive_replicas=1)
        return whole(self, statement, *arguments)

    monkeypatch.setattr(cassandra_connection.CassandraConnection, "_execute", execute)
    assert opened(service.kvs).invalidate(V, None).after.backup == V


def test_a_late_copy_of_a_lost_invalidation_finds_a_raised_bound_and_does_nothing(service, opened):
    service.put(TS, VX)
    store = opened(service.kvs)
    late = cassandra_row.invalidating(KEYSPACE, cassandra_row.Cells(encode(V), None, None))
    store.restore(V + 1, None)
    assert not store._connection.compare_and_set(late)
    assert service.rows() == {LIVE: encode(V + 1)}


# The record


def _take(kvs: dict, run_id: str, begin, answers) -> None:
    store = open_store(kvs)
    begin.wait()
    try:
        answers.put(store.take_lock({**HOLDER, "run_id": run_id}, "orders", None).holder["run_id"])
    except Refusal as refusal:
        answers.put(refusal.code)
    finally:
        store.close()


@pytest.mark.parametrize("epoch", [1, 2])
def test_of_many_runs_at_once_exactly_one_takes_the_lock(service, opened, epoch):
    if epoch > 1:
        store = opened(service.kvs)
        store.note(Guard("r", store.take_lock({**HOLDER, "run_id": "r"}, "orders", None).epoch), {}, True)
    answers = _at_once([(_take, service.kvs, f"r{number}") for number in range(6)])
    assert answers.count("operator-locked") == 5
    (taken,) = set(answers) - {"operator-locked"}
    record = opened(service.kvs).record()
    assert (record.epoch, record.holder["run_id"]) == (epoch, taken)


def test_the_lock_is_kept_by_its_run_and_goes_to_another_only_by_its_name(service, opened):
    store = opened(service.kvs)
    assert store.take_lock({**HOLDER, "run_id": "r1"}, "orders", None).epoch == 1
    assert store.take_lock({**HOLDER, "run_id": "r1"}, "orders", None).epoch == 1
    assert refused(store.take_lock, {**HOLDER, "run_id": "r2"}, "orders", None).code == "operator-locked"
    assert refused(store.take_lock, {**HOLDER, "run_id": "r2"}, "orders", "r0").code == "operator-locked"
    assert store.take_lock({**HOLDER, "run_id": "r2"}, "orders", "r1").epoch == 2
    assert store.take_lock({**HOLDER, "run_id": "r3"}, "orders", "r2", above=7).epoch == 8
    assert store.take_lock({**HOLDER, "run_id": "r4"}, "orders", "r3", above=7).epoch == 9


def test_what_is_noted_stays_and_numbers_only_grow(service, opened):
    store = opened(service.kvs)
    guard = Guard("r1", store.take_lock({**HOLDER, "run_id": "r1"}, "orders", None).epoch)
    store.note(guard, {"numbers": {"bound": str(2**62)}, "words": "it's ünïcode %s"}, False)
    store.note(guard, {"numbers": {"bound": "5", "fresh": "7"}}, True)
    record = store.record()
    assert record.document["numbers"] == {"bound": str(2**62), "fresh": "7"}
    assert record.document["words"] == "it's ünïcode %s"
    assert (record.highest(), record.holder) == (2**62, None)


@pytest.mark.parametrize("guard", [Guard("r2", 1), Guard("r1", 2)])
def test_a_run_or_epoch_that_does_not_have_the_lock_has_no_effect(service, opened, guard):
    service.put(TS, VX)
    store = opened(service.kvs)
    store.take_lock({**HOLDER, "run_id": "r1"}, "orders", None)
    for call in (
        lambda: store.invalidate(V, guard),
        lambda: store.restore(W, guard),
        lambda: store.note(guard, {}, False),
    ):
        assert refused(call).code == "operator-lock-lost"
    assert refused(store.invalidate, V, None).code == "operator-locked"
    assert service.rows() == {LIVE: encode(V)}


class Tagged(str):
    """As Ansible hands on what stands in an inventory."""


def test_a_text_of_ansibles_own_kind_is_quoted_as_any_other(service, opened):
    store = opened({**service.kvs, "keyspace": Tagged(KEYSPACE), "user": Tagged(KEYSPACE)})
    assert store.read().code == "bound-absent"
    assert store.identity()["table_id"]
    assert store._connection.look("SELECT * FROM system.peers WHERE peer = %s", (Tagged("127.0.0.1"),)) == []


def test_two_services_of_a_cluster_have_two_records(service, cluster, opened):
    users = Service(cluster, "users")
    try:
        opened(service.kvs).take_lock({**HOLDER, "run_id": "r1"}, "orders", None)
        store = opened(users.kvs)
        assert store.record() is None
        assert store.take_lock({**HOLDER, "run_id": "r2"}, "users", None).epoch == 1
    finally:
        users.session.cluster.shutdown()


# Who may, and who is there


def test_a_login_is_told_the_grants_that_it_lacks(service, opened):
    service.cql("CREATE ROLE IF NOT EXISTS reader WITH LOGIN = true AND PASSWORD = 'secret'")
    store = opened({**service.kvs, "user": "reader", "password": "secret"})
    table = f'TABLE "{KEYSPACE}"."_timestamp"'
    missing = store.missing_rights()
    assert missing[:2] == [f'GRANT SELECT ON {table} TO "reader"', f'GRANT MODIFY ON {table} TO "reader"']
    assert refused(store.read).code == "kvs-denied"
    for statement in missing:
        service.session.execute(statement)
    assert store.missing_rights() == []


def _listed(service: Service, without: int | None = None) -> dict:
    """A login with what docs/privileges.md lists, or with all but one of it; no run has made a keyspace yet."""
    service.session.execute("DROP KEYSPACE IF EXISTS atlasdb_timelock")
    service.cql("DROP ROLE IF EXISTS listed")
    service.cql("CREATE ROLE listed WITH LOGIN = true AND PASSWORD = 'secret'")
    statements = [statement.rstrip(";").removesuffix(" TO orders") for statement in documented_rights.CASSANDRA]
    statements += [documented_rights.SINCE_4_0] if service.release >= (4, 0) else []
    for number, statement in enumerate(statements):
        if number != without:
            table = statement.replace('orders."_timestamp"', f'"{KEYSPACE}"."_timestamp"')
            service.session.execute(f"{table} TO listed")
    return {**service.kvs, "user": "listed", "password": "secret"}


def test_the_rights_as_listed_are_enough_to_migrate_and_to_go_back(service, opened):
    service.put(TS, VX)
    store = opened(_listed(service))
    assert store.missing_rights() == [] and store.read().bound == V
    store.sessions([])
    guard = Guard("r1", store.take_lock({**HOLDER, "run_id": "r1"}, "orders", None).epoch)
    assert store.missing_rights() == []
    assert store.invalidate(V, guard).after.backup == V
    assert store.restore(W, guard).after.bound >= W
    store.note(guard, {"unfinished": False}, True)


@pytest.mark.parametrize("number", range(len(documented_rights.CASSANDRA) + 1))
def test_without_any_one_of_the_listed_rights_the_plan_sees_it(service, opened, number):
    if number == len(documented_rights.CASSANDRA) and service.release < (4, 0):
        pytest.skip("Cassandra has a table of its clients since 4.0.")
    assert opened(_listed(service, without=number)).missing_rights()


@pytest.mark.parametrize(
    "resource", ["ALL KEYSPACES", f'KEYSPACE "{KEYSPACE}"', f'ALL TABLES IN KEYSPACE "{KEYSPACE}"']
)
def test_rights_that_are_held_on_more_than_the_table_count(service, opened, resource):
    if "ALL TABLES" in resource and service.release < (4, 1):
        pytest.skip("Cassandra knows this resource since 4.1.")
    service.cql("DROP ROLE IF EXISTS wide")
    service.cql("CREATE ROLE wide WITH LOGIN = true AND PASSWORD = 'secret'")
    for right in ("SELECT", "MODIFY"):
        service.session.execute(f"GRANT {right} ON {resource} TO wide")
    missing = opened({**service.kvs, "user": "wide", "password": "secret"}).missing_rights()
    assert [statement for statement in missing if "_timestamp" in statement] == []


def test_rights_that_a_role_of_the_login_holds_count(service, opened):
    service.cql("CREATE ROLE IF NOT EXISTS member WITH LOGIN = true AND PASSWORD = 'secret'")
    service.cql(f'GRANT "{KEYSPACE}" TO member')
    assert opened({**service.kvs, "user": "member", "password": "secret"}).missing_rights() == []


def test_a_wrong_password_is_denied_and_not_told(service):
    refusal = refused(open_store, {**service.kvs, "password": "hush-hush"})
    assert refusal.code == "kvs-denied"
    assert "hush-hush" not in str(refusal)


def test_a_connection_that_failed_leaves_nothing_open_and_nothing_on_the_terminal(service):
    script = (
        "import gc, os, sys, threading\n"
        "from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal\n"
        "from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.opening import open_store\n"
        "counts = []\n"
        "for _attempt in range(4):\n"
        f"    for change in ({{'port': 1}}, {{'password': 'wrong'}}, {{'hosts': ['nowhere.invalid']}}):\n"
        "        try:\n"
        f"            open_store({{**{service.kvs!r}, **change}})\n"
        "        except Refusal as refusal:\n"
        "            codes = refusal.code\n"
        "    gc.collect()\n"
        "    counts.append((threading.active_count(), len(os.listdir('/proc/self/fd'))))\n"
        "print(counts[0] == counts[-1], counts)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert result.stderr == ""
    assert result.stdout.startswith("True"), result.stdout


def test_a_name_without_an_address_is_unreachable(service):
    refusal = refused(open_store, {**service.kvs, "hosts": ["nowhere.invalid"]})
    assert refusal.code == "kvs-unreachable"
    assert "nowhere.invalid" in refusal.found


def test_nobody_there_is_unreachable_in_time(service):
    refusal = refused(open_store, {**service.kvs, "port": 1})
    assert refusal.code == "kvs-unreachable"
    assert service.kvs["hosts"][0] in refusal.found


@pytest.mark.parametrize("keyspace", ["", None, "a-b", 'a"b', "x" * 49])
def test_what_no_keyspace_can_be_called_is_refused(service, keyspace):
    assert refused(open_store, {**service.kvs, "keyspace": keyspace}).code == "config-invalid"


def test_the_identity_names_cluster_nodes_keyspace_and_table(service, opened):
    identity = opened(service.kvs).identity()
    assert (identity["type"], identity["keyspace"], identity["table"]) == ("cassandra", KEYSPACE, "_timestamp")
    assert identity["table_id"] == str(cassandra_table_id(KEYSPACE))
    assert len(identity["host_ids"]) == 1
    assert opened(service.kvs).identity() == identity


def cassandra_table_id(keyspace: str):
    """AtlasDB gives the table the MD5 name UUID of its name (CassandraTableCreator.java)."""
    return uuid.UUID(bytes=hashlib.md5(f"{keyspace}._timestamp".encode()).digest(), version=3)


def test_our_own_connections_are_known_and_the_view_is_not_called_complete(service, opened):
    view = opened(service.kvs).session_view()
    assert not view["complete"]
    assert view["addresses"] == service.cluster.addresses
    assert view["ports"] == [service.cluster.port, 9160]
    assert view["own"]


def test_the_cql_sessions_of_others_are_listed_from_4_0_on_and_our_own_are_not(service, opened):
    store = opened(service.kvs)
    found = store.sessions([])
    if service.release < (4, 0):
        assert found == []
        return
    assert {session["user"] for session in found} == {"lab"}
    told = {(session["address"], session["port"]) for session in found}
    control = service.session.cluster.control_connection.get_connections()
    assert {connection._socket.getsockname() for connection in control} <= told
    assert store.sessions([{"user": "lab", "application": found[0]["application"]}]) == []


def test_the_record_is_replicated_as_the_services_own_keyspace(service, opened):
    opened(service.kvs).take_lock({**HOLDER, "run_id": "r1"}, "orders", None)
    service.session.cluster.refresh_schema_metadata()
    keyspaces = service.session.cluster.metadata.keyspaces
    ours, record = keyspaces[KEYSPACE], keyspaces["atlasdb_timelock"]
    assert record.replication_strategy.export_for_schema() == ours.replication_strategy.export_for_schema()
    assert record.durable_writes
