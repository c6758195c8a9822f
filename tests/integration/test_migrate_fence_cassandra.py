# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A handover with a fence on Cassandra: the sessions that the old login has are left, and may do nothing any more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import cassandra_here
from fleet import ACTIVE, CASSANDRA, fleet, lab
from kills import kill_around_the_fence, kill_around_what_is_done_again, kill_at
from lab.callback.breakpoints import moment_of

__all__ = ["lab"]

pytestmark = cassandra_here.only_wide

SHUT_OUT = "Shut out the old login, and end its sessions"
# A host of another client of the cluster, as the inventory says: its connections count as that one's.
ELSEWHERE = "127.0.77.1"
POOL = """
import json, sys
from thrift_session import ThriftSession
settings = json.loads(sys.argv[1])
sessions = [ThriftSession(**settings) for _number in range(8)]
for session in sessions:
    assert session.get(b"ts") is None
print("idle", flush=True)
bound = int(sys.stdin.readline())
held, wanted = (number.to_bytes(8, "big") for number in (bound, bound + 1_000_000))
said = [session.get(b"ts") or "served" for session in sessions]
said += [session.cas(b"ts", held, wanted) or "compared" for session in sessions]
try:
    ThriftSession(**settings)
    said.append("let in")
except PermissionError as error:
    said.append(str(error))
print(json.dumps(said), flush=True)
"""


class Logins:
    """The service's old and new login, and the collection's own: here a superuser."""

    def __init__(self, services):
        self._fleet = services
        (self._service,) = services.services
        self._cluster = services.lab.cassandra[CASSANDRA]
        self.old, self.new, self.dba = (f"{self._service.name}{end}" for end in ("", "_2", "_dba"))
        self.superuser(
            f"CREATE ROLE \"{self.new}\" WITH LOGIN = true AND PASSWORD = 'canary-new'",
            f'GRANT ALL PERMISSIONS ON KEYSPACE "{self.old}" TO "{self.new}"',
            f"CREATE ROLE \"{self.dba}\" WITH LOGIN = true AND SUPERUSER = true AND PASSWORD = 'canary-dba'",
        )
        self.before = self.rights()
        self.fence()

    def superuser(self, *statements: str) -> list:
        session = self._cluster.connect()
        try:
            for statement in statements:
                rows = list(session.execute(statement).current_rows or [])
            return rows
        finally:
            session.cluster.shutdown()

    def fence(self, **more) -> None:
        """The inventory with the fence, or with something about it otherwise."""

        def change(everything: dict) -> None:
            everything["vars"].update(
                {
                    "atlasdb_kvs_overrides": {"user": self.dba, "password": "canary-dba"},
                    "atlasdb_kvs_new_login": {"username": self.new, "password": "canary-new"},
                    "timelock_quiet_seconds": 1,
                    **more,
                }
            )
            everything["vars"]["timelock_kvs_known_clients"].append(ELSEWHERE)

        self._fleet.write(change)

    def rights(self) -> tuple:
        """Whether the old login may log in, and its rights by resource."""
        (role,) = self.superuser(f"SELECT can_login FROM system_auth.roles WHERE role = '{self.old}'")
        rows = self.superuser(
            f"SELECT resource, permissions FROM system_auth.role_permissions WHERE role = '{self.old}'"
        )
        return role.can_login, {row.resource: set(row.permissions) for row in rows if row.permissions}

    def hidden_pool(self) -> subprocess.Popen:
        """A process with eight idle sessions of the old login, suspended."""
        settings = {
            "address": self._cluster.addresses[0], "port": self._cluster.thrift_port, "keyspace": self.old,
            "user": self.old, "password": self._service.settings.password, "source": ELSEWHERE,
        }  # fmt: skip
        pool = subprocess.Popen(
            [sys.executable, "-c", POOL, json.dumps(settings)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        )  # fmt: skip
        assert pool.stdout.readline() == "idle\n"
        pool.send_signal(signal.SIGSTOP)
        return pool


@pytest.fixture
def services(lab, tmp_path):
    cassandra_here.require()
    with fleet(lab, tmp_path, 1, stores=(CASSANDRA,)) as made:
        yield made


@pytest.mark.refuses("fence-changed")
def test_a_hidden_client_s_sessions_are_worth_nothing_and_the_service_goes_forward_and_back(services):
    (node,) = services.nodes
    before = node.config_path.read_bytes()
    logins = Logins(services)
    shut_out = (False, {})

    # Killed behind the fence: the next run goes on with it, and with no other.
    kill_at(services, "migrate.yml", moment_of("after", "stop", SHUT_OUT))
    assert logins.rights() == shut_out and node.config_path.read_text().startswith("# held by")
    logins.fence(atlasdb_kvs_new_login={})
    refused = services.refused(asked=(node.service.name,))
    assert any(": fence-changed: " in reason for reason in refused.reasons), refused.tail
    assert logins.rights() == shut_out

    # Put back before the point of no return: the old login is as it was.
    logins.fence(timelock_window_limit=0.01)
    run = services.play("migrate.yml")
    assert run.codes == ["window-too-long"], run.tail
    assert logins.rights() == logins.before and node.config_path.read_bytes() == before
    services.assert_as_before()

    # Forward, with a client that nobody knows of.
    logins.fence()
    pool = logins.hidden_pool()
    run = services.migrate("--diff")
    assert "canary" not in run.output
    (service,) = services.services
    pool.send_signal(signal.SIGCONT)
    said = json.loads(pool.communicate(f"{services.store(service)[1]}\n", timeout=30)[0])
    assert len(said) == 17 and all("permission" in one for one in said[:16]), said
    assert "not permitted to log in" in said[16]
    services.assert_migrated()
    assert logins.rights() == shut_out
    assert f'username: "{logins.new}"' in node.config_path.read_text()
    assert services.migrate().changed == {}
    assert services.play("status.yml").ok

    # And back.
    logins.fence(atlasdb_kvs_new_login={})
    assert "fence-changed" in " ".join(services.play("reverse.yml").reasons)
    logins.fence()
    run = services.play("reverse.yml")
    assert run.ok, run.tail
    assert logins.rights() == logins.before and node.config_path.read_bytes() == before
    services.assert_as_before()


def test_runs_killed_around_the_fence_and_each_effect_behind_it_leave_what_the_next_one_finishes(lab, tmp_path):
    """Forward, where one is put back, and on the way back."""
    cassandra_here.require()
    with fleet(lab, tmp_path, 3, stores=(CASSANDRA,)) as services:
        logins = Logins(services)
        kill_around_the_fence(
            services, logins.fence,
            lambda: logins.rights() == logins.before, lambda: logins.rights() == (False, {}),
        )  # fmt: skip


@pytest.mark.kills_at("Hold and stop the node, and prove it offline", SHUT_OUT)
def test_runs_whose_proofs_are_too_old_killed_around_what_they_do_again_leave_what_the_next_one_finishes(lab, tmp_path):
    cassandra_here.require()
    with fleet(lab, tmp_path, 2, stores=(CASSANDRA,)) as services:
        logins = Logins(services)
        kill_around_what_is_done_again(
            services, logins.fence,
            lambda: logins.superuser(f'ALTER ROLE "{logins.old}" WITH LOGIN = true'),
            lambda: logins.rights() == (False, {}),
        )  # fmt: skip


def test_nodes_stay_held_while_their_login_cannot_be_let_in_again(services):
    (node,) = services.nodes
    (service,) = services.services
    logins = Logins(services)
    logins.fence(timelock_window_limit=0.01)
    logins.superuser(
        f'GRANT ALL PERMISSIONS ON KEYSPACE "{logins.old}" TO "{logins.dba}"',
        f'GRANT SELECT ON KEYSPACE system_auth TO "{logins.dba}"',
    )
    run = services.begin("migrate.yml", breakpoints=(moment_of("after", "stop", SHUT_OUT),))
    try:
        run.wait_at(moment_of("after", "stop", SHUT_OUT))
        logins.superuser(f'ALTER ROLE "{logins.dba}" WITH SUPERUSER = false')
        run.go_on(moment_of("after", "stop", SHUT_OUT))
        run.wait()
    finally:
        run.kill()
    assert any("could not be let in again, so the nodes stay held" in line for line in run.verdict), run.tail
    assert services.store(service)[0] == ACTIVE and logins.rights() == (False, {})
    assert node.config_path.read_text().startswith("# held by") and node.process() is None
    logins.fence()
    assert "fence-denied" in " ".join(services.play("migrate.yml").reasons)
    logins.superuser(f'ALTER ROLE "{logins.dba}" WITH SUPERUSER = true')
    services.migrate()
    services.assert_migrated()


@pytest.mark.refuses("fence-login", "fence-denied", "fence-unsupported")
def test_what_is_wrong_with_a_fence_is_refused_by_the_plan_and_nothing_is_touched(services):
    logins = Logins(services)
    wrong = {
        "fence-login": {"atlasdb_kvs_new_login": {"username": logins.new, "password": "canary-guess"}},
        # The service's own login, which is not shown what logins may do.
        "fence-denied": {"atlasdb_kvs_overrides": {}},
    }
    for code, variables in wrong.items():
        logins.fence(**variables)
        run = services.refused()
        assert any(f": {code}: " in reason for reason in run.reasons), run.tail
        assert "canary" not in run.output
    logins.fence()
    logins.superuser(f'ALTER ROLE "{logins.old}" WITH SUPERUSER = true')
    run = services.refused()
    assert any(": fence-unsupported: " in reason and "superuser" in reason for reason in run.reasons), run.tail
    logins.superuser(f'ALTER ROLE "{logins.old}" WITH SUPERUSER = false')
    assert services.store(services.services[0])[0] == ACTIVE and logins.rights() == logins.before
