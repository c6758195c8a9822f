# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A handover with a fence: the service gets another login, and nobody reaches its data with the old one any more."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys

import psycopg
import pytest

from cassandra_here import only_wide
from fleet import ACTIVE, fleet, lab
from kills import kill_around_the_fence, kill_around_what_is_done_again, kill_at
from lab.callback.breakpoints import moment_of

__all__ = ["lab"]

pytestmark = only_wide

SHUT_OUT = "Shut out the old login, and end its sessions"
POOL = """
import json, psycopg, sys
settings = json.loads(sys.argv[1])
sessions = [psycopg.connect(**settings) for _number in range(8)]
print("idle", flush=True)
sys.stdin.readline()
said = []
for session in sessions:
    try:
        session.execute("SELECT last_allocated FROM _timestamp")
        said.append("served")
    except psycopg.Error as error:
        said.append(str(error))
try:
    psycopg.connect(**settings)
    said.append("let in")
except psycopg.OperationalError as error:
    said.append(str(error))
print(json.dumps(said), flush=True)
"""


class Logins:
    """The service's old and new login, and the collection's own, with the rights that docs/privileges.md lists."""

    def __init__(self, services):
        self._fleet = services
        (self._service,) = services.services
        self.old, self.new, self.dba = (f"{self._service.name}{end}" for end in ("", "_2", "_dba"))
        self.superuser(
            f"CREATE ROLE {self.new} LOGIN PASSWORD 'canary-new'",
            f"GRANT {self.old} TO {self.new}",
            f"ALTER ROLE {self.new} SET role TO {self.old}",
            f"CREATE ROLE {self.dba} LOGIN CREATEROLE PASSWORD 'canary-dba'",
            f"GRANT {self.old} TO {self.dba} WITH ADMIN OPTION",
            f"GRANT {self.new} TO {self.dba}",
        )
        self.fence()

    def superuser(self, *statements: str) -> list:
        with self._fleet.lab.postgres.connect(self._service.name) as session:
            for statement in statements:
                cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def fence(self, **more) -> None:
        """The inventory with the fence, or with something about it otherwise."""
        self._fleet.set(
            **{
                "atlasdb_kvs_overrides": {"user": self.dba, "password": "canary-dba"},
                "atlasdb_kvs_new_login": {"username": self.new, "password": "canary-new"},
                "timelock_quiet_seconds": 1,
                **more,
            }
        )

    def old_may_log_in(self) -> bool:
        return self.superuser(f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{self.old}'") == [(True,)]

    def _settings(self, database: str) -> dict:
        return {
            "host": "127.0.0.1", "port": self._fleet.lab.postgres.port, "dbname": database,
            "user": self.old, "password": self._service.settings.password,
            "application_name": "PostgreSQL JDBC Driver", "autocommit": True,
        }  # fmt: skip

    def session(self, database: str) -> psycopg.Connection:
        """One of the old login."""
        return psycopg.connect(**self._settings(database))

    def hidden_pool(self) -> subprocess.Popen:
        """A process with eight idle sessions of the old login, suspended."""
        pool = subprocess.Popen(
            [sys.executable, "-c", POOL, json.dumps(self._settings(self._service.name))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert pool.stdout.readline() == "idle\n"
        pool.send_signal(signal.SIGSTOP)
        return pool


@pytest.mark.refuses("fence-changed")
def test_a_hidden_client_is_cut_off_and_the_service_goes_forward_and_back(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        (node,) = services.nodes
        before = node.config_path.read_bytes()
        logins = Logins(services)

        # Killed behind the fence: the next run goes on with it, and with no other.
        kill_at(services, "migrate.yml", moment_of("after", "stop", SHUT_OUT))
        assert not logins.old_may_log_in() and node.config_path.read_text().startswith("# held by")
        logins.fence(atlasdb_kvs_new_login={})
        refused = services.refused(asked=(node.service.name,))
        assert any(": fence-changed: " in reason for reason in refused.reasons), refused.tail

        # Put back before the point of no return: the old login is let in again.
        logins.fence(timelock_window_limit=0.01)
        run = services.play("migrate.yml")
        assert run.codes == ["window-too-long"], run.tail
        assert logins.old_may_log_in() and node.config_path.read_bytes() == before
        services.assert_as_before()

        # Forward, with a client that nobody knows of.
        logins.fence()
        pool = logins.hidden_pool()
        run = services.migrate("--diff")
        assert "canary" not in run.output
        assert not [path for path in services.reports.iterdir() if "canary" in path.read_text()]
        pool.send_signal(signal.SIGCONT)
        said = json.loads(pool.communicate("\n", timeout=30)[0])
        assert len(said) == 9 and all("terminating connection" in one for one in said[:8]), said
        assert "not permitted to log in" in said[8]
        services.assert_migrated()
        assert not logins.old_may_log_in()
        assert f'dbLogin: "{logins.new}"' in node.config_path.read_text()
        fenced = [line for line in _journal(services) if line.get("effect") == "fence" and line["came"] == "changed"]
        assert "8 of" in fenced[-1]["ended"] and fenced[-1]["after"] == {"login": logins.old, "enabled": False}
        assert services.migrate().changed == {}

        # And back.
        logins.fence(atlasdb_kvs_new_login={})
        assert "fence-changed" in " ".join(services.play("reverse.yml").reasons)
        logins.fence()
        run = services.play("reverse.yml")
        assert run.ok, run.tail
        assert logins.old_may_log_in() and node.config_path.read_bytes() == before
        services.assert_as_before()


def test_runs_killed_around_the_fence_and_each_effect_behind_it_leave_what_the_next_one_finishes(lab, tmp_path):
    """Forward, where one is put back, and on the way back."""
    with fleet(lab, tmp_path, 3) as services:
        logins = Logins(services)
        kill_around_the_fence(services, logins.fence, logins.old_may_log_in, lambda: not logins.old_may_log_in())


@pytest.mark.kills_at("Hold and stop the node, and prove it offline", SHUT_OUT)
def test_runs_whose_proofs_are_too_old_killed_around_what_they_do_again_leave_what_the_next_one_finishes(lab, tmp_path):
    with fleet(lab, tmp_path, 2) as services:
        logins = Logins(services)
        kill_around_what_is_done_again(
            services, logins.fence,
            lambda: logins.superuser(f"ALTER ROLE {logins.old} LOGIN"), lambda: not logins.old_may_log_in(),
        )  # fmt: skip


def test_nodes_stay_held_while_their_login_cannot_be_let_in_again(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        (node,) = services.nodes
        (service,) = services.services
        logins = Logins(services)
        logins.fence(timelock_session_wait=1)
        with contextlib.ExitStack() as stranger, services.paused("begin-invalidate") as run:
            stranger.enter_context(lab.postgres.connect(service.name))
            logins.superuser(f"ALTER ROLE {logins.dba} NOCREATEROLE")
        assert "kvs-session-open" in run.codes, run.tail
        assert any("could not be let in again, so the nodes stay held" in line for line in run.verdict), run.tail
        assert services.store(service)[0] == ACTIVE and not logins.old_may_log_in()
        assert node.config_path.read_text().startswith("# held by") and node.process() is None
        assert "fence-denied" in " ".join(services.play("migrate.yml").reasons)
        logins.superuser(f"ALTER ROLE {logins.dba} CREATEROLE")
        services.migrate()
        services.assert_migrated()


@pytest.mark.refuses("fence-open")
def test_a_service_of_whose_old_login_a_session_does_not_end_is_put_back(lab, tmp_path):
    """The server's process of that session is suspended, so that it ends for nobody."""
    shutting_out = moment_of("before", "stop", SHUT_OUT)
    with fleet(lab, tmp_path, 2) as services:
        (service,) = services.services
        logins = Logins(services)
        before = services.look_at(service)
        with contextlib.ExitStack() as ending:
            session = ending.enter_context(contextlib.closing(logins.session(service.name)))
            backend = session.info.backend_pid
            with services.paused(shutting_out) as run:
                os.kill(backend, signal.SIGSTOP)
                ending.callback(os.kill, backend, signal.SIGCONT)
        assert not run.ok and "fence-open" in run.codes, run.tail
        assert any("put back: the service runs as before" in line for line in run.verdict), run.tail
        assert logins.old_may_log_in()
        assert services.look_at(service) == before
        services.assert_as_before()


def _journal(services) -> list:
    files = sorted(services.reports.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


@pytest.mark.refuses("fence-login", "fence-denied", "fence-shared")
def test_what_is_wrong_with_a_fence_is_refused_by_the_plan_and_nothing_is_touched(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        logins = Logins(services)
        wrong = {
            "fence-login": {"atlasdb_kvs_new_login": {"username": logins.new, "password": "canary-guess"}},
            "fence-denied": {"atlasdb_kvs_overrides": {}},
        }
        for code, variables in wrong.items():
            logins.fence(**variables)
            run = services.refused()
            assert any(f": {code}: " in reason for reason in run.reasons), run.tail
            assert "canary" not in run.output
        logins.fence(atlasdb_kvs_new_login={"user": logins.new})
        assert any(": fence-login: " in reason for reason in services.refused().reasons)
        logins.fence()
        logins.superuser(f"ALTER ROLE {logins.dba} NOCREATEROLE")
        logins.superuser(f"REVOKE {logins.old} FROM {logins.new}")
        with logins.session("postgres"):
            run = services.refused()
        assert any(": fence-shared: " in reason for reason in run.reasons), run.tail
        assert any("CREATEROLE" in reason for reason in run.reasons), run.tail
        assert any(f"GRANT {logins.old} TO {logins.new}" in reason for reason in run.reasons), run.tail
        assert services.store(services.services[0])[0] == ACTIVE and logins.old_may_log_in()
