# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run, a service for each step: in that step, the controller loses one of its two nodes, until the run ends.

Then the nodes are reached again, and a second run must end it for all of them.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cassandra_here import only_wide
from fleet import ACTIVE, INVALIDATED, STEPS
from host_fleet import HostFleet, host_fleet
from lab.hosts import network

pytestmark = only_wide

SERVICES = {step.replace("_", "-"): step for step in STEPS}
"""Services by the step in which a node of theirs is lost."""
BEFORE = ("prepare", "stop")
"""The steps that need every node, and are before the point of no return."""


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    with host_fleet(tmp_path_factory.mktemp("hosts"), dict.fromkeys(SERVICES, 2), rate=2) as fleet:
        told = SimpleNamespace(fleet=fleet)
        fleet.set(
            timelock_waves=[len(SERVICES)], timelock_max_failed_services=len(SERVICES), timelock_session_wait=5,
            ansible_timeout=5,
        )  # fmt: skip
        lost = []
        told.run = fleet.begin("migrate.yml", breakpoints=tuple(f"begin-{step}" for step in STEPS))
        try:
            for name, step in SERVICES.items():
                told.run.wait_at(f"begin-{step}")
                lost.append(fleet.lab.services[name].nodes[1].on)
                lost[-1].forget(network.HUB_ADDRESS)
                told.run.go_on(f"begin-{step}")
            told.run.wait()
        finally:
            told.run.kill()
            for host in lost:
                host.remember(network.HUB_ADDRESS)
        told.ends = {name: _look(fleet, name) for name in SERVICES}
        told.again = fleet.play("migrate.yml")
        yield told


def _look(fleet: HostFleet, name: str) -> SimpleNamespace:
    service = fleet.lab.services[name]
    held = [node.name for node in service.nodes if node.config_path.read_bytes().startswith(b"# held by")]
    modes = [node.mode() for node in service.nodes]
    return SimpleNamespace(store=fleet.store(service)[0], modes=modes, held=held)


def _words(story, name: str) -> str:
    return "\n".join(line for line in story.run.verdict if line.startswith(f"{name}:")) or story.run.tail


@pytest.mark.parametrize("name", [name for name, step in SERVICES.items() if step in BEFORE])
def test_a_node_lost_before_the_point_of_no_return_has_its_service_put_back(story, name):
    end = story.ends[name]
    assert (end.store, end.modes, end.held) == (ACTIVE, ["leader", "leader"], []), _words(story, name)


@pytest.mark.parametrize("name", [name for name, step in SERVICES.items() if step not in (*BEFORE, "report")])
def test_a_node_that_is_held_and_lost_then_stays_held_and_the_other_one_serves_on_timelock(story, name):
    end = story.ends[name]
    assert (end.store, end.modes, end.held) == (INVALIDATED, ["timelock", None], [f"{name}-2"]), _words(story, name)


def test_a_node_that_is_lost_once_it_serves_is_no_matter(story):
    end = story.ends["report"]
    assert (end.store, end.modes, end.held) == (INVALIDATED, ["timelock", "timelock"], [])
    assert "report: migrated" in _words(story, "report")


def test_the_run_says_of_each_what_was_lost(story):
    for name, step in SERVICES.items():
        if step != "report":
            words = _words(story, name)
            assert f"{name}: failed" in words and f"{name}-2" in words, words


def test_the_next_run_ends_it_for_all_of_them_and_no_timestamp_went_back(story):
    assert story.again.ok, story.again.tail
    story.fleet.assert_migrated()
