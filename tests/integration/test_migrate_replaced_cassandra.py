# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service's Cassandra is replaced while the service is down: by an older copy of itself, and by another cluster of
the same name, to which its data were brought.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

import cassandra_here
from fleet import ACTIVE, CASSANDRA, Fleet, fleet, lab
from lab.cassandra.cluster import Cassandra

__all__ = ["lab"]

pytestmark = cassandra_here.only_wide


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    """Two runs find another Cassandra when they come to invalidate. The first has its own again then; the second does
    not, and its service stays on the one that it found.
    """
    cassandra_here.require()
    copies = tmp_path_factory.mktemp("copies")
    with fleet(lab, tmp_path_factory.mktemp("fleet"), 1, stores=(CASSANDRA,), rate=3) as services:
        (service,) = services.services
        (node,) = service.nodes
        cluster = lab.cassandra[CASSANDRA]
        told = SimpleNamespace(fleet=services, service=service, node=node)
        cluster.kill(0)
        older = shutil.copytree(_home(cluster), copies / "older")
        cluster.start()
        service.stop()
        service.start()
        service.wait_healthy()
        services.await_more_timestamps(3)
        told.older = _found_before_invalidation(services, cluster, older)
        _replace(cluster, older)
        cluster.stop()
        other = shutil.copytree(_home(cluster), copies / "other")
        _forget_who_it_is(other)
        cluster.start()
        told.other = _found_before_invalidation(services, cluster, other)
        services.await_more_timestamps()
        told.refused = services.refused(asked=(service.name,))
        told.last = services.play("migrate.yml", "-e", "timelock_accept_identity='brought to another cluster'")
        yield told


def _home(cluster: Cassandra) -> Path:
    return cluster.folder / "node1"


def _forget_who_it_is(home: Path) -> None:
    """What it holds stays: a node that was stopped in peace has all of it in its tables, and nothing in its log."""
    (local,) = (home / "data/system").glob("local-*")
    shutil.rmtree(local)
    shutil.rmtree(home / "commitlog")


def _replace(cluster: Cassandra, other: Path) -> None:
    """Each then lies where the other lay."""
    home = _home(cluster)
    aside = home.with_name("aside")
    cluster.stop()
    home.rename(aside)
    other.rename(home)
    aside.rename(other)
    cluster.start()


def _found_before_invalidation(services: Fleet, cluster: Cassandra, other: Path) -> SimpleNamespace:
    """What a run has for which that happens, and how it leaves the other one and the node."""
    (service,), (node,) = services.services, services.nodes
    with services.paused("begin-invalidate") as run:
        before = services.store(service)
        _replace(cluster, other)
        found = services.store(service)
    return SimpleNamespace(run=run, before=before, found=found, store=services.store(service), mode=node.mode())


def _said(story, run) -> list[str]:
    return [line for line in run.verdict if line.startswith(f"{story.service.name}: ")]


@pytest.mark.refuses("bound-moved")
def test_an_older_copy_is_refused_and_no_node_comes_up_on_it(story):
    seen = story.older
    said = _said(story, seen.run)
    assert seen.found[1] < seen.before[1]
    assert any(
        "in step 'invalidate': bound-moved: " in line and "put back to an older state" in line for line in said
    ), said
    assert any("the nodes stay held" in line for line in said), said
    assert (seen.store, seen.mode) == (seen.found, None)


@pytest.mark.refuses("kvs-identity")
def test_another_cluster_with_the_same_in_it_is_refused_and_not_invalidated(story):
    seen = story.other
    said = _said(story, seen.run)
    assert seen.found == seen.before
    assert any("in step 'invalidate': kvs-identity: " in line and "its nodes are" in line for line in said), said
    assert (seen.store[0], seen.mode) == (ACTIVE, "embedded")


def test_the_next_run_refuses_it_too_until_told_that_it_is_the_right_one(story):
    assert [reason.split(": ")[1] for reason in story.refused.reasons] == ["kvs-identity"], story.refused.reasons
    assert story.last.ok, story.last.tail
    story.fleet.assert_migrated()
