# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Cassandra: AtlasDB's table on it, and its faults."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from pathlib import Path

import pytest
from cassandra import ConsistencyLevel, OperationTimedOut, RequestExecutionException, Unauthorized
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import NoHostAvailable
from cassandra.query import SimpleStatement

import cassandra_here
from lab import processes
from lab.cassandra import distribution
from lab.cassandra.cluster import Cassandra

KEY = "key = 0x7473 AND column1 = 0x7473 AND column2 = -1"
TEN_THOUSAND = bytes.fromhex("0000000000002710")


@contextlib.contextmanager
def running(version: str, nodes: int):
    """A cluster in a folder of its own, stopped at the end."""
    cluster = Cassandra(Path(tempfile.mkdtemp(prefix="cassandra-")), {})
    try:
        cluster.create(cassandra_here.require(version), nodes)
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(cluster.folder)


@pytest.fixture(scope="module", params=cassandra_here.VERSIONS)
def single(request):
    with running(request.param, 1) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def three():
    with running(distribution.DEFAULT_VERSION, 3) as cluster:
        yield cluster


@pytest.fixture
def session(single):
    made = single.connect()
    yield made
    made.cluster.shutdown()


@pytest.fixture
def table(single):
    """A keyspace of the test's own with AtlasDB's table in it; its name has capitals."""
    keyspace = f"Orders_{secrets.token_hex(4)}"
    single.create_keyspace(keyspace)
    single.create_timestamp_table(keyspace)
    return f'"{keyspace}"."_timestamp"'


def serial(session, statement: str):
    """The rows of a read at SERIAL."""
    return list(session.execute(SimpleStatement(statement, consistency_level=ConsistencyLevel.SERIAL)))


def insert(table: str) -> str:
    return (
        f"INSERT INTO {table} (key, column1, column2, value) VALUES (0x7473, 0x7473, -1, 0x{TEN_THOUSAND.hex()})"
        " IF NOT EXISTS"
    )


def test_a_bound_in_atlasdbs_table_changes_on_condition_only(session, table):
    assert session.execute(insert(table)).one().applied
    assert not session.execute(insert(table)).one().applied
    refused = session.execute(f"UPDATE {table} SET value = 0x00 WHERE {KEY} IF value = 0x01").one()
    assert (refused.applied, refused.value) == (False, TEN_THOUSAND)
    assert [row.value for row in serial(session, f"SELECT value FROM {table} WHERE {KEY}")] == [TEN_THOUSAND]


def test_the_table_has_the_id_that_atlasdb_gives_it(single, session):
    single.create_keyspace("atlasete")
    single.create_timestamp_table("atlasete")
    old = single.version in ("2.2", "palantir")
    where = "system.schema_columnfamilies WHERE keyspace_name = 'atlasete' AND columnfamily_name = '_timestamp'"
    if not old:
        where = "system_schema.tables WHERE keyspace_name = 'atlasete' AND table_name = '_timestamp'"
    row = session.execute(f"SELECT {'cf_id' if old else 'id'} FROM {where}").one()
    assert str(row[0]) == "fc8f6ad3-6088-3324-a0f3-4abad3f905e0"


def test_a_login_has_its_keyspace_and_may_make_others_but_not_read_them(single):
    password = single.create_keyspace("mine")
    single.create_keyspace("theirs")
    single.create_timestamp_table("theirs")
    with pytest.raises(NoHostAvailable):
        single.connect(auth_provider=PlainTextAuthProvider("mine", "wrong"))
    session = single.connect(auth_provider=PlainTextAuthProvider("mine", password))
    try:
        session.execute("CREATE TABLE mine.notes (n int PRIMARY KEY)")
        session.execute("CREATE KEYSPACE added WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        with pytest.raises(Unauthorized):
            session.execute('SELECT * FROM theirs."_timestamp"')
    finally:
        session.cluster.shutdown()


def test_what_was_written_is_there_after_a_kill(single, session, table):
    session.execute(insert(table))
    single.kill(0)
    assert single.processes() == []
    with pytest.raises(NoHostAvailable):
        single.connect()
    single.start()
    fresh = single.connect()
    try:
        assert [row.value for row in serial(fresh, f"SELECT value FROM {table} WHERE {KEY}")] == [TEN_THOUSAND]
    finally:
        fresh.cluster.shutdown()


def test_paused_it_neither_answers_nor_closes(single, session, table):
    single.pause(0)
    try:
        with pytest.raises(OperationTimedOut):
            session.execute(insert(table), timeout=0.5)
    finally:
        single.resume(0)
    session.execute(insert(table))
    assert [row.value for row in serial(session, f"SELECT value FROM {table} WHERE {KEY}")] == [TEN_THOUSAND]


def test_its_processes_are_the_labs_and_another_process_attaches(single):
    (process,) = single.processes()
    assert process in processes.owned_by(single.settings["lab_id"])
    other = Cassandra(single.folder, dict(single.settings))
    assert other.processes() == [process]
    other.connect().cluster.shutdown()


def test_two_clusters_have_the_same_ports_on_addresses_of_their_own(single, three):
    assert not set(single.addresses) & set(three.addresses)
    assert single.port == three.port == 9042


def test_with_the_node_down_that_had_the_logins_first_a_login_reads_and_writes_at_quorum(three):
    password = three.create_keyspace("orders")
    three.create_timestamp_table("orders")
    three.kill(0)
    session = three.connect(contact_points=three.addresses[1:], auth_provider=PlainTextAuthProvider("orders", password))
    try:
        # Until the others have noticed, a statement may wait for the dead one in vain.
        for attempt in range(20):
            try:
                session.execute(insert('orders."_timestamp"'))
                (row,) = serial(session, f'SELECT value FROM orders."_timestamp" WHERE {KEY}')
                break
            except (OperationTimedOut, RequestExecutionException):
                if attempt == 19:
                    raise
    finally:
        session.cluster.shutdown()
    assert row.value == TEN_THOUSAND
    three.start_node(0)
    assert len(three.processes()) == 3


def test_where_cassandra_cannot_be_had_its_tests_are_skipped_but_fail_in_ci(monkeypatch):
    monkeypatch.setattr(distribution, "why_not", lambda version: "There is no Java.")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="There is no Java."):
        cassandra_here.require()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="There is no Java."):
        cassandra_here.require()


def test_a_download_that_is_not_what_was_pinned_is_refused_and_not_kept(monkeypatch, tmp_path):
    def fetch(version, folder):
        folder.mkdir()
        (folder / "cassandra.jar").write_text("something else")

    monkeypatch.setattr(distribution, "fetch", fetch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(distribution.WrongContent, match="cassandra-all-3.11.19.jar"):
        distribution.jars.__wrapped__("3.11")
    assert [path.name for path in (tmp_path / "atlasdb-timelock-lab").iterdir()] == ["lock"]
