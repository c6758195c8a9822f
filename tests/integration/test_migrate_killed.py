# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrate.yml is killed in the middle of each of its steps, and run again.

Each moment has services of its own, whose run is killed there; then one more run finishes all of them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cassandra_here import WIDE
from fleet import STEPS, STORES, Fleet, fleet, lab, wait_for

from lab import processes
from lab.layout import POSTGRES
from lab.service import Node

__all__ = ["lab"]

WRITES_NOTHING = ("read_back",)
OF_SEVERAL_NODES = ("stop", "restart_first", "restart_others")
OF_SEVERAL_EFFECTS = ("prepare", "stop", "restart_others")
MOMENTS = [
    "begin-prepare",
    *(f"{'end' if step in WRITES_NOTHING else 'changed'}-{step}" for step in STEPS),
    *(f"end-{step}" for step in OF_SEVERAL_EFFECTS),
]
"""In the middle of each step, which for one of several effects is after the first and after the last of them."""

STORES_OF = {
    moment: STORES if WIDE or moment.partition("-")[2] in ("prepare", "read", "invalidate", "report") else (POSTGRES,)
    for moment in MOMENTS
}
"""A service on each kind of store where the step changes the store; in the wider run everywhere."""


@pytest.fixture(scope="module")
def killed(lab, tmp_path_factory):
    """All services after the run that finished them; the services by moment, and the two runs after the kills."""
    counts = [
        2 if moment.partition("-")[2] in OF_SEVERAL_NODES else 1 for moment in MOMENTS for _store in STORES_OF[moment]
    ]
    stores = sum(STORES_OF.values(), ())
    with fleet(
        lab, tmp_path_factory.mktemp("fleet"), *counts, managers=("sls", "sls", "command"), stores=stores, rate=2
    ) as services:
        own, left = {}, list(services.services)
        for moment in MOMENTS:
            chosen = [left.pop(0) for _store in STORES_OF[moment]]
            own[moment] = Fleet(lab, tmp_path_factory.mktemp(moment), chosen)
        for moment, alone in own.items():
            alone.set(timelock_waves=[len(STORES)])
            run = alone.begin("migrate.yml", breakpoints=(moment,))
            try:
                run.wait_at(moment)
            finally:
                run.kill()
        services.set(timelock_waves=[len(counts)])
        after = services.play("migrate.yml")
        # A third run of all would take as long, and says of each the same.
        some = ":".join([services.services[0].name, services.services[-1].name, "localhost"])
        again = services.play("migrate.yml", "--limit", some)
        services.load()
        if after.ok:
            services.await_more_timestamps()
        yield services, own, after, again


@pytest.mark.parametrize(("moment", "store"), [(moment, store) for moment in MOMENTS for store in STORES_OF[moment]])
def test_a_run_killed_in_a_step_is_finished_by_the_next(killed, moment, store):
    _services, own, after, _again = killed
    (service,) = [service for service in own[moment].services if service.settings.store == store]
    said = [line for line in after.verdict if line.startswith(f"{service.name}: ")]
    assert said and said[0].startswith(f"{service.name}: migrated"), said or after.tail
    own[moment].assert_on_timelock()


def test_the_run_after_a_killed_one_succeeds(killed):
    _services, _own, after, _again = killed
    assert after.ok, after.tail


def test_the_run_after_that_changes_nothing_on_any_host(killed):
    _services, _own, _after, again = killed
    assert again.ok, again.tail
    assert again.changed == {}


def test_a_module_that_outlives_its_controller_is_waited_for(lab, tmp_path):
    """The node does not stop, so the module that stops it is at work when the controller and its workers die."""
    with fleet(lab, tmp_path, 1) as services:
        (node,) = services.nodes
        services.set(atlasdb_stop_timeout=600)
        first = services.begin("migrate.yml", breakpoints=("begin-stop",))
        try:
            first.wait_at("begin-stop")
            node.pause()
            first.go_on("begin-stop")
            wait_for(lambda: node.config_path.read_text().startswith("# held by"), "the node is not held")
        finally:
            first.kill_with_workers()
        module = _working_on(node)
        assert module and processes.is_alive(module)

        second = services.begin("migrate.yml")
        try:
            staging = "Stage the new configuration beside the old one"
            wait_for(lambda: any(event.get("name") == staging for event in second.events), "nothing is staged")
            assert processes.is_alive(module)
            node.resume()
            second.wait()
        finally:
            second.kill()
        assert second.ok, second.tail
        services.assert_migrated()


def _working_on(node: Node) -> processes.Process | None:
    """The module that has signed the node's lock."""
    signed = json.loads((node.config_path.parent / f".{node.config_path.name}.timelock-lock").read_text())
    return processes.identify(signed["pid"])
