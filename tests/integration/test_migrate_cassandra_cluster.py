# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks on a service whose Cassandra has three nodes, of which one is down in each step, or two at once."""

from __future__ import annotations

import itertools

import pytest

import cassandra_here
from fleet import ACTIVE, INVALIDATED, STEPS, Fleet, fleet, lab, wait_for
from lab.cassandra.cluster import Cassandra

__all__ = ["lab"]

pytestmark = cassandra_here.only_wide

CLUSTER = "cassandra-x3"
BOTH = (1, 2)


@pytest.fixture
def services(lab, tmp_path):
    """A service of two nodes under load, with all of its Cassandra up."""
    cassandra_here.require()
    if CLUSTER in lab.cassandra:
        lab.cassandra[CLUSTER].start()
    with fleet(lab, tmp_path, 2, stores=(CLUSTER,), rate=5) as made:
        yield made


@pytest.fixture
def cluster(lab, services) -> Cassandra:
    return lab.cassandra[CLUSTER]


def _look(services: Fleet) -> dict[str, object]:
    """All that no plan may change, but for Cassandra's own processes, of which the test has killed some."""
    own = {process.pid for cluster in services.lab.cassandra.values() for process in cluster.processes()}
    seen = services.look()
    return {**seen, "processes": [process for process in seen["processes"] if process.pid not in own]}


def _rest(services: Fleet) -> None:
    services.load(0)
    bounds = (services.store(service) for service in itertools.cycle(services.services))
    wait_for(lambda: next(bounds) == next(bounds), "the bound moves without load")


def test_a_run_completes_while_in_each_step_another_node_is_down(services, cluster):
    down = itertools.cycle(range(3))
    cluster.kill(next(down))
    run = services.begin("migrate.yml", breakpoints=tuple(f"begin-{step}" for step in STEPS))
    try:
        for step in STEPS:
            run.wait_at(f"begin-{step}")
            cluster.start()
            cluster.kill(next(down))
            run.go_on(f"begin-{step}")
        run.wait()
    finally:
        run.kill()
    assert run.ok, run.tail
    assert run.begun() == STEPS
    # The lab reads without a second try, which a node that just died spoils.
    cluster.start()
    services.assert_migrated()


@pytest.mark.refuses("kvs-unreachable")
def test_a_plan_with_two_nodes_down_refuses_in_clear_words_and_changes_nothing(services, cluster):
    _rest(services)
    before = _look(services)
    for node in BOTH:
        cluster.kill(node)
    run = services.play("plan.yml")
    assert not run.ok
    assert [reason.split(": ")[1] for reason in run.reasons] == ["kvs-unreachable"], run.tail
    (reason,) = run.reasons
    assert "replicas" in reason and " needs" in reason, reason
    cluster.start()
    assert _look(services) == before
    services.load()
    services.assert_as_before()


def test_two_nodes_killed_before_the_invalidation_stop_the_run_without_harm_and_the_next_completes(services, cluster):
    with services.paused("begin-invalidate") as run:
        for node in BOTH:
            cluster.kill(node)
    assert not run.ok
    assert "kvs-unreachable" in run.codes, run.tail
    assert any("the nodes stay held" in line for line in run.verdict), run.tail
    for node in services.nodes:
        assert node.process() is None
        assert node.config_path.read_text().startswith("# held by atlasdb.timelock")
    cluster.start()
    assert services.store(services.services[0])[0] == ACTIVE
    services.migrate()
    services.assert_migrated()
    assert services.store(services.services[0])[0] == INVALIDATED
