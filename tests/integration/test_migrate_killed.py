# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrate.yml and reverse.yml are killed before and after every effect that they have, and run again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from ansible_collections.atlasdb.timelock.plugins.module_utils.journal import EFFECTS

from cassandra_here import WIDE, only_wide
from fleet import CASSANDRA, RENAME_STEPS, REVERSE_STEPS, STEPS, STORES, fleet, lab, wait_for
from lab import playbooks, processes
from lab.callback.breakpoints import moment_of
from lab.service import Node

__all__ = ["lab"]

ROLES = playbooks.ROOT / "roles"
COLLECTION = "atlasdb.timelock."
NEVER = (
    # Only with a fence (test_migrate_fence).
    "stop-Shut-out", "reverse_restore-Let-the-old-login",
    # Only where proofs have become too old.
    "invalidate-Shut-out", "invalidate-Hold-and-stop",
    # Only where somebody uses TimeLock at that very moment.
    "reverse_restore-Raise-it",
)  # fmt: skip


def tasks_in(file: Path):
    """The tasks of a file, and of those that it brings in by their names, in their order."""
    for task in yaml.safe_load(file.read_text()):
        brought_in = task.get("ansible.builtin.import_tasks") or task.get("ansible.builtin.include_tasks")
        if brought_in and "{{" not in brought_in:
            yield from tasks_in(file.parent / brought_in)
        elif imported := task.get("ansible.builtin.import_role"):
            role = imported["name"].removeprefix(COLLECTION)
            yield from tasks_in(ROLES / role / "tasks" / imported["tasks_from"])
        else:
            yield task


def effects(steps: list[str]):
    """Every effect of a handover, or of the way back, in its order, as the roles have them: step, task and module."""
    for step in steps:
        for task in tasks_in(ROLES / f"timelock/tasks/{step}.yml"):
            for module in (key.removeprefix(COLLECTION) for key in task if key.startswith(COLLECTION)):
                if module in EFFECTS:
                    yield step, task["name"], module


def moments_of(store: str, steps: list[str]) -> list[str]:
    """After each effect, which is before the next one, and at the end of a step that has none.

    In the wider run before each as well; otherwise for Cassandra only the one that nothing takes back.
    """
    everywhere = WIDE or store != CASSANDRA
    found = []
    for step in steps:
        own = [(task, module) for of, task, module in effects(steps) if of == step]
        for task, module in own:
            if everywhere or module in ("timestamp_invalidate", "timestamp_restore"):
                found += [moment_of(when, step, task) for when in (("before", "after") if WIDE else ("after",))]
        if everywhere and not own:
            found.append(f"end-{step}")
    return [moment for moment in found if not moment.partition("-")[2].startswith(NEVER)]


def test_every_effect_is_one_of_a_step():
    assert {module for _step, _task, module in [*effects(STEPS), *effects(REVERSE_STEPS)]} == set(EFFECTS)
    for steps in (STEPS, REVERSE_STEPS, RENAME_STEPS):
        assert len(set(moments_of(STORES[0], steps))) == len(moments_of(STORES[0], steps)) >= 10
    # A rename does nothing that nothing takes back.
    for steps in (STEPS, REVERSE_STEPS):
        assert moments_of(CASSANDRA, steps)


@pytest.mark.parametrize("store", STORES)
def test_runs_killed_around_each_effect_one_after_the_other_leave_what_the_next_one_finishes(lab, tmp_path, store):
    with fleet(lab, tmp_path, 1 if store == CASSANDRA and not WIDE else 2, stores=(store,)) as services:
        for moment in moments_of(store, STEPS):
            kill_at(services, "migrate.yml", moment)
        services.migrate()
        services.assert_migrated()
        assert services.migrate().changed == {}


def kill_at(services, playbook: str, moment: str, *arguments: str) -> None:
    run = services.begin(playbook, *arguments, breakpoints=(moment,))
    try:
        run.wait_at(moment)
    finally:
        run.kill()
    assert not [event for event in run.events if event.get("outcome") == "failed"], run.tail


@only_wide
@pytest.mark.parametrize("store", STORES)
def test_ways_back_killed_around_each_effect_leave_what_the_next_one_finishes(lab, tmp_path, store):
    """In between nobody goes forward, and status says what to type."""
    with fleet(lab, tmp_path, 2, stores=(store,)) as services:
        services.set(timelock_quiet_seconds=1)
        services.migrate()
        for moment in moments_of(store, REVERSE_STEPS):
            kill_at(services, "reverse.yml", moment)
            if moment.startswith(("after-reverse_configure", "after-reverse_restore")):
                assert "reverse-unfinished" in " ".join(services.play("migrate.yml").reasons)
        run = services.play("reverse.yml")
        assert run.ok, run.tail
        services.assert_as_before()
        assert services.play("reverse.yml").changed == {}
        services.migrate()
        services.assert_migrated()


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
