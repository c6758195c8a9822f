# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The store on a real PostgreSQL: what it says of every state, and what it does when things go wrong underneath it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.bound import LARGEST_BOUND, MAX_LONG
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import Guard
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores import postgres_connection
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.opening import open_store

import documented_statements
from fleet import wait_for
from lab import ports
from stores import opened, refused

__all__ = ["opened"]

TABLE = "CREATE TABLE _timestamp ( last_allocated int8 NOT NULL )"
HOLDER = {"user": "alice", "host": "controller", "pid": 1, "since": "now"}


@pytest.fixture
def hasty(monkeypatch):
    """Waits a moment where the product would wait for seconds."""
    monkeypatch.setattr(postgres_connection, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(postgres_connection, "SETTLE_SECONDS", 1)
    monkeypatch.setattr(postgres_connection, "CONNECT_TIMEOUT_SECONDS", 2)


@pytest.fixture
def short_lock_timeout(monkeypatch):
    short = postgres_connection._BEGIN.replace("lock_timeout = '5s'", "lock_timeout = '300ms'")
    assert short != postgres_connection._BEGIN
    monkeypatch.setattr(postgres_connection, "_BEGIN", short)


# States


@pytest.mark.parametrize(
    ("statements", "state", "bound", "backup", "code"),
    [
        ([], "absent", None, None, "bound-absent"),
        ([TABLE], "absent", None, None, "bound-absent"),
        ([TABLE, "INSERT INTO _timestamp VALUES (7)"], "active", 7, None, None),
        ([TABLE, "INSERT INTO _timestamp VALUES (0)"], "active", 0, None, None),
        ([TABLE, "INSERT INTO _timestamp VALUES (-1)"], "active", -1, None, "bound-out-of-range"),
        ([TABLE, f"INSERT INTO _timestamp VALUES ({LARGEST_BOUND})"], "active", LARGEST_BOUND, None, None),
        (
            [TABLE, f"INSERT INTO _timestamp VALUES ({LARGEST_BOUND + 1})"],
            "active",
            LARGEST_BOUND + 1,
            None,
            "bound-out-of-range",
        ),
        ([TABLE, f"INSERT INTO _timestamp VALUES ({MAX_LONG})"], "active", MAX_LONG, None, "bound-out-of-range"),
        ([TABLE, "INSERT INTO _timestamp VALUES (7), (8)"], "ambiguous", None, None, "bound-ambiguous"),
        ([TABLE, "INSERT INTO _timestamp VALUES (7), (7)"], "ambiguous", None, None, "bound-ambiguous"),
        (
            [
                TABLE,
                "INSERT INTO _timestamp VALUES (7)",
                "ALTER TABLE _timestamp RENAME last_allocated TO legacy_last_allocated",
            ],
            "invalidated",
            None,
            7,
            None,
        ),
        (
            [
                TABLE,
                "INSERT INTO _timestamp VALUES (7)",
                "ALTER TABLE _timestamp RENAME last_allocated TO LEGACY_last_allocated",
            ],
            "invalidated",
            None,
            7,
            None,
        ),
        (
            [TABLE, "ALTER TABLE _timestamp RENAME last_allocated TO legacy_last_allocated"],
            "invalidated",
            None,
            None,
            "bound-unreadable",
        ),
        (
            [TABLE, "ALTER TABLE _timestamp ADD legacy_last_allocated int8", "INSERT INTO _timestamp VALUES (7, 7)"],
            "ambiguous",
            None,
            None,
            "bound-ambiguous",
        ),
        (
            [
                TABLE,
                "INSERT INTO _timestamp VALUES (7)",
                "ALTER TABLE _timestamp RENAME last_allocated TO was_allocated",
            ],
            "ambiguous",
            None,
            None,
            "bound-renamed",
        ),
        (
            [
                TABLE,
                "INSERT INTO _timestamp VALUES (7)",
                'ALTER TABLE _timestamp RENAME last_allocated TO "LAST_ALLOCATED"',
            ],
            "ambiguous",
            None,
            None,
            "bound-renamed",
        ),
        (
            [
                TABLE,
                "ALTER TABLE _timestamp ALTER last_allocated DROP NOT NULL",
                "INSERT INTO _timestamp VALUES (NULL)",
            ],
            "ambiguous",
            None,
            None,
            "bound-ambiguous",
        ),
        (
            ["CREATE TABLE _timestamp (legacy_last_allocated int8)", "INSERT INTO _timestamp VALUES (NULL)"],
            "invalidated",
            None,
            None,
            "bound-unreadable",
        ),
        (
            ["CREATE TABLE _timestamp (last_allocated numeric)", "INSERT INTO _timestamp VALUES (9223372036854775808)"],
            "ambiguous",
            None,
            None,
            "bound-out-of-range",
        ),
        (
            ["CREATE TABLE _timestamp (last_allocated numeric)", "INSERT INTO _timestamp VALUES (7.5)"],
            "ambiguous",
            None,
            None,
            "bound-out-of-range",
        ),
        (
            ["CREATE TABLE _timestamp (last_allocated numeric)", "INSERT INTO _timestamp VALUES ('NaN')"],
            "ambiguous",
            None,
            None,
            "bound-out-of-range",
        ),
        (
            ["CREATE TABLE _timestamp (last_allocated numeric)", "INSERT INTO _timestamp VALUES (7)"],
            "active",
            7,
            None,
            None,
        ),
        (
            ["CREATE TABLE _timestamp (last_allocated text)", "INSERT INTO _timestamp VALUES ('7')"],
            "ambiguous",
            None,
            None,
            "bound-out-of-range",
        ),
        (["CREATE VIEW _timestamp AS SELECT 7::int8 AS last_allocated"], "ambiguous", None, None, "bound-ambiguous"),
        (
            [
                "CREATE TABLE _timestamp (last_allocated int8 NOT NULL) PARTITION BY RANGE (last_allocated)",
                "CREATE TABLE part PARTITION OF _timestamp DEFAULT",
                "INSERT INTO _timestamp VALUES (7)",
            ],
            "ambiguous",
            None,
            None,
            "bound-ambiguous",
        ),
    ],
)
def test_a_state_is_told_by_what_atlasdb_would_make_of_it(
    empty_database, opened, statements, state, bound, backup, code
):
    empty_database.run(*statements)
    before = empty_database.dump()
    found = opened(empty_database.kvs).read()
    assert (found.state, found.bound, found.backup, found.code) == (state, bound, backup, code)
    assert bool(found.reason) == bool(code)
    assert empty_database.dump() == before


NULLABLE = "CREATE TABLE _timestamp (last_allocated int8, legacy_last_allocated int8)"
SEEN = "INSERT INTO _timestamp (last_allocated) VALUES (1010001)"
SEEN_ABOVE = "INSERT INTO _timestamp (last_allocated) VALUES (2010001)"
RENAMED = "ALTER TABLE _timestamp RENAME last_allocated TO old_allocated"
INVALIDATED = "CREATE TABLE _timestamp (legacy_last_allocated int8)"
NUMBER = documented_statements.NUMBER


@pytest.mark.parametrize(
    ("code", "found", "typed", "state"),
    [
        ("bound-ambiguous", [TABLE, SEEN, SEEN_ABOVE], slice(0, 5), ("active", NUMBER, None)),
        ("bound-ambiguous", [NULLABLE, SEEN, SEEN_ABOVE], slice(0, 5), ("active", NUMBER, None)),
        ("bound-renamed", [TABLE, SEEN, RENAMED], slice(0, 3), ("active", 1_010_001, None)),
        (
            "bound-unreadable",
            [INVALIDATED, "INSERT INTO _timestamp VALUES (NULL)"],
            slice(0, 1),
            ("invalidated", None, NUMBER),
        ),
        ("bound-unreadable", [INVALIDATED], slice(1, 2), ("invalidated", None, NUMBER)),
    ],
)
def test_what_is_to_be_typed_for_a_table_that_tells_no_number_leaves_one(
    empty_database, opened, code, found, typed, state
):
    empty_database.run(*found)
    assert opened(empty_database.kvs).read().code == code
    statements = documented_statements.statements(code, cassandra=False)[typed]
    empty_database.run("; ".join([*(text.rstrip(";") for text in statements), "COMMIT"]))
    now = opened(empty_database.kvs).read()
    assert (now.state, now.bound, now.backup) == state and now.code is None


def test_a_state_that_is_not_usable_is_refused_by_both_effects_and_left_as_it_is(empty_database, opened):
    empty_database.run(TABLE, "INSERT INTO _timestamp VALUES (7), (8)")
    before = empty_database.dump()
    store = opened(empty_database.kvs)
    assert refused(store.invalidate, 7, None).code == "bound-ambiguous"
    assert refused(store.restore, 100, None).code == "bound-ambiguous"
    assert empty_database.dump() == before


def test_a_row_hidden_from_the_login_is_an_error_and_no_empty_table(database, opened):
    database.run("ALTER TABLE _timestamp ENABLE ROW LEVEL SECURITY", "ALTER TABLE _timestamp FORCE ROW LEVEL SECURITY")
    assert database.run("SELECT * FROM _timestamp") == []
    assert refused(opened(database.kvs).read).code == "kvs-denied"


@pytest.mark.parametrize(
    ("path", "schemas", "state", "code"),
    [
        ("aside, public", ["public"], "ambiguous", "bound-ambiguous"),
        ("aside, public", ["aside"], "active", None),
        ("aside, public", ["aside", "public"], "ambiguous", "bound-ambiguous"),
        ("public", ["aside"], "absent", "bound-absent"),
        ("public", ["aside", "public"], "active", None),
        ("nowhere", ["public"], "absent", "bound-absent"),
        ("nowhere, public", ["public"], "active", None),
    ],
)
def test_the_search_path_of_the_login_decides_which_table_is_meant(empty_database, opened, path, schemas, state, code):
    empty_database.run("CREATE SCHEMA aside", f"ALTER ROLE {empty_database.name} SET search_path = {path}")
    for schema in schemas:
        empty_database.run(f"CREATE TABLE {schema}._timestamp (last_allocated int8 NOT NULL)")
        empty_database.run(f"INSERT INTO {schema}._timestamp VALUES (7)")
    found = opened(empty_database.kvs).read()
    assert (found.state, found.code) == (state, code)
    if (path, schemas) == ("public", ["aside"]):
        assert "aside" in found.reason


def test_the_search_path_of_whoever_runs_the_module_counts_for_nothing(database, opened, monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-c search_path=aside")
    assert opened(database.kvs).read().bound == 1010001


@pytest.mark.parametrize("prefix", ["Orders_", "a_", "p$"])
def test_a_table_prefix_is_folded_as_postgresql_folds_it(empty_database, opened, prefix):
    empty_database.run(
        f"CREATE TABLE {prefix}_timestamp (last_allocated int8 NOT NULL)", f"INSERT INTO {prefix}_timestamp VALUES (7)"
    )
    store = opened({**empty_database.kvs, "table_prefix": prefix})
    assert store.read().bound == 7
    assert store.invalidate(7, None).after.backup == 7
    assert opened(empty_database.kvs).read().state == "absent"


def test_a_table_prefix_that_could_not_stand_unquoted_is_refused(database):
    kvs = {**database.kvs, "table_prefix": 'x"; DROP TABLE y; --'}
    assert refused(open_store, kvs).code == "config-invalid"


def test_a_bound_above_53_bits_is_read_exactly(empty_database, opened):
    empty_database.run(TABLE, "INSERT INTO _timestamp VALUES (9007199254740993)")
    store = opened(empty_database.kvs)
    assert store.read().bound == 9007199254740993
    assert store.invalidate(9007199254740993, None).after.backup == 9007199254740993


# Witnesses, identity, sessions


def test_the_puncher_table_is_a_witness_where_there_is_one(database, opened):
    store = opened(database.kvs)
    assert store.corroboration() == []
    database.run("CREATE TABLE _punch (row_name bytea, col_name bytea, ts int8 NOT NULL, val bytea)")
    assert store.corroboration() == []
    database.run("INSERT INTO _punch (ts) VALUES (5), (9007199254740993), (7)")
    assert store.corroboration() == [{"source": "punch table", "number": 9007199254740993}]


def test_a_store_is_empty_only_where_no_table_has_a_row_that_anybody_may_see(empty_database, opened):
    store = opened(empty_database.kvs)
    assert store.filled_table() is None
    empty_database.run(TABLE, "CREATE TABLE accounts (id int8)")
    assert store.filled_table() is None
    empty_database.run("INSERT INTO accounts VALUES (1)")
    assert store.filled_table() == "public.accounts"
    empty_database.run("DELETE FROM accounts", "INSERT INTO _timestamp VALUES (7)")
    assert store.filled_table() == "public._timestamp"
    empty_database.run("DELETE FROM _timestamp")
    empty_database.run_as_superuser("CREATE TABLE hidden (id int8)")
    assert store.filled_table() == "public.hidden"


def test_the_identity_names_server_timeline_database_and_table_and_its_position_grows(database, opened):
    store = opened(database.kvs)
    first = store.identity()
    (system,) = database.run_as_superuser("SELECT system_identifier::text FROM pg_control_system()")[0]
    (oid,) = database.run_as_superuser("SELECT oid::bigint FROM pg_database WHERE datname = current_database()")[0]
    assert {**first, "position": 0} == {
        "type": "postgres",
        "system_identifier": system,
        "timeline": 1,
        "database": database.name,
        "database_oid": oid,
        "schema": "public",
        "table": "_timestamp",
        "position": 0,
    }
    store.invalidate(1010001, None)
    assert store.identity()["position"] > first["position"] > 0


def test_a_login_that_may_not_ask_which_server_this_is_is_told_the_grant_that_helps(database, opened):
    database.run_as_superuser("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    store = opened(database.kvs)
    grant = f"GRANT EXECUTE ON FUNCTION pg_control_system() TO {database.name}"
    refusal = refused(store.identity)
    assert (refusal.code, grant in refusal.do) == ("kvs-denied", True)
    assert store.missing_rights() == [grant]
    database.run_as_superuser(grant)
    assert store.missing_rights() == []
    assert store.identity()["database"] == database.name


def await_alone(database):
    """The server ends its process for a session some time after the client has closed it."""
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name <> 'atlasdb.timelock'"
    with database.server.connect() as session:
        wait_for(lambda: session.execute(count, (database.name,)).fetchone() == (0,), "closed sessions stay", 10)


def test_sessions_of_the_service_are_seen_with_their_addresses_and_our_own_are_not(database, opened):
    await_alone(database)
    session = database.session()
    store = opened(database.kvs)
    opened(database.kvs)
    (found,) = store.sessions([])
    assert found["user"] == database.name
    assert found["application"] == "PostgreSQL JDBC Driver"
    assert found["address"] == "127.0.0.1"
    assert found["port"] == int(session.execute("SELECT inet_client_port()").fetchone()[0])
    assert store.sessions([{"user": database.name, "application": "other"}]) == [found]
    assert store.sessions([{"user": database.name, "application": "PostgreSQL JDBC Driver"}]) == []
    session.close()
    await_alone(database)
    assert store.sessions([]) == []


def test_a_session_of_another_role_is_seen_without_its_address_even_when_it_takes_our_name(database, opened, postgres):
    await_alone(database)
    with postgres.connect(database.name) as session:
        session.execute("SET application_name = 'atlasdb.timelock'")
        (found,) = opened(database.kvs).sessions([])
    assert found == {"user": "postgres", "application": "atlasdb.timelock", "address": "", "port": None}


def test_sessions_in_other_databases_and_a_vacuum_do_not_count(database, opened, postgres):
    await_alone(database)
    with postgres.connect():
        assert opened(database.kvs).sessions([]) == []


# Invalidation


def atlasdb_migrates(session) -> tuple:
    """AtlasDB's own migration as recorded from client 0.905.0: (value, whether it renamed)."""
    session.execute("CREATE TABLE IF NOT EXISTS _timestamp ( last_allocated int8 NOT NULL )")
    with session.transaction():
        cursor = session.execute("SELECT * FROM _timestamp FOR UPDATE")
        columns = [column.name for column in cursor.description]
        (row,) = cursor.fetchall()
        if columns == ["legacy_last_allocated"]:
            return row[0], False
        session.execute("ALTER TABLE _timestamp RENAME last_allocated TO legacy_last_allocated")
        return row[0], True


def test_invalidation_leaves_the_very_bytes_that_atlasdb_leaves_and_atlasdb_accepts_them(database, opened):
    twin = "CREATE TABLE twin (legacy_last_allocated int8 NOT NULL)"
    database.run(twin)
    change = opened(database.kvs).invalidate(1010001, None)
    assert (change.changed, change.before.bound, change.after.backup) == (True, 1010001, 1010001)
    dump = database.dump()
    assert dump["rows"]["public", "_timestamp"] == [("(1010001)",)]
    ours, theirs = (
        next(relation[2:] for relation in dump["relations"] if relation[1] == name) for name in ("_timestamp", "twin")
    )
    assert ours == theirs
    assert atlasdb_migrates(database.session()) == (1010001, False)
    assert database.dump() == dump


def test_our_invalidation_accepts_what_atlasdb_did_and_changes_nothing(database, opened):
    assert atlasdb_migrates(database.session()) == (1010001, True)
    before = database.dump()
    change = opened(database.kvs).invalidate(1010001, None)
    assert (change.changed, change.after.backup) == (False, 1010001)
    assert database.dump() == before


@pytest.mark.parametrize("expected", [1010000, 1010002])
def test_a_bound_that_is_not_the_expected_one_is_left_alone(database, opened, expected):
    before = database.dump()
    refusal = refused(opened(database.kvs).invalidate, expected, None)
    assert refusal.code == "bound-moved"
    assert "1010001" in refusal.found
    assert str(expected) in refusal.found
    assert database.dump() == before


def test_a_backup_that_is_not_the_expected_one_is_refused(database, opened):
    store = opened(database.kvs)
    store.invalidate(1010001, None)
    assert refused(store.invalidate, 1010002, None).code == "bound-moved"


def test_of_many_invalidations_at_once_exactly_one_changes_anything(database, opened):
    stores = [opened(database.kvs) for _each in range(6)]
    changes = at_once([lambda store=store: store.invalidate(1010001, None) for store in stores])
    assert sorted(change.changed for change in changes) == [False] * 5 + [True]
    assert {change.after.backup for change in changes} == {1010001}


def test_a_bound_that_a_client_moves_meanwhile_is_either_refused_or_was_kept_out(database, opened):
    """A client's update waits for our lock or we for its: never is a number lost."""
    client = database.session(autocommit=False)
    client.execute("SELECT last_allocated FROM _timestamp FOR UPDATE")
    client.execute("UPDATE _timestamp SET last_allocated = 2010001")
    store = opened(database.kvs)
    timer = threading.Timer(0.2, client.commit)
    timer.start()
    refusal = refused(store.invalidate, 1010001, None)
    timer.join()
    assert refusal.code == "bound-moved"
    assert store.read().bound == 2010001


def test_a_lock_that_somebody_holds_is_refused_in_time_with_his_name(database, opened, short_lock_timeout):
    holder = database.session("psql of bob", autocommit=False)
    holder.execute("SELECT * FROM _timestamp")
    store = opened(database.kvs)
    began = time.monotonic()
    refusal = refused(store.invalidate, 1010001, None)
    assert refusal.code == "kvs-lock-held"
    for word in (str(holder.info.backend_pid), database.name, "psql of bob", "127.0.0.1", "idle in transaction"):
        assert word in refusal.found
    assert time.monotonic() - began < 3
    holder.rollback()
    assert store.invalidate(1010001, None).changed


def test_a_reader_that_is_kept_out_is_refused_in_time(database, opened, short_lock_timeout):
    holder = database.session(autocommit=False)
    holder.execute("LOCK TABLE _timestamp IN ACCESS EXCLUSIVE MODE")
    assert refused(opened(database.kvs).read).code == "kvs-lock-held"


def test_a_login_that_does_not_own_the_table_is_told_so(database, opened, postgres):
    database.run_as_superuser(
        "ALTER TABLE _timestamp OWNER TO postgres", f"GRANT SELECT ON _timestamp TO {database.name}"
    )
    store = opened(database.kvs)
    assert store.read().bound == 1010001
    assert store.missing_rights() == [f"GRANT postgres TO {database.name}"]
    assert refused(store.invalidate, 1010001, None).code == "kvs-denied"


def test_a_login_that_may_not_read_the_table_is_denied(database, opened):
    database.run_as_superuser("ALTER TABLE _timestamp OWNER TO postgres")
    assert refused(opened(database.kvs).read).code == "kvs-denied"


def test_a_server_that_is_not_there_is_told_in_one_sentence_with_what_the_system_says(database):
    nowhere = database.kvs | {"port": ports.free_port()}
    found = refused(open_store, nowhere).found
    assert found.endswith("Connection refused.") and "\t" not in found


# Lost connections


class Wire:
    """A proxy before the server that cuts the connection at the first COMMIT of a transaction that writes.

    ``how``: "before" the server has it; "after" the server has answered; "late", the client is cut off at once and the
    server gets it half a second later; "silent", the answer never comes, and the connection stays.
    """

    def __init__(self, port: int, how: str):
        self.how = how
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._swallowing = None
        self._sockets = [self._listener]
        self._start(self._accept)

    def close(self):
        for made in self._sockets:
            _end(made)
            made.close()

    def _start(self, work, *arguments):
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                self._start(self._forward, client, server)
                self._start(self._back, server, client)

    def _forward(self, client, server):
        writes = False
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                writes = writes or b"READ WRITE" in data
                if self.how and writes and b"COMMIT\0" in data:
                    return self._cut(client, server, data)
                server.sendall(data)
        _end(server)
        return None

    def _cut(self, client, server, data):
        how, self.how = self.how, None
        if how == "before":
            _end(server)
        elif how == "late":
            _end(client)
            time.sleep(0.5)
            with contextlib.suppress(OSError):
                server.sendall(data)
            time.sleep(0.2)
            _end(server)
        else:
            self._swallowing = server
            server.sendall(data)
            time.sleep(0.3)
            if how == "after":
                _end(client)
            else:
                with contextlib.suppress(OSError):
                    client.recv(1)
            _end(server)
        _end(client)

    def _back(self, server, client):
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self._swallowing is not server:
                    client.sendall(data)
        _end(client)


def _end(connection):
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wired(database, opened):
    """A store behind a wire, and the wire."""
    with contextlib.ExitStack() as stack:

        def make(how):
            wire = Wire(database.server.port, how)
            stack.callback(wire.close)
            return opened({**database.kvs, "port": wire.port})

        yield make


@pytest.mark.parametrize("how", ["after", "silent"])
def test_a_commit_whose_answer_is_lost_is_read_back_as_done(database, wired, hasty, how):
    change = wired(how).invalidate(1010001, None)
    assert (change.changed, change.before.bound, change.after.backup) == (True, 1010001, 1010001)


@pytest.mark.parametrize("how", ["before", "late"])
def test_a_commit_that_never_arrived_is_read_back_as_not_done_and_cannot_come_late(database, opened, wired, hasty, how):
    refusal = refused(wired(how).invalidate, 1010001, None)
    assert refusal.code == "kvs-unreachable"
    assert "not made" in refusal.found
    time.sleep(0.8)
    assert opened(database.kvs).read().bound == 1010001


@pytest.mark.parametrize("how", ["before", "after", "late"])
def test_a_restore_whose_answer_is_lost_says_the_truth(database, opened, wired, hasty, how):
    opened(database.kvs).invalidate(1010001, None)
    store = wired(how)
    if how == "after":
        assert store.restore(2000000, None).after.bound == 2000000
    else:
        assert "not made" in refused(store.restore, 2000000, None).found
        assert opened(database.kvs).read().backup == 1010001


@pytest.mark.parametrize("how", ["before", "after", "late"])
def test_a_lock_whose_answer_is_lost_is_taken_once(database, wired, hasty, how):
    record = wired(how).take_lock({**HOLDER, "run_id": "one"}, "orders", None)
    assert (record.epoch, record.holder["run_id"]) == (1, "one")


@pytest.mark.parametrize("how", ["before", "after", "late"])
def test_a_release_whose_answer_is_lost_is_done_once(database, opened, wired, hasty, how):
    opened(database.kvs).take_lock({**HOLDER, "run_id": "one"}, "orders", None)
    record = wired(how).note(Guard("one", 1), {"numbers": {"bound": 5}}, True)
    assert (record.epoch, record.holder, record.highest()) == (1, None, 5)


def test_a_session_that_the_server_ends_in_the_middle_leaves_nothing_behind(database, opened, monkeypatch):
    store = opened(database.kvs)
    victim = {}

    def end_own_session(cursor, place, name, before, after):
        victim["pid"] = cursor.connection.info.backend_pid
        rename(cursor, place, name, before, after)
        database.run_as_superuser(f"SELECT pg_terminate_backend({victim['pid']})")

    from ansible_collections.atlasdb.timelock.plugins.module_utils.stores import postgres_table

    rename = postgres_table.rename
    monkeypatch.setattr(postgres_table, "rename", end_own_session)
    assert "not made" in refused(store.invalidate, 1010001, None).found
    assert store.read().bound == 1010001


def test_a_read_survives_the_end_of_its_session(database, opened):
    store = opened(database.kvs)
    database.run_as_superuser(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'atlasdb.timelock'"
    )
    assert store.read().bound == 1010001


def test_a_server_that_has_stopped_answering_is_given_up_in_time(database, opened, hasty):
    store = opened(database.kvs)
    database.server.pause()
    try:
        began = time.monotonic()
        refusal = refused(store.invalidate, 1010001, None)
        assert refusal.code == "kvs-unreachable"
        assert time.monotonic() - began < 10
    finally:
        database.server.resume()
    assert opened(database.kvs).read().bound == 1010001


def test_nothing_that_is_refused_tells_the_password(database):
    for change in ({"port": 1}, {"password": "another-secret"}, {"user": "nobody-here"}, {"database": "nowhere"}):
        kvs = {**database.kvs, **change}
        refusal = refused(open_store, kvs)
        assert refusal.code == ("kvs-unreachable" if "port" in change else "kvs-denied")
        assert kvs["password"] not in str(refusal.result())


def test_a_password_that_a_message_repeats_is_taken_out_of_it(database):
    kvs = {**database.kvs, "user": "nobody-here", "password": "nobody-here"}
    assert "nobody-here" not in refused(open_store, kvs).found.split("in:", 1)[1]


@pytest.mark.parametrize("change", [{"user": None}, {"database": None}, {"hosts": []}, {"hosts": ["a", "b"]}])
def test_what_postgresql_needs_to_be_told_is_asked_for(database, change):
    assert refused(open_store, {**database.kvs, **change}).code == "config-invalid"


def test_a_store_that_is_not_built_is_refused(database):
    assert refused(open_store, {**database.kvs, "type": "oracle"}).code == "config-store-unsupported"


# Restoring


@pytest.mark.parametrize(
    ("at_least", "on_record", "ends_at"),
    [(1, 0, 1010002), (1010001, 0, 1010002), (1010002, 0, 1010002), (5000000, 0, 5000000), (1, 7000000, 7000001)],
)
def test_a_restored_bound_is_above_the_backup_and_above_every_number_on_record(
    database, opened, at_least, on_record, ends_at
):
    store = opened(database.kvs)
    store.take_lock({**HOLDER, "run_id": "one"}, "orders", None)
    store.note(Guard("one", 1), {"numbers": {"fresh": on_record}}, False)
    store.invalidate(1010001, Guard("one", 1))
    change = store.restore(at_least, Guard("one", 1))
    assert (change.changed, change.before.backup, change.after.bound) == (True, 1010001, ends_at)
    dump = database.dump()
    assert dump["rows"]["public", "_timestamp"] == [(f"({ends_at})",)]
    assert [r[6] for r in dump["relations"] if r[1] == "_timestamp"] == [["(last_allocated,bigint,t,1)"]]


def test_an_active_bound_below_what_is_asked_is_raised_and_one_that_is_not_is_left(database, opened):
    store = opened(database.kvs)
    change = store.restore(1010005, None)
    assert (change.changed, change.before.bound, change.after.bound) == (True, 1010001, 1010005)
    for at_least in (1010005, 3):
        change = store.restore(at_least, None)
        assert (change.changed, change.after.bound) == (False, 1010005)


def test_a_raise_takes_no_invalidation_back(database, opened):
    store = opened(database.kvs)
    assert store.restore(1010005, None, True).after.bound == 1010005
    store.invalidate(1010005, None)
    before = database.dump()
    refusal = refused(store.restore, 2000000, None, True)
    assert refusal.code == "bound-moved"
    assert "not made live again" in refusal.found
    assert database.dump() == before


def test_a_service_that_migrated_with_an_empty_table_gets_a_row(empty_database, opened):
    empty_database.run(TABLE, "ALTER TABLE _timestamp RENAME last_allocated TO legacy_last_allocated")
    change = opened(empty_database.kvs).restore(500, None)
    assert (change.changed, change.after.bound) == (True, 500)
    assert empty_database.run("SELECT last_allocated FROM _timestamp") == [(500,)]


def test_no_table_is_made_where_there_is_none(empty_database, opened):
    before = empty_database.dump()
    assert refused(opened(empty_database.kvs).restore, 500, None).code == "bound-absent"
    assert empty_database.dump() == before


def test_a_bound_without_headroom_is_not_restored(database, opened):
    store = opened(database.kvs)
    store.invalidate(1010001, None)
    before = database.dump()
    assert refused(store.restore, LARGEST_BOUND + 1, None).code == "bound-out-of-range"
    assert database.dump() == before


def test_forward_and_back_again_never_repeats_a_number(database, opened):
    store = opened(database.kvs)
    bounds = [1010001]
    for _each in range(3):
        store.invalidate(bounds[-1], None)
        bounds.append(store.restore(0, None).after.bound)
    assert bounds == sorted(set(bounds))


def test_a_value_that_a_trigger_puts_in_place_of_ours_is_noticed(database, opened):
    database.run(
        "CREATE FUNCTION lower_it() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN NEW.last_allocated := 3; RETURN NEW; END'",
        "CREATE TRIGGER t BEFORE UPDATE ON _timestamp FOR EACH ROW EXECUTE FUNCTION lower_it()",
    )
    assert refused(opened(database.kvs).restore, 2000000, None).code == "bound-moved"


# Record


def at_once(calls: list) -> list:
    """What the calls return, or the Refusal that they raise, all begun together."""
    results = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def run(index):
        start.wait()
        try:
            results[index] = calls[index]()
        except Refusal as refusal:
            results[index] = refusal

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("attempt", range(3))
def test_of_many_runs_at_once_exactly_one_takes_the_lock(database, opened, attempt):
    stores = [opened(database.kvs) for _each in range(8)]
    results = at_once(
        [
            lambda store=store, n=n: store.take_lock({**HOLDER, "run_id": f"run{n}"}, "orders", None)
            for n, store in enumerate(stores)
        ]
    )
    (winner,) = [result for result in results if not isinstance(result, Refusal)]
    refusals = [result for result in results if isinstance(result, Refusal)]
    assert winner.epoch == 1
    assert {refusal.code for refusal in refusals} == {"operator-locked"}
    assert {refusal.holder["run_id"] for refusal in refusals} == {winner.holder["run_id"]}
    assert all("alice" in refusal.found and "controller" in refusal.found for refusal in refusals)


def test_the_lock_is_kept_by_its_run_and_goes_to_another_only_by_its_name(database, opened):
    store = opened(database.kvs)
    assert store.record() is None
    assert store.take_lock({**HOLDER, "run_id": "one"}, "orders", None).epoch == 1
    assert store.take_lock({**HOLDER, "run_id": "one"}, "orders", None).epoch == 1
    assert refused(store.take_lock, {**HOLDER, "run_id": "two"}, "orders", None).code == "operator-locked"
    assert refused(store.take_lock, {**HOLDER, "run_id": "two"}, "orders", "three").code == "operator-locked"
    assert store.take_lock({**HOLDER, "run_id": "two"}, "orders", "one").epoch == 2
    assert refused(store.take_lock, {**HOLDER, "run_id": "three"}, "orders", "one").code == "operator-locked"
    assert store.note(Guard("two", 2), {}, True).holder is None
    record = store.take_lock({**HOLDER, "run_id": "three"}, "orders", None)
    assert (record.epoch, record.holder["run_id"]) == (3, "three")
    assert store.take_lock({**HOLDER, "run_id": "four"}, "orders", "three", above=7).epoch == 8
    assert store.take_lock({**HOLDER, "run_id": "five"}, "orders", "four", above=7).epoch == 9


def test_of_two_runs_that_take_over_the_same_one_only_the_first_does(database, opened):
    opened(database.kvs).take_lock({**HOLDER, "run_id": "dead"}, "orders", None)
    stores = [opened(database.kvs) for _each in range(4)]
    results = at_once(
        [
            lambda store=store, n=n: store.take_lock({**HOLDER, "run_id": f"run{n}"}, "orders", "dead")
            for n, store in enumerate(stores)
        ]
    )
    (winner,) = [result for result in results if not isinstance(result, Refusal)]
    assert winner.epoch == 2


def test_what_is_noted_stays_and_numbers_only_grow(database, opened):
    store = opened(database.kvs)
    store.take_lock({**HOLDER, "run_id": "one"}, "orders", None)
    store.note(Guard("one", 1), {"namespace": "orders", "numbers": {"bound": 9007199254740993, "fresh": 7}}, False)
    record = store.note(Guard("one", 1), {"servers": ["a"], "numbers": {"bound": 5, "fresh": 8}}, True)
    assert record.document["namespace"] == "orders"
    assert record.document["servers"] == ["a"]
    assert record.document["numbers"] == {"bound": "9007199254740993", "fresh": "8"}
    assert opened(database.kvs).record().highest() == 9007199254740993


@pytest.mark.parametrize("guard", [Guard("one", 2), Guard("two", 1), Guard("one", 0)])
def test_a_run_or_epoch_that_does_not_have_the_lock_has_no_effect(database, opened, guard):
    store = opened(database.kvs)
    store.take_lock({**HOLDER, "run_id": "one"}, "orders", None)
    before = database.dump()
    for effect in (
        lambda: store.invalidate(1010001, guard),
        lambda: store.restore(2000000, guard),
        lambda: store.note(guard, {"x": 1}, False),
        lambda: store.note(guard, {"x": 1}, True),
    ):
        assert refused(effect).code == "operator-lock-lost"
    assert database.dump() == before


def test_a_run_whose_lock_was_taken_over_has_no_late_effect(database, opened):
    slow, quick = opened(database.kvs), opened(database.kvs)
    slow.take_lock({**HOLDER, "run_id": "slow"}, "orders", None)
    quick.take_lock({**HOLDER, "run_id": "quick"}, "orders", "slow")
    assert refused(slow.invalidate, 1010001, Guard("slow", 1)).code == "operator-lock-lost"
    assert quick.invalidate(1010001, Guard("quick", 2)).changed
    assert refused(slow.restore, 5000000, Guard("slow", 1)).code == "operator-lock-lost"
    assert quick.read().state == "invalidated"


def test_a_lock_cannot_be_taken_over_in_the_middle_of_an_effect(database, opened, short_lock_timeout, monkeypatch):
    from ansible_collections.atlasdb.timelock.plugins.module_utils.stores import postgres_table

    slow, quick = opened(database.kvs), opened(database.kvs)
    slow.take_lock({**HOLDER, "run_id": "slow"}, "orders", None)
    rename = postgres_table.rename
    refusals = []

    def take_over_meanwhile(*arguments):
        refusals.append(refused(quick.take_lock, {**HOLDER, "run_id": "quick"}, "orders", "slow"))
        rename(*arguments)

    monkeypatch.setattr(postgres_table, "rename", take_over_meanwhile)
    assert slow.invalidate(1010001, Guard("slow", 1)).changed
    assert [refusal.code for refusal in refusals] == ["kvs-lock-held"]


def test_an_effect_without_a_lock_is_refused_while_a_run_has_it(database, opened):
    store = opened(database.kvs)
    store.take_lock({**HOLDER, "run_id": "one"}, "orders", None)
    assert refused(store.invalidate, 1010001, None).code == "operator-locked"
    assert refused(store.restore, 2000000, None).code == "operator-locked"
    store.note(Guard("one", 1), {}, True)
    assert refused(store.invalidate, 1010001, Guard("one", 1)).code == "operator-lock-lost"
    assert store.invalidate(1010001, None).changed


def test_an_effect_with_a_lock_is_refused_where_there_is_no_record(database, opened):
    assert refused(opened(database.kvs).invalidate, 1010001, Guard("one", 1)).code == "operator-lock-lost"


def test_a_login_that_may_not_make_the_record_is_told_the_grant_that_helps(database, opened):
    database.run_as_superuser(f"ALTER DATABASE {database.name} OWNER TO postgres")
    store = opened(database.kvs)
    before = database.dump()
    refusal = refused(store.take_lock, {**HOLDER, "run_id": "one"}, "orders", None)
    grant = f"GRANT CREATE ON DATABASE {database.name} TO {database.name}"
    assert (refusal.code, grant in refusal.do) == ("kvs-denied", True)
    assert store.missing_rights() == [grant]
    assert database.dump() == before
    database.run_as_superuser(grant)
    assert store.take_lock({**HOLDER, "run_id": "one"}, "orders", None).epoch == 1


def test_a_record_made_by_another_login_is_named_with_the_grants_that_help(database, opened):
    database.run_as_superuser(
        "CREATE SCHEMA atlasdb_timelock",
        "CREATE TABLE atlasdb_timelock.record (bound text PRIMARY KEY, epoch bigint NOT NULL, holder jsonb,"
        " document jsonb NOT NULL)",
    )
    store = opened(database.kvs)
    grants = [
        f"GRANT USAGE ON SCHEMA atlasdb_timelock TO {database.name}",
        f"GRANT SELECT, INSERT, UPDATE ON atlasdb_timelock.record TO {database.name}",
    ]
    assert store.missing_rights() == grants
    for call in (store.record, lambda: store.take_lock({**HOLDER, "run_id": "one"}, "orders", None)):
        refusal = refused(call)
        assert refusal.code == "kvs-denied"
        assert all(grant in refusal.do for grant in grants)
    database.run_as_superuser(*grants)
    assert store.take_lock({**HOLDER, "run_id": "one"}, "orders", None).epoch == 1


def test_two_services_in_one_database_have_two_records(database, opened):
    database.run("CREATE TABLE b_timestamp (last_allocated int8 NOT NULL)", "INSERT INTO b_timestamp VALUES (7)")
    database.run("CREATE TABLE b__timestamp (last_allocated int8 NOT NULL)", "INSERT INTO b__timestamp VALUES (7)")
    one, other = opened(database.kvs), opened({**database.kvs, "table_prefix": "b_"})
    assert one.take_lock({**HOLDER, "run_id": "one"}, "orders", None).epoch == 1
    assert other.take_lock({**HOLDER, "run_id": "two"}, "billing", None).epoch == 1
    assert other.identity()["table"] == "b__timestamp"
