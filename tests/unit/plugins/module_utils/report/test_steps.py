# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the steps."""

from __future__ import annotations

from pathlib import Path

import yaml
from ansible_collections.atlasdb.timelock.plugins.module_utils.report import steps

TASKS = Path(__file__).parents[5] / "roles/timelock/tasks"


def test_the_steps_are_those_of_the_role_and_are_called_as_it_calls_them():
    named = named_in("handover.yml")
    assert {step: f"({number}/9) {name}" for number, (step, name) in enumerate(steps.HANDOVER.items(), 1)} == named
    assert [steps.title(step) for step in named] == [name.replace("(", "").replace(")", "") for name in named.values()]
    back = {step: f"({number}/7) {name}" for number, (step, name) in enumerate(steps.REVERSE.items(), 1)}
    assert back == named_in("reverse.yml")
    renaming = {step: f"({number}/8) {name}" for number, (step, name) in enumerate(steps.RENAME.items(), 1)}
    assert renaming == named_in("rename.yml")
    own = {step: f"({number}/7) {name}" for number, (step, name) in enumerate(steps.AUTOMATED.items(), 1)}
    assert own == named_in("automated.yml")


def test_a_run_is_known_by_its_plan_and_a_clients_own_migration_by_the_step_that_it_came_to():
    assert steps.sequence("migrate", ["prepare", "stop"]) is steps.HANDOVER
    assert steps.sequence("migrate", ["prepare", "own_migration", "put_back"]) is steps.AUTOMATED
    assert steps.sequence("reverse", ["prepare", "quiet_stop"]) is steps.REVERSE
    assert steps.sequence("rename", ["prepare", "quiet_stop"]) is steps.RENAME
    assert steps.title("report", steps.AUTOMATED) == "7/7 Report"


def named_in(file):
    tasks = yaml.safe_load((TASKS / file).read_text(encoding="utf-8"))
    return {task["vars"]["timelock_step"]: task["name"] for task in tasks if "timelock_step" in task.get("vars", {})}


def test_every_step_has_a_short_name():
    assert set(steps.SHORT) == {*steps.HANDOVER, *steps.REVERSE, *steps.RENAME, *steps.AUTOMATED, steps.PUT_BACK}
    assert steps.title(steps.PUT_BACK) == "Put back"
