# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real PostgreSQL for a whole run of the tests, with a database that each test finds empty."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from lab.postgres import Postgres

# What the tests share lies beside them, and pytest imports a file without its folder.
sys.path.insert(0, str(Path(__file__).parent))

LONGEST_FIRST = (
    "test_migrate_hosts",
    "test_migrate_cassandra_cluster",
    "test_migrate_killed",
    "test_migrate_window",
    "test_cassandra_cluster",
    "test_migrate_mixed",
    "test_migrate",
    "test_repair",
    "test_status",
    "test_automated",
    "test_cassandra_store",
    "test_migrate_refusals",
    "test_migrate_changed_files",
    "test_migrate_unfinished_refusals",
    "test_migrate_two_operators",
    "test_migrate_timelock_refusals",
    "test_lab_node_cassandra",
    "test_checker_catches_wrong_migrations",
    "test_migrate_waves",
)
"""Files are run side by side: one that takes minutes and comes last would leave the other processes with nothing."""


def pytest_configure(config):
    config.addinivalue_line(
        "markers",
        "refuses(code, ...): a test that makes mistakes of these codes, and looks at the whole world before and after",
    )
    config.addinivalue_line(
        "markers", "kills_at(task, ...): a test that kills runs before and after these tasks, which few runs come to"
    )


def pytest_collection_modifyitems(items):
    order = {name: position for position, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


class Database:
    """A database whose login owns it, as AtlasDB's does; ``kvs`` is that login as the modules' option."""

    def __init__(self, server: Postgres, name: str):
        self.server = server
        self.name = name
        self.password = server.create_database(name)
        self.sessions = []

    @property
    def kvs(self) -> dict:
        return {
            "type": "postgres",
            "hosts": ["127.0.0.1"],
            "port": self.server.port,
            "database": self.name,
            "user": self.name,
            "password": self.password,
        }

    def session(self, application: str = "PostgreSQL JDBC Driver", autocommit: bool = True) -> psycopg.Connection:
        """A session of the login, closed after the test."""
        made = psycopg.connect(
            host="127.0.0.1", port=self.server.port, dbname=self.name, user=self.name, password=self.password,
            application_name=application, autocommit=autocommit,
        )  # fmt: skip
        self.sessions.append(made)
        return made

    def run(self, *statements: str) -> list:
        """Run statements as the login; the rows of the last."""
        with self.session() as session:
            return _rows(session, statements)

    def run_as_superuser(self, *statements: str) -> list:
        with self.server.connect(self.name) as session:
            return _rows(session, statements)

    def dump(self) -> dict:
        """Everything that tells one state of the database from another: relations, columns, owners, rights, rows."""
        with self.server.connect(self.name) as session:
            relations = session.execute(
                "SELECT n.nspname, c.relname, c.relkind, pg_get_userbyid(c.relowner), c.relacl::text, c.relrowsecurity,"
                " (SELECT array_agg((a.attname, a.atttypid::regtype, a.attnotnull, a.attnum)::text ORDER BY a.attnum)"
                "  FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)"
                " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1, 2"
            ).fetchall()
            rows = {
                (schema, name): session.execute(
                    sql.SQL("SELECT r::text FROM {} r ORDER BY 1").format(sql.Identifier(schema, name))
                ).fetchall()
                for schema, name, kind, *_rest in relations
                if kind in ("r", "v")
            }
            schemas = session.execute(
                "SELECT nspname, pg_get_userbyid(nspowner), nspacl::text FROM pg_namespace ORDER BY 1"
            ).fetchall()
        return {"schemas": schemas, "relations": relations, "rows": rows}

    def close(self) -> None:
        while self.sessions:
            self.sessions.pop().close()

    def empty(self) -> None:
        """Take back everything that a test can have done here."""
        name = sql.Identifier(self.name)
        with self.server.connect(self.name) as session:
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                (self.name,),
            )
            schemas = session.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
            ).fetchall()
            for (schema,) in schemas:
                session.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
            session.execute(sql.SQL("ALTER DATABASE {0} OWNER TO postgres").format(name))
            session.execute(sql.SQL("DROP OWNED BY {0}").format(name))
            session.execute(sql.SQL("ALTER DATABASE {0} OWNER TO {0}").format(name))
            session.execute(sql.SQL("ALTER ROLE {0} RESET ALL").format(name))
            session.execute(sql.SQL("REVOKE postgres FROM {0}").format(name))
            session.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")
            session.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
            session.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")


def _rows(session: psycopg.Connection, statements: tuple) -> list:
    cursor = session.cursor()
    for statement in statements:
        cursor.execute(statement)
    return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def postgres():
    """The server. Whoever pauses or breaks it mends it again."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    server = Postgres(folder, {})
    try:
        server.create(100)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _database(postgres):
    return Database(postgres, "orders")


@pytest.fixture
def empty_database(_database):
    """A database without any table."""
    _database.empty()
    yield _database
    _database.close()


@pytest.fixture
def database(empty_database):
    """A database with AtlasDB's timestamp table and the bound 1010001."""
    empty_database.run(
        "CREATE TABLE IF NOT EXISTS _timestamp ( last_allocated int8 NOT NULL )",
        "INSERT INTO _timestamp (last_allocated) VALUES (1010001)",
    )
    return empty_database
