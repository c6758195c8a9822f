# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server of the stores is replaced by an older copy of itself while the services are down."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from cassandra_here import only_wide
from fleet import INVALIDATED, Fleet, fleet, lab
from lab.postgres import Postgres
from mistakes import copy_of

__all__ = ["lab"]

pytestmark = only_wide


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    """Of one service the bound has moved since the copy was made; then the server comes back as it was, and migrate.yml
    is run again for that one.
    """
    with fleet(lab, tmp_path_factory.mktemp("fleet"), 1, 1, rate=3) as services:
        services.set(timelock_waves=[2])
        same, older = services.services
        told = SimpleNamespace(fleet=services, same=same, older=older)
        copy = copy_of(lab, Path(lab.settings.temporary) / "copy")
        with lab.postgres.connect() as session:
            # Nothing that the copy writes when it starts brings it to where the original is.
            session.execute("SELECT pg_switch_wal()")
            session.execute("CREATE TABLE moved ()")
            session.execute("SELECT pg_switch_wal()")
        older.stop()
        older.start()
        older.wait_healthy()
        services.await_more_timestamps(3)
        with services.paused("begin-invalidate") as told.first:
            told.held, told.ts = _looks(services), _bounds(services)
            original = _replace(lab.postgres, copy)
            told.copied = _bounds(services)
        told.after, told.bounds, told.modes = _looks(services), _bounds(services), services.modes()
        services.load(0)
        same.stop()
        _replace(lab.postgres, original)
        services.load()
        told.second = services.play("migrate.yml", "--limit", older.nodes[0].name)
        yield told


def _looks(services: Fleet) -> dict:
    return {service: services.look_at(service) for service in services.services}


def _bounds(services: Fleet) -> dict:
    return {service: services.store(service)[1] for service in services.services}


def _replace(server: Postgres, data: Path) -> Path:
    """The server with other data, on the same port; where its own lie now."""
    aside = data.with_name(f"{data.name}-before")
    server.stop()
    server.data.rename(aside)
    data.rename(server.data)
    server.start()
    return aside


def _said(story, service) -> list[str]:
    return [line for line in story.first.verdict if line.startswith(f"{service.name}: ")]


def test_a_store_at_an_earlier_position_is_refused_and_the_service_put_back_as_it_was(story):
    service = story.same
    assert story.copied[service] == story.ts[service]
    said = _said(story, service)
    assert any("in step 'invalidate': kvs-identity: " in line and "earlier than" in line for line in said), said
    assert any(line.startswith(f"{service.name}: put back: ") for line in said), said
    assert story.modes[service.nodes[0].name] == "embedded"
    assert story.after[service]["database"] == story.held[service]["database"]


@pytest.mark.refuses("kvs-identity")
def test_a_store_below_ts_is_refused_and_no_node_comes_up_on_it(story):
    service = story.older
    (node,) = service.nodes
    assert story.copied[service] < story.ts[service]
    said = _said(story, service)
    assert any("in step 'invalidate': kvs-identity: " in line and "earlier than" in line for line in said), said
    assert any("the nodes stay held" in line for line in said), said
    assert story.modes[node.name] is None
    assert story.bounds[service] == story.copied[service]
    assert story.after[service] == story.held[service] | {"holders": []}, "the copy knows of no lock"


def test_it_is_migrated_once_its_store_is_back_and_no_timestamp_went_back(story):
    assert story.second.ok, story.second.tail
    (node,) = story.older.nodes
    assert (node.mode(), node.health()) == ("timelock", None)
    assert story.fleet.store(story.older) == (INVALIDATED, story.ts[story.older])
    assert node.fresh() > story.ts[story.older]
    story.fleet.assert_clean()
