# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fence on a real PostgreSQL: the old login is shut out, with the rights that docs/privileges.md lists."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import psycopg
import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.fence_look import fence_look
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.kvs_login import kvs_login
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import NODE_KINDS, stamp_now
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores import postgres

from stores import opened, refused

__all__ = ["opened"]

PAGE = (Path(__file__).resolve().parents[2] / "docs/privileges.md").read_text(encoding="utf-8")
STATEMENTS = re.search(r"### The fence\n.*?```sql\n(.*?)```", PAGE, re.DOTALL).group(1).splitlines()
HOLDER = {"user": "alice", "host": "controller", "pid": 1, "since": "now", "run_id": "one"}
NEW = {"username": "orders_2", "password": "new"}
RUN = {"run_id": "one", "epoch": 1}


@pytest.fixture
def fenced(database):
    """The database with the logins of the page: the service's new one, and the collection's."""
    database.run_as_superuser(
        "CREATE ROLE orders_2 LOGIN PASSWORD 'new'", "CREATE ROLE dba LOGIN PASSWORD 'dba'", *STATEMENTS
    )
    database.dba = {**database.kvs, "user": "dba", "password": "dba"}
    yield database
    database.close()
    database.run_as_superuser(
        "DROP SCHEMA IF EXISTS atlasdb_timelock CASCADE",
        "ALTER ROLE orders LOGIN",
        *(statement for role in ("orders_2", "dba") for statement in (f"DROP OWNED BY {role}", f"DROP ROLE {role}")),
    )


@pytest.fixture
def locked(fenced, opened):
    """The same, with the lock of a run."""
    opened(fenced.dba).take_lock(HOLDER, "orders", None)
    return fenced


def change(database, state: str, check_mode: bool = False, **more) -> dict:
    proofs = [{"kind": kind, "node": "orders-1", "taken": stamp_now(), **RUN} for kind in NODE_KINDS]
    arguments = {"nodes": ["orders-1"], "node_proofs": proofs, "max_proof_age": 300.0, "login": "orders", **RUN}
    return kvs_login({**arguments, "kvs": database.dba, "state": state, **more}, check_mode)


def may_log_in(database) -> bool:
    try:
        database.session()
    except psycopg.OperationalError as error:
        assert "not permitted to log in" in str(error)
        return False
    return True


def look(database, opened) -> dict:
    return fence_look(opened(database.dba), database.dba, "orders", NEW)


def test_the_rights_as_listed_are_enough_and_the_new_login_uses_the_tables_as_the_old_one_did(fenced, opened):
    seen = look(fenced, opened)
    assert seen["state"] == {"enabled": True, "shut_out": False, "own": False, "missing_rights": [], "elsewhere": []}
    assert seen["trial"]["missing"] == [] and seen["trial"]["identity"]["schema"] == "public"
    store = opened(fenced.dba)
    assert store.missing_rights() == []
    store.take_lock(HOLDER, "orders", None)
    assert change(fenced, "disabled")["changed"]
    with psycopg.connect(**opened_as(fenced)) as session:
        session.execute("CREATE TABLE made_after (n int)")
        session.execute("ALTER TABLE _timestamp RENAME last_allocated TO legacy_last_allocated")
    (owner,) = fenced.run_as_superuser("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'made_after'")
    assert owner == ("orders",), "what the new login makes has to be the old one's, which may come back"


def opened_as(database) -> dict:
    return {
        "host": "127.0.0.1", "port": database.server.port, "dbname": database.name,
        "user": NEW["username"], "password": NEW["password"],
    }  # fmt: skip


@pytest.mark.parametrize("number", range(len(STATEMENTS)), ids=STATEMENTS)
def test_without_any_one_of_them_the_plan_sees_it(fenced, opened, number):
    undo = {"ALTER ROLE dba": "ALTER ROLE dba NOCREATEROLE", "ALTER ROLE orders_2": "ALTER ROLE orders_2 RESET ALL"}
    wanted = STATEMENTS[number]
    back = [statement for begin, statement in undo.items() if wanted.startswith(begin)]
    back = back or [re.sub("GRANT (.*) TO (.*?)( WITH .*)?;", r"REVOKE \1 FROM \2;", wanted)]
    fenced.run_as_superuser(*back)
    seen = look(fenced, opened)
    assert seen["state"]["missing_rights"] or "refusal" in seen["trial"] or seen["trial"]["missing"]


def test_a_login_is_shut_out_its_sessions_are_ended_and_a_second_time_nothing_changes(locked):
    pool = [locked.session() for _number in range(8)]
    before = change(locked, "disabled", check_mode=True)
    assert may_log_in(locked) and not pool[0].closed and pool[0].execute("SELECT 1")
    done = change(locked, "disabled")
    assert (before["changed"], before["before"], before["after"]) == (True, done["before"], done["after"])
    assert done["after"] == {"login": "orders", "enabled": False}
    assert len(done["sessions"]) >= 8 and "of orders (PostgreSQL JDBC Driver) from 127.0.0.1" in done["ended"]
    for session in pool:
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    assert not may_log_in(locked)
    assert not change(locked, "disabled")["changed"]
    assert change(locked, "enabled")["changed"]
    assert may_log_in(locked)
    assert not change(locked, "enabled")["changed"]


def test_a_run_that_has_lost_its_lock_shuts_nobody_out_and_lets_nobody_in(locked):
    session = locked.session()
    assert refused(lambda: change(locked, "disabled", epoch=2, node_proofs=[], nodes=[])).code == "operator-lock-lost"
    assert session.execute("SELECT 1").fetchone() == (1,) and may_log_in(locked)
    change(locked, "disabled")
    assert refused(lambda: change(locked, "enabled", run_id="two")).code == "operator-lock-lost"
    assert not may_log_in(locked)


def test_nobody_is_shut_out_before_all_nodes_are_proved_held_and_gone(locked):
    assert refused(lambda: change(locked, "disabled", nodes=["orders-1", "orders-2"])).code == "proof-missing"
    assert refused(lambda: change(locked, "disabled", node_proofs=[])).code == "proof-missing"
    assert may_log_in(locked)


def test_nobody_is_let_in_again_to_a_store_that_is_invalidated(locked):
    change(locked, "disabled")
    rename = "ALTER TABLE _timestamp RENAME {} TO {}"
    locked.run_as_superuser(rename.format("last_allocated", "legacy_last_allocated"))
    assert refused(lambda: change(locked, "enabled")).code == "bound-moved"
    assert not may_log_in(locked)
    # The way back keeps it guarded until all nodes serve.
    locked.run_as_superuser(
        rename.format("legacy_last_allocated", "last_allocated"),
        "ALTER TABLE _timestamp ADD COLUMN legacy_last_allocated int8",
    )
    assert change(locked, "enabled")["after"]["enabled"]


def test_the_collection_s_own_login_and_one_that_is_not_there_are_not_shut_out(locked):
    own = {**locked.dba, "user": "orders", "password": locked.password}
    assert refused(lambda: change(locked, "disabled", kvs=own)).code == "fence-denied"
    assert refused(lambda: change(locked, "disabled", login="nobody")).code == "fence-login"


def test_a_login_with_sessions_in_another_database_is_seen(fenced, opened):
    fenced.run_as_superuser("CREATE DATABASE billing OWNER orders")
    try:
        with psycopg.connect(
            host="127.0.0.1", port=fenced.server.port, dbname="billing", user="orders", password=fenced.password
        ):
            assert look(fenced, opened)["state"]["elsewhere"] == ["billing"]
    finally:
        fenced.run_as_superuser("DROP DATABASE billing WITH (FORCE)")


def test_a_session_that_does_not_end_is_named(locked, monkeypatch):
    monkeypatch.setattr(postgres, "SESSIONS_END_SECONDS", 0.3)
    locked.session()
    (process,) = locked.run_as_superuser("SELECT pid FROM pg_stat_activity WHERE usename = 'orders'")
    os.kill(process[0], signal.SIGSTOP)
    try:
        refusal = refused(lambda: change(locked, "disabled"))
    finally:
        os.kill(process[0], signal.SIGCONT)
    assert refusal.code == "fence-open" and "1 of orders (PostgreSQL JDBC Driver)" in refusal.found
    assert not may_log_in(locked)


def test_a_new_login_with_a_wrong_password_is_told_without_it(fenced, opened):
    wrong = fence_look(opened(fenced.dba), fenced.dba, "orders", {"username": "orders_2", "password": "guess"})
    assert "orders_2" in wrong["trial"]["refusal"] and "guess" not in wrong["trial"]["refusal"]


def test_another_schema_that_its_search_path_leads_to_is_seen(fenced, opened):
    fenced.run_as_superuser(
        "CREATE SCHEMA elsewhere AUTHORIZATION orders",
        "CREATE TABLE elsewhere._timestamp (last_allocated int8 NOT NULL)",
        "ALTER TABLE elsewhere._timestamp OWNER TO orders",
        "ALTER ROLE orders_2 SET search_path TO elsewhere",
    )
    assert look(fenced, opened)["trial"]["identity"]["schema"] == "elsewhere"
