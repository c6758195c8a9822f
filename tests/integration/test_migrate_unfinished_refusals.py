# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused where an earlier run is on record: one that did not finish, or one that did."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.namespaces import OVERRIDE
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reading import read_config

from cassandra_here import only_wide
from fleet import Fleet, Run, but_questions, dump, fleet, lab
from lab import by_hand, playbooks, ports
from lab.postgres import Postgres
from lab.service import Service
from mistakes import copy_of, replica

__all__ = ["lab"]

pytestmark = only_wide


class Unfinished:
    """Makes mistakes with services of which a run was killed, and keeps what the inventory says of them.

    Made before that run: one of them is a store as it was then.
    """

    def __init__(self, services: Fleet):
        self.fleet = services
        self.lab = services.lab
        self._earlier = Path(self.lab.settings.temporary) / "earlier"
        copy_of(self.lab, self._earlier)
        self.servers: list[Postgres] = []
        self._changes: list[Callable[[dict], object]] = []

    def write(self) -> None:
        self.fleet.write(lambda everything: [change(everything) for change in self._changes])

    def _change(self, service: Service, change: Callable[[dict], object]) -> None:
        """What is otherwise in the service's group."""
        self._changes.append(
            lambda everything: change(everything["children"]["atlasdb_services"]["children"][service.name])
        )

    def look(self) -> tuple:
        """The whole world, with all servers in it."""
        names = [service.name for service in self.fleet.services]
        return but_questions(self.fleet.look(), *names), [dump("pg_dumpall", server) for server in self.servers]

    def a_bound_that_went_down(self, service: Service) -> str:
        store = by_hand.store(self.lab, service.name)
        store.write_bound(store.bound() - 1)
        return "is on record"

    def a_group_that_lost_a_node(self, service: Service) -> str:
        _kept, lost = service.nodes
        self._change(service, lambda group: group["hosts"].pop(lost.name))
        return lost.name

    def a_hold_that_was_overwritten(self, service: Service) -> str:
        (node,) = service.nodes
        node.config_path.write_text("# the old configuration, from configuration management\n")
        return node.name

    def a_database_under_the_same_name(self, service: Service) -> str:
        name = service.name
        with self.lab.postgres.connect() as session:
            session.execute(f"ALTER DATABASE {name} RENAME TO {name}_before")
            session.execute(f"CREATE DATABASE {name} TEMPLATE {name}_before OWNER {name}")
        return "database_oid"

    def a_standby_that_was_promoted(self, service: Service) -> str:
        promoted = replica(self.lab, Path(self.lab.settings.temporary) / "promoted")
        self.servers.append(promoted)
        with promoted.connect() as session:
            session.execute("SELECT pg_promote()")
        self._use(service, promoted)
        return "timeline is 2, and was 1"

    def a_server_that_was_put_back(self, service: Service) -> str:
        earlier = Postgres(self._earlier, {**self.lab.postgres.settings, "port": ports.free_port()})
        earlier.start()
        self.servers.append(earlier)
        self._use(service, earlier)
        return "of which its store has no record"

    def another_server_with_the_same_in_it(self, service: Service) -> str:
        folder = Path(self.lab.settings.temporary) / "another"
        folder.mkdir(mode=0o755)
        another = Postgres(folder, {})
        another.create(100)
        another.start()
        self.servers.append(another)
        password = another.create_database(service.name)
        with another.connect(service.name) as session:
            session.execute(dump("pg_dump", self.lab.postgres, "--inserts", service.name))
        self._use(service, another, password=password)
        return "system_identifier"

    def _use(self, service: Service, server: Postgres, **more: str) -> None:
        overrides = {"port": server.port, **more}
        self._change(service, lambda group: group["vars"].update(atlasdb_kvs_overrides=overrides))


UNFINISHED = {
    Unfinished.a_bound_that_went_down: ("bound-below-record", 1),
    Unfinished.a_group_that_lost_a_node: ("inventory-changed", 2),
    Unfinished.a_hold_that_was_overwritten: ("hold-impossible", 1),
    Unfinished.a_database_under_the_same_name: ("kvs-identity", 1),
    Unfinished.a_standby_that_was_promoted: ("kvs-identity", 1),
    Unfinished.a_server_that_was_put_back: ("kvs-identity", 1),
    Unfinished.another_server_with_the_same_in_it: ("kvs-identity", 1),
}


@pytest.fixture(scope="module")
def refused(lab, tmp_path_factory):
    """A run killed before the invalidation; then the mistakes, and the next run, with looks around it."""
    counts = [nodes for _code, nodes in UNFINISHED.values()]
    with fleet(lab, tmp_path_factory.mktemp("fleet"), *counts) as services:
        services.set(timelock_waves=[len(counts)])
        unfinished = Unfinished(services)
        first = services.begin("migrate.yml", breakpoints=("begin-invalidate",))
        try:
            first.wait_at("begin-invalidate")
        finally:
            first.kill()
        named = dict(zip(UNFINISHED, services.services, strict=True))
        words = {make: make(unfinished, service) for make, service in named.items()}
        unfinished.write()
        try:
            before = unfinished.look()
            run = services.play("migrate.yml")
            yield run, named, words, before, unfinished.look(), services
        finally:
            for server in unfinished.servers:
                server.stop()


@pytest.mark.parametrize("make", UNFINISHED, ids=lambda make: make.__name__)
def test_the_next_run_after_one_that_was_killed_refuses(refused, make):
    run, named, words, _before, _after, _services = refused
    start = f"{named[make].name}: {UNFINISHED[make][0]}: "
    assert any(reason.startswith(start) and words[make] in reason for reason in run.reasons), run.reasons or run.tail


@pytest.mark.refuses(*{code for code, _nodes in UNFINISHED.values()})
def test_it_changes_nothing_and_lets_no_node_come_up(refused):
    run, named, _words, before, after, _services = refused
    assert not run.ok
    assert run.begun() == []
    assert after == before
    assert {node.mode() for service in named.values() for node in service.nodes} == {None}


def test_a_standby_that_had_everything_and_was_promoted_is_gone_on_with_where_its_operator_says_so(refused):
    _run, named, _words, _before, _after, services = refused
    (node,) = named[Unfinished.a_standby_that_was_promoted].nodes
    accepted = json.dumps({"timelock_accept_identity": "a failover, of which nothing was lost"})
    services.migrate("--limit", node.name, "-e", accepted)
    assert (node.mode(), node.health()) == ("timelock", None)


def test_a_node_whose_hold_was_overwritten_is_held_again_once_it_has_its_file_back(refused):
    """As the runbook says. Its process was seen before the first hold, and by nobody since."""
    _run, named, _words, _before, _after, services = refused
    (node,) = named[Unfinished.a_hold_that_was_overwritten].nodes
    (kept,) = node.config_path.parent.glob(f".{node.config_path.name}.timelock-kept-*")
    shutil.copy2(kept, node.config_path)
    status = services.play("status.yml", "--limit", node.name)
    assert status.ok and any("nothing keeps it down" in line for line in status.said()), status.tail
    services.migrate("--limit", node.name)
    assert (node.mode(), node.health()) == ("timelock", None)


def test_a_bound_that_went_down_is_raised_by_hand_once_the_lock_of_the_dead_run_was_taken_as_the_runbook_says(
    refused, tmp_path
):
    _run, named, _words, _before, _after, services = refused
    service = named[Unfinished.a_bound_that_went_down]
    with services.lab.postgres.connect(service.name) as session:
        elsewhere = "UPDATE atlasdb_timelock.record SET holder = holder || '{\"host\": \"ops-9\"}' RETURNING holder"
        ((holder,),) = session.execute(elsewhere).fetchall()
    (raise_it,) = _of_the_runbook("Somebody restored a backup", "timestamp_restore")
    locked = _by_hand(services, service, tmp_path, [raise_it])
    assert (locked.ok, locked.codes) == (False, ["operator-locked"]), locked.tail
    assert any("operator-locked" in reason for reason in services.play("migrate.yml").reasons)

    take, give_back = _of_the_runbook("A lock is left", "handover_record")
    take["atlasdb.timelock.handover_record"]["take_over"] = holder["run_id"]
    raised = _by_hand(services, service, tmp_path, [take, give_back, raise_it])
    assert raised.ok, raised.tail
    assert services.store(service)[1] >= int(raise_it["atlasdb.timelock.timestamp_restore"]["at_least"])
    services.migrate("--limit", service.nodes[0].name)
    assert (service.nodes[0].mode(), service.nodes[0].health()) == ("timelock", None)


def _of_the_runbook(section: str, module: str) -> list[dict]:
    """The tasks with the module that stand in a section of the runbook."""
    text = (playbooks.ROOT / "docs/runbook.md").read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    blocks = re.findall(rf"(?m)^( *)- (atlasdb\.timelock\.{module}:\n(?:\1  .*\n)+)", text)
    return [task for indent, block in blocks for task in yaml.safe_load(f"{indent}- {block}")]


def _by_hand(services: Fleet, service: Service, folder: Path, tasks: list[dict]) -> Run:
    """A playbook of one's own with these tasks, which name the service and its store."""
    (kept,) = service.nodes[0].config_path.parent.glob(".install.yml.timelock-kept-*")
    kvs = read_config(kept.read_text(), None, version=service.settings.version).kvs
    for task in tasks:
        (options,) = (task[key] for key in task if key.startswith("atlasdb.timelock."))
        options["kvs"] = kvs
        options.update({"service": service.name} if "service" in options else {})
    playbook = folder / "by_hand.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    return services.play(os.path.relpath(playbook, playbooks.ROOT / "playbooks"))


@pytest.fixture(scope="module")
def migrated(lab, tmp_path_factory) -> Iterator[tuple[Fleet, str]]:
    """A service that was migrated, and what its node's file said before; every test leaves it migrated."""
    with fleet(lab, tmp_path_factory.mktemp("fleet"), 1) as services:
        old = services.nodes[0].config_path.read_text()
        services.migrate()
        services.assert_migrated()
        yield services, old


def _alarms(services: Fleet, said: str) -> None:
    """status.yml says so, and fails, having changed nothing."""
    services.load(0)
    before = _without_calls(services)
    status = services.play("status.yml")
    assert not status.ok
    assert any(line.startswith(said) for line in status.said()), status.tail
    assert _without_calls(services) == before


@pytest.mark.refuses("config-drifted")
def test_an_old_configuration_that_comes_back_after_the_migration_is_named_by_status_and_mended(migrated):
    services, old = migrated
    (node,) = services.nodes
    node.config_path.write_text(old)
    _alarms(services, f"{node.service.name}: config-drifted: {node.name} was switched to TimeLock by run ")
    services.load()
    services.migrate()
    assert services.play("status.yml").ok
    services.assert_migrated()


@pytest.mark.refuses("config-other-timelock")
def test_a_namespace_that_is_not_the_one_on_record_is_refused_whoever_made_it_on_timelock(lab, migrated):
    services, _old = migrated
    (node,) = services.nodes
    right = node.config_path.read_text()
    own = f'  namespace: "{node.service.name}"\n'
    assert own in right
    lab.timelock.wake("shop")
    node.config_path.write_text(right.replace(own, f"  namespace: shop\n  {OVERRIDE}: true\n"))
    found = f"config-other-timelock: {node.name} uses the namespace shop, and on record is {node.service.name}."
    _alarms(services, f"{node.service.name}: {found}")
    before = _without_calls(services)
    for playbook in ("migrate.yml", "reverse.yml"):
        run = services.play(playbook)
        assert not run.ok and run.begun() == [], run.tail
        assert any(reason.startswith(f"{node.service.name}: {found}") for reason in run.reasons), run.tail
    assert _without_calls(services) == before
    assert "/shop/" not in str(services.look()["namespaced calls"])
    node.config_path.write_text(right)
    services.load()
    assert services.migrate().changed == {}
    services.assert_migrated()


def _without_calls(services: Fleet) -> dict:
    """A node on TimeLock calls it all the time."""
    return {what: found for what, found in services.look().items() if what != "namespaced calls"}
