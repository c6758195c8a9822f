# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrate.yml is killed in the middle of each of its steps, and run again."""

from __future__ import annotations

import json

import pytest

from cassandra_here import WIDE
from fleet import STEPS, STORES, fleet, lab, wait_for
from lab import processes
from lab.layout import POSTGRES
from lab.service import Node

__all__ = ["lab"]

WRITES_NOTHING = ("read_back",)
WRITES_THE_STORE = ("prepare", "read", "invalidate", "report")


def moments(steps: list[str]) -> list[str]:
    """In the middle of each step, which is after its first effect; and when all is prepared."""
    found = []
    for step in steps:
        found.append(f"end-{step}" if step in WRITES_NOTHING else f"changed-{step}")
        if step == "prepare":
            found.append("end-prepare")
    return found


@pytest.mark.parametrize("store", STORES)
def test_runs_killed_in_each_step_one_after_the_other_leave_what_the_next_one_finishes(lab, tmp_path, store):
    everywhere = WIDE or store == POSTGRES
    with fleet(lab, tmp_path, 2 if everywhere else 1, stores=(store,)) as services:
        for moment in moments(STEPS if everywhere else WRITES_THE_STORE):
            run = services.begin("migrate.yml", breakpoints=(moment,))
            try:
                run.wait_at(moment)
            finally:
                run.kill()
            assert run.codes == [], run.tail
        services.migrate()
        services.assert_migrated()
        assert services.migrate().changed == {}


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
