# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store has lost what a run wrote there, as after a failover to a copy that was behind; the nodes obeyed that run."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from cassandra_here import only_wide
from fleet import fleet, lab

__all__ = ["lab"]

pytestmark = only_wide

WHY = {
    "timelock_accept_identity": "a failover that lost the record alone",
    "timelock_accept_unproven": "one was held by the run that is lost",
    "timelock_adopt_namespace": True,
}


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    """Of one service the run died while its node was held; of another a run had put it back."""
    with fleet(lab, tmp_path_factory.mktemp("fleet"), 1, 1, rate=3) as services:
        held, embedded = services.services
        services.play("migrate.yml", "--limit", embedded.name, "-e", "timelock_window_limit=0.01")
        run = services.begin("migrate.yml", "--limit", held.name, breakpoints=("begin-read",))
        try:
            run.wait_at("begin-read")
        finally:
            run.kill_with_workers()
        for service in services.services:
            with lab.postgres.connect(service.name) as session:
                session.execute("DROP SCHEMA atlasdb_timelock CASCADE")
        told = SimpleNamespace(fleet=services)
        told.refused = services.refused()
        told.last = services.play("migrate.yml", "-e", json.dumps(WHY))
        yield told


def test_no_service_is_touched_whose_nodes_obeyed_a_run_that_its_store_does_not_know(story):
    names = [service.name for service in story.fleet.services]
    assert {(name, "kvs-identity") for name in names} <= {tuple(r.split(": ")[:2]) for r in story.refused.reasons}


def test_they_are_migrated_once_somebody_says_why_that_is_no_harm(story):
    assert story.last.ok, story.last.tail
    story.fleet.assert_migrated()
