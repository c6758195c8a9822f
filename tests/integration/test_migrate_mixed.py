# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of migrate.yml over six services under load, on PostgreSQL and on Cassandra of three versions."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import cassandra_here
from fleet import CASSANDRA, STEPS, fleet, lab
from lab import clusters
from lab.layout import POSTGRES

__all__ = ["lab"]

pytestmark = cassandra_here.only_wide

STORES = (POSTGRES, CASSANDRA, POSTGRES, CASSANDRA, "cassandra-palantir", "cassandra-4.1")
"""One a service; those of the same name share one cluster."""


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    for store in {*STORES} - {POSTGRES}:
        cassandra_here.require(clusters.shape(store)["version"])
    nodes = [2 if position % 2 else 1 for position in range(len(STORES))]
    folder = tmp_path_factory.mktemp("fleet")
    with fleet(lab, folder, *nodes, managers=("sls", "sls", "command"), stores=STORES, rate=2) as services:
        services.set(timelock_waves=[1, 5])
        told = SimpleNamespace(fleet=services)
        told.first = services.play("migrate.yml")
        told.second = services.play("migrate.yml")
        yield told


def test_one_run_migrates_services_on_every_store(story):
    assert story.first.ok, story.first.tail
    assert story.first.begun() == STEPS
    for service in story.fleet.services:
        assert any(line.startswith(f"{service.name}: migrated") for line in story.first.verdict), story.first.verdict
    story.fleet.assert_migrated()


def test_a_second_run_changes_nothing_on_any_host(story):
    assert story.second.ok, story.second.tail
    assert story.second.changed == {}


def test_each_client_on_cassandra_finds_the_work_of_its_own_migration_done(story):
    clients = [node for node in story.fleet.nodes if node.service.store != POSTGRES]
    assert {node.service.store for node in clients} == {*STORES} - {POSTGRES}
    for node in clients:
        assert "Didn't backup, because there is already a valid backup of" in node.log(), node.name
        assert "Backed up the value" not in node.log(), node.name
