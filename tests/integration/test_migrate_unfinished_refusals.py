# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused where an earlier run is on record: one that did not finish, or one that did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cassandra_here import only_wide
from fleet import Fleet, dump, fleet, lab
from lab import by_hand
from lab.postgres import Postgres
from lab.service import Service
from mistakes import replica

__all__ = ["lab"]

pytestmark = only_wide


class Unfinished:
    """Makes mistakes with services of which a run was killed, and keeps what the inventory says of them."""

    def __init__(self, services: Fleet):
        self.fleet = services
        self.lab = services.lab
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
        return self.fleet.look(), [dump("pg_dumpall", server) for server in self.servers]

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
        self._change(service, lambda group: group["vars"].update(atlasdb_kvs_overrides={"port": promoted.port}))
        return "timeline is 2, and was 1"


UNFINISHED = {
    Unfinished.a_bound_that_went_down: ("bound-below-record", 1),
    Unfinished.a_group_that_lost_a_node: ("inventory-changed", 2),
    Unfinished.a_hold_that_was_overwritten: ("config-changed", 1),
    Unfinished.a_database_under_the_same_name: ("kvs-identity", 1),
    Unfinished.a_standby_that_was_promoted: ("kvs-identity", 1),
}


@pytest.fixture(scope="module")
def refused(lab, tmp_path_factory):
    """A run killed before the invalidation; then the mistakes, and the next run, with looks around it."""
    counts = [nodes for _code, nodes in UNFINISHED.values()]
    with fleet(lab, tmp_path_factory.mktemp("fleet"), *counts) as services:
        services.set(timelock_waves=[len(counts)])
        first = services.begin("migrate.yml", breakpoints=("begin-invalidate",))
        try:
            first.wait_at("begin-invalidate")
        finally:
            first.kill()
        named = dict(zip(UNFINISHED, services.services, strict=True))
        unfinished = Unfinished(services)
        words = {make: make(unfinished, service) for make, service in named.items()}
        unfinished.write()
        before = unfinished.look()
        try:
            run = services.play("migrate.yml")
            yield run, named, words, before, unfinished.look()
        finally:
            for server in unfinished.servers:
                server.stop()


@pytest.mark.parametrize("make", UNFINISHED, ids=lambda make: make.__name__)
def test_the_next_run_after_one_that_was_killed_refuses(refused, make):
    run, named, words, _before, _after = refused
    start = f"{named[make].name}: {UNFINISHED[make][0]}: "
    assert any(reason.startswith(start) and words[make] in reason for reason in run.reasons), run.reasons or run.tail


def test_it_changes_nothing_and_lets_no_node_come_up(refused):
    run, named, _words, before, after = refused
    assert not run.ok
    assert run.begun() == []
    assert after == before
    assert {node.mode() for service in named.values() for node in service.nodes} == {None}


def test_an_old_configuration_that_comes_back_after_the_migration_is_named_by_status_and_mended(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        (node,) = services.nodes
        old = node.config_path.read_text()
        services.migrate()
        services.assert_migrated()
        node.config_path.write_text(old)
        services.load(0)
        before = _without_calls(services)
        status = services.play("status.yml")
        assert not status.ok
        assert _without_calls(services) == before
        said = f"{services.services[0].name}: config-drifted: {node.name} was switched to TimeLock by run "
        assert any(line.startswith(said) for line in status.said()), status.tail
        services.load()
        services.migrate()
        assert services.play("status.yml").ok
        services.assert_migrated()


def _without_calls(services: Fleet) -> dict:
    """A node on TimeLock calls it all the time."""
    return {what: found for what, found in services.look().items() if what != "namespaced calls"}
