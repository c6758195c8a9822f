# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused where an earlier run is on record: one that did not finish, or one that did."""

from __future__ import annotations

import pytest

from cassandra_here import only_wide
from fleet import Fleet, fleet, lab
from lab import by_hand
from lab.service import Service

__all__ = ["lab"]

pytestmark = only_wide


def a_bound_that_went_down(services: Fleet, service: Service) -> str:
    store = by_hand.store(services.lab, service.name)
    store.write_bound(store.bound() - 1)
    return "is on record"


def a_group_that_lost_a_node(services: Fleet, service: Service) -> str:
    kept, lost = service.nodes
    services.write(
        lambda everything: everything["children"]["atlasdb_services"]["children"][service.name]["hosts"].pop(lost.name)
    )
    return lost.name


def a_hold_that_was_overwritten(_services: Fleet, service: Service) -> str:
    (node,) = service.nodes
    node.config_path.write_text("# the old configuration, from configuration management\n")
    return node.name


def a_database_under_the_same_name(services: Fleet, service: Service) -> str:
    name = service.name
    with services.lab.postgres.connect() as session:
        session.execute(f"ALTER DATABASE {name} RENAME TO {name}_before")
        session.execute(f"CREATE DATABASE {name} TEMPLATE {name}_before OWNER {name}")
    return "database_oid"


UNFINISHED = {
    a_bound_that_went_down: ("bound-below-record", 1),
    a_group_that_lost_a_node: ("inventory-changed", 2),
    a_hold_that_was_overwritten: ("config-changed", 1),
    a_database_under_the_same_name: ("kvs-identity", 1),
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
        words = {make: make(services, service) for make, service in named.items()}
        before = services.look()
        run = services.play("migrate.yml")
        yield run, named, words, before, services.look()


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
        status = services.play("status.yml")
        assert not status.ok
        said = f"{services.services[0].name}: config-drifted: {node.name} was switched to TimeLock by run "
        assert any(line.startswith(said) for line in status.said()), status.tail
        services.migrate()
        assert services.play("status.yml").ok
        services.assert_migrated()
