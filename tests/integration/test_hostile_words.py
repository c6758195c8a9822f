# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and words that somebody else chose, with real parts: a path goes to commands as it is, whatever a shell would
make of it; and what a database and its other clients say is told in a sentence that no terminal obeys.
"""

from __future__ import annotations

import contextlib

import psycopg
import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.kvs_sessions_info import require_nobody
from psycopg import sql

from lab import ports
from node_parts.host import Host
from stores import opened, refused

__all__ = ["opened"]

SAID = "\x1b[2J\x1b]0;owned\x07{{ 7 * 7 }}"
FOLDERS = ["-x $(touch pwned) `touch pwned`;touch pwned&&'\" {{ 7 * 7 }}*[a]", "--help", "é ü %s%%n #a\\nb ~"]


@pytest.mark.parametrize("manager", ["sls", "command"])
@pytest.mark.parametrize("name", FOLDERS)
def test_a_node_in_any_folder_goes_down_and_comes_up_and_nothing_else_happens(tmp_path, monkeypatch, manager, name):
    monkeypatch.chdir(tmp_path)
    host = Host(tmp_path / name, manager, ports.free_port())
    try:
        host.up()
        assert host.stage()["changed"]
        down = host.offline(run_id=name, operator=name, service_name=name)
        assert down["code"] == "inventory-node-shared", "staged for a service of another name"
        down = host.offline()
        assert down["proofs"][1]["seen_before"] and not host.is_serving()
        assert host.online("timelock")["started"] and host.is_serving()
        assert host.config.read_bytes() == host.new
    finally:
        host.down()
    assert not list(tmp_path.rglob("pwned")) and [path.name for path in tmp_path.iterdir()] == [name]


def test_an_error_of_the_database_is_told_in_a_sentence_whatever_it_says(database, opened):
    said = sql.Literal(SAID).as_string()
    database.run_as_superuser(
        "CREATE FUNCTION say() RETURNS event_trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '%', {said} || repeat('x', 2000000); END $$",
        "CREATE EVENT TRIGGER say ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION say()",
    )
    before = database.dump()
    refusal = refused(opened(database.kvs).invalidate, 1010001, None)
    assert refusal.code == "kvs-unreachable" and r"\x1b[2J\x1b]0;owned\x07{{ 7 * 7 }}xxx" in refusal.found
    assert str(refusal).isprintable() and len(str(refusal)) < 700
    assert database.dump() == before


def test_a_session_of_a_login_that_calls_itself_anything_is_told_in_a_sentence(database, opened):
    role = sql.Identifier(SAID).as_string()
    database.run_as_superuser(f"CREATE ROLE {role} LOGIN PASSWORD 'p'", f"GRANT {role} TO {database.name}")
    try:
        known = {"host": "127.0.0.1", "port": database.server.port, "dbname": database.name, "password": "p"}
        with contextlib.closing(psycopg.connect(user=SAID, application_name=SAID, **known)):
            sessions = opened(database.kvs).sessions([])
        assert [session["user"] for session in sessions] == [SAID]
        refusal = refused(require_nobody, sessions, [], None)
        assert refusal.code == "kvs-session-open" and str(refusal).isprintable() and r"\x1b[2J" in refusal.found
    finally:
        database.run_as_superuser(f"DROP ROLE {role}")
