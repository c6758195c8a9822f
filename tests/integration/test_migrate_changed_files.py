# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody edits a configuration while the run is at it: after the look, after the staging, while the node is held."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from unittest.mock import ANY

import pytest

from cassandra_here import only_wide
from fleet import fleet, lab
from lab.callback.breakpoints import moment_of
from lab.service import Node

__all__ = ["lab"]

pytestmark = only_wide

LOOKED = moment_of("before", "prepare", "Stage the new configuration beside the old one")
STAGED = "begin-stop"
HELD = "begin-invalidate"


def _install(node: Node) -> Path:
    return node.config_path


def _runtime(node: Node) -> Path:
    return node.runtime_path


EDITS = {
    "the_file_after_the_look": (LOOKED, _install, 1, "sls"),
    "the_runtime_file_after_the_look": (LOOKED, _runtime, 1, "command"),
    "the_file_after_the_staging": (STAGED, _install, 2, "sls"),
    "the_runtime_file_after_the_staging": (STAGED, _runtime, 2, "command"),
    "the_runtime_file_while_held": (HELD, _runtime, 2, "command"),
}
"""When which file of the last node of a service is edited, how many nodes that has, and how they are started."""

AT_PREPARE = [name for name, (moment, *_rest) in EDITS.items() if moment == LOOKED]
IN_THE_WINDOW = [name for name, (moment, *_rest) in EDITS.items() if moment == STAGED]
WHILE_HELD = [name for name, (moment, *_rest) in EDITS.items() if moment == HELD]
RELEASED = {"holders": []}
"""Of the lock, which the run had when the files were edited."""


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    """One wave of all services; then the edits are taken back, and migrate.yml is run again."""
    _moments, _files, counts, managers = zip(*EDITS.values(), strict=True)
    with fleet(lab, tmp_path_factory.mktemp("fleet"), *counts, managers=managers, rate=3) as services:
        services.set(timelock_waves=[len(EDITS)])
        named = dict(zip(EDITS, services.services, strict=True))
        told = SimpleNamespace(fleet=services, named=named, before={}, processes={})
        edited = {}
        run = services.begin("migrate.yml", breakpoints=(LOOKED, STAGED, HELD))
        try:
            for moment in (LOOKED, STAGED, HELD):
                run.wait_at(moment)
                for name, (when, file, *_rest) in EDITS.items():
                    if when == moment:
                        path = file(named[name].nodes[-1])
                        edited[path] = path.read_text()
                        path.write_text(f"{edited[path]}\n# edited by somebody\n")
                        told.before[name] = services.look_at(named[name])
                        told.processes[name] = [node.process() for node in named[name].nodes]
                run.go_on(moment)
            told.first = run.wait()
        finally:
            run.kill()
        told.after = {name: services.look_at(named[name]) for name in EDITS}
        told.processes_after = {name: [node.process() for node in named[name].nodes] for name in EDITS}
        for path, text in edited.items():
            path.write_text(text)
        told.second = services.play("migrate.yml")
        yield told


def _failed_in(story, step: str, name: str) -> None:
    node = story.named[name].nodes[-1]
    said = f"{node.service.name}: in step '{step}': config-changed: {node.name}: "
    path = str(EDITS[name][1](node))
    assert any(line.startswith(said) and path in line for line in story.first.verdict), story.first.tail


@pytest.mark.refuses("config-changed")
@pytest.mark.parametrize("name", AT_PREPARE)
def test_a_file_that_changed_since_the_look_is_refused_before_anything_stops(story, name):
    _failed_in(story, "prepare", name)
    assert story.processes_after[name] == story.processes[name]
    assert story.after[name] == story.before[name] | RELEASED


@pytest.mark.refuses("config-changed")
@pytest.mark.parametrize("name", IN_THE_WINDOW)
def test_a_file_that_changed_since_it_was_staged_is_refused_and_the_service_put_back_as_it_was(story, name):
    _failed_in(story, "stop", name)
    service = story.named[name]
    assert any(line.startswith(f"{service.name}: put back: ") for line in story.first.verdict), story.first.tail
    stopped, edited = story.processes_after[name]
    assert stopped != story.processes[name][0], "the node whose file nobody edited was stopped, and started again"
    assert edited == story.processes[name][1], "the other one was never stopped"
    assert story.after[name] == _unstaged(story.before[name]) | RELEASED


def _unstaged(look: dict) -> dict:
    files = {name: about for name, about in look["files"].items() if "timelock-staged" not in name}
    assert files != look["files"]
    return look | {"files": files}


def test_a_file_that_changed_while_the_node_was_held_is_not_switched_in(story):
    (name,) = WHILE_HELD
    _failed_in(story, "restart_others", name)
    service = story.named[name]
    first, edited = service.nodes
    assert any(line.startswith(f"{service.name}: the store is invalidated") for line in story.first.verdict)
    assert story.after[name]["nodes"] == [(first.name, "timelock", None), (edited.name, None, ANY)]
    assert _of(edited, story.after[name]) == _of(edited, story.before[name])


def _of(node: Node, look: dict) -> dict:
    return {name: about for name, about in look["files"].items() if name.startswith(f"{node.name}/")}


def test_another_run_migrates_every_service_once_the_edits_are_taken_back(story):
    assert story.second.ok, story.second.tail
    story.fleet.assert_migrated()
