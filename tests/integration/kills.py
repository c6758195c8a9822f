# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The effects that the roles have, read from their tasks, and runs that are killed at one of them."""

from __future__ import annotations

import functools
import importlib
import itertools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import yaml
from ansible_collections.atlasdb.timelock.plugins.module_utils.journal import EFFECTS

from fleet import REVERSE_STEPS, STEPS, Fleet, Run
from lab import playbooks
from lab.callback.breakpoints import moment_of

ROLES = playbooks.ROOT / "roles"
COLLECTION = "atlasdb.timelock."
PUT_BACK, REVERSE_PUT_BACK = "put_back", "reverse_put_back"
"""What is done in the place of further steps where one has failed; both are the step PUT_BACK in a run."""

NO_QUORUM = ("timelock-unreachable", "timelock-no-leader")
FENCE = "kvs_login"
YOUNG_SECONDS = 10
"""For how long proofs count as young where twice that is their whole time."""

RARE = {
    # Where proofs have become too old.
    ("invalidate", "Shut out the old login, and end its sessions"),
    ("invalidate", "Hold and stop the node, and prove it offline"),
    ("own_migration", "Hold and stop the node, and prove it offline"),
    ("own_migration", "Shut out the old login, and end its sessions"),
    # Where somebody uses TimeLock at that very moment.
    ("reverse_restore", "Raise it"),
    # Where nobody knows whether the store is invalidated.
    (PUT_BACK, "Raise the bound, so that an invalidation that is still under way can never apply"),
}
"""Effects that a run has only where something is out of the ordinary, by step and task. A test that kills runs at one
is marked with the task.
"""


class Effect(NamedTuple):
    step: str
    task: str
    module: str

    def moment(self, when: str) -> str:
        return moment_of(when, self.step, self.task)


@functools.cache
def _read(file: Path) -> list[dict]:
    return yaml.safe_load(file.read_text())


def tasks_in(file: Path):
    """The tasks of a file, and of those that it brings in by their names, in their order."""
    yield from _each(_read(file), file.parent)


def _each(tasks: list[dict], folder: Path):
    for task in tasks:
        brought_in = task.get("ansible.builtin.import_tasks") or task.get("ansible.builtin.include_tasks")
        if isinstance(brought_in, dict):
            brought_in = brought_in["file"]
        if brought_in and "{{" not in brought_in:
            yield from tasks_in(folder / brought_in)
        elif imported := task.get("ansible.builtin.import_role"):
            role = imported["name"].removeprefix(COLLECTION)
            yield from tasks_in(ROLES / role / "tasks" / imported["tasks_from"])
        elif "block" in task:
            for part in ("block", "rescue", "always"):
                yield from _each(task.get(part, []), folder)
        else:
            yield task


def effects_in(file: Path):
    """The tasks in and behind a file that have an effect, with the module that has it."""
    for task in tasks_in(file):
        for module in (key.removeprefix(COLLECTION) for key in task if key.startswith(COLLECTION)):
            if module in EFFECTS:
                yield task["name"], module


HARMLESS = ("debug", "fail", "set_fact", "set_stats", "import_role", "import_tasks", "include_tasks")
"""Modules of Ansible's own that change nothing outside a run."""

LOOKS = (
    "client_config_info", "fleet_plan", "handover_check", "kvs_sessions_info", "kvs_sockets_info", "timelock_info",
    "timestamp_info",
)  # fmt: skip
"""Modules of the collection that change nothing, and say so in their documentation."""

ON_THE_CONTROLLER = ("handover_report",)
"""One that writes a run's own files, beside its journal."""


def says_that_it_changes_nothing(module: str) -> bool:
    """Whether the documentation of a module of the collection says so."""
    found = importlib.import_module(f"ansible_collections.atlasdb.timelock.plugins.modules.{module}")
    mode = yaml.safe_load(found.DOCUMENTATION)["attributes"]["diff_mode"]
    return mode["support"] == "none" and mode["description"].startswith(("Nothing is changed", "Nothing changes"))


def unlisted_effects() -> list[str]:
    """The tasks of the handover's roles that may change something, and are no effect that is known: but by a module of
    Ansible's own on the controller, or where nothing is changed.
    """
    files = [file for role in ("timelock", "atlasdb") for file in sorted((ROLES / role / "tasks").glob("*.yml"))]
    return [
        task["name"]
        for file in files
        for task in tasks_in(file)
        for module in task
        if "." in module and not _is_known(module, task)
    ]


def _is_known(module: str, task: dict) -> bool:
    if module.startswith(COLLECTION):
        return module.removeprefix(COLLECTION) in (*EFFECTS, *LOOKS, *ON_THE_CONTROLLER)
    harmless = module.removeprefix("ansible.builtin.") in HARMLESS
    return harmless or task.get("delegate_to") == "localhost" or task.get("changed_when") is False


def effects(steps: list[str]):
    """Every effect of a handover, or of the way back, in its order, as the roles have them."""
    for step in steps:
        for task, module in effects_in(ROLES / f"timelock/tasks/{step}.yml"):
            yield Effect(PUT_BACK if step == REVERSE_PUT_BACK else step, task, module)


def rare_effects(step: str) -> list[Effect]:
    """Those of RARE that the step has, or putting back."""
    return [effect for effect in effects([step]) if (effect.step, effect.task) in RARE]


def usual_effects(steps: list[str], fence: bool = False) -> list[Effect]:
    usual = [effect for effect in effects(steps) if (effect.step, effect.task) not in RARE]
    return [effect for effect in usual if fence or effect.module != FENCE]


def effects_from_the_fence_on(steps: list[str]) -> list[Effect]:
    """Of a run with a fence."""
    return list(itertools.dropwhile(lambda effect: effect.module != FENCE, usual_effects(steps, fence=True)))


def moments_of(steps: list[str]) -> list[str]:
    """Before and after each usual effect, and at the end of a step that has none."""
    found = []
    for step in steps:
        own = [effect for effect in effects(steps) if effect.step == step]
        found += [effect.moment(when) for effect in usual_effects([step]) for when in ("before", "after")]
        found += [] if own else [f"end-{step}"]
    return found


def kill_at(
    services: Fleet,
    playbook: str,
    moment: str,
    *arguments: str,
    after: tuple[str, ...] = (),
    meanwhile: Mapping[str, Callable[[], object]] = MappingProxyType({}),
) -> Run:
    """A run that was killed there, once it had failed with one of the codes `after`, or else with none; what is to be
    done at earlier moments is done `meanwhile`.
    """
    run = services.begin(playbook, *arguments, breakpoints=(*meanwhile, moment))
    try:
        for earlier, do in meanwhile.items():
            run.wait_at(earlier)
            do()
            run.go_on(earlier)
        run.wait_at(moment)
    finally:
        run.kill()
    codes = {event["code"] for event in run.events if event.get("outcome") == "failed"}
    assert codes <= set(after) and bool(codes) == bool(after), run.tail
    return run


def kill_before(services: Fleet, playbook: str, effect: Effect, *arguments: str, **how) -> None:
    """A run killed when none of the services has had the effect; raises AssertionError where that is not so."""
    run = kill_at(services, playbook, effect.moment("before"), *arguments, **how)
    last = run.events[-1]
    assert (last["event"], last.get("name")) == ("task", effect.task), run.tail


def kill_past(services: Fleet, playbook: str, effect: Effect, *arguments: str, **how) -> None:
    """A run killed when each of the services has had the effect; raises AssertionError where that is not so."""
    run = kill_at(services, playbook, effect.moment("past"), *arguments, **how)
    results = itertools.takewhile(lambda event: event["event"] == "result", reversed(run.events))
    hosts = {event["host"] for event in results if event["task"] == effect.task and event["changed"]}
    assert all(hosts & {node.name for node in service.nodes} for service in services.services), run.tail


def kill_behind(services: Fleet, playbook: str, effect: Effect, *arguments: str, **how) -> None:
    """A run killed before the task that follows the effect, of which nothing was to do."""
    names = [task["name"] for task in tasks_in(ROLES / f"timelock/tasks/{effect.step}.yml") if "name" in task]
    following = names[names.index(effect.task) + 1]
    kill_at(services, playbook, moment_of("before", effect.step, following), *arguments, **how)


def kill_around(services: Fleet, playbook: str, effect: Effect, *arguments: str, **how) -> None:
    """A run killed before the effect, and another one past it."""
    for kill in (kill_before, kill_past):
        kill(services, playbook, effect, *arguments, **how)


def kill_around_giving_up(services: Fleet, playbook: str, *arguments: str) -> None:
    """Runs of the way back or of a rename, killed around each effect of giving up: TimeLock has no quorum when a node
    has stopped, and has one again when it is put back.
    """
    timelock, killed = services.lab.timelock, []

    def start_again() -> None:
        while killed:
            timelock.start_node(killed.pop())

    fault = {"begin-quiet_stop": lambda: killed.extend(timelock.lose_quorum()), "begin-put_back": start_again}
    try:
        for effect in usual_effects([REVERSE_PUT_BACK]):
            kill_around(services, playbook, effect, *arguments, after=NO_QUORUM, meanwhile=fault)
    finally:
        start_again()


def kill_around_the_fence(
    services: Fleet, fence: Callable[..., None], is_let_in: Callable[[], bool], is_shut_out: Callable[[], bool]
) -> None:
    """Runs killed around the fence and each effect behind it, forward, where one is put back, and on the way back; each
    time another one finishes. `fence` writes the inventory, with more settings.
    """
    before = {node: node.config_path.read_bytes() for node in services.nodes}
    fence(timelock_window_limit=0.01)
    for effect in effects_from_the_fence_on([PUT_BACK]):
        kill_around(services, "migrate.yml", effect, after=("window-too-long",))
    assert services.play("migrate.yml").codes == ["window-too-long"]
    assert is_let_in()
    services.assert_as_before()

    fence()
    for effect in effects_from_the_fence_on(STEPS):
        kill_around(services, "migrate.yml", effect)
    services.migrate()
    services.assert_migrated()
    assert is_shut_out()
    assert services.migrate().changed == {}

    for effect in effects_from_the_fence_on(REVERSE_STEPS):
        kill_around(services, "reverse.yml", effect)
    run = services.play("reverse.yml")
    assert run.ok, run.tail
    assert is_let_in()
    assert {node: node.config_path.read_bytes() for node in services.nodes} == before
    services.assert_as_before()
    assert services.play("reverse.yml").changed == {}


def kill_around_what_is_done_again(
    services: Fleet, fence: Callable[..., None], let_in: Callable[[], object], is_shut_out: Callable[[], bool]
) -> None:
    """Runs with a fence, whose proofs have become too old: killed around looking at the nodes again, and shutting out
    again the login that somebody has `let_in` meanwhile. Another one finishes.
    """
    look, shut_out = rare_effects("invalidate")

    def grow_old() -> None:
        time.sleep(YOUNG_SECONDS + 1)
        let_in()

    fence(timelock_max_proof_age=2 * YOUNG_SECONDS)
    late = {"begin-fast_forward": grow_old}
    kill_before(services, "migrate.yml", look, meanwhile=late)
    kill_behind(services, "migrate.yml", look, meanwhile=late)
    kill_around(services, "migrate.yml", shut_out, meanwhile=late)

    fence()
    services.migrate()
    services.assert_migrated()
    assert is_shut_out()
    assert services.migrate().changed == {}
