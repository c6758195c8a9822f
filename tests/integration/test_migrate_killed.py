# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""migrate.yml and reverse.yml are killed before and after every effect that they have, and run again."""

from __future__ import annotations

import json
import pprint
import re

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.journal import EFFECTS

import kills
from cassandra_here import only_wide
from fleet import (
    ACTIVE,
    AUTOMATED_STEPS,
    INVALIDATED,
    KEPT,
    RENAME_STEPS,
    REVERSE_STEPS,
    STEPS,
    STORES,
    Fleet,
    fleet,
    lab,
    wait_for,
)
from kills import kill_around, kill_at, kill_before, kill_past, moments_of, rare_effects, usual_effects
from lab import processes
from lab.layout import POSTGRES
from lab.service import Node, Service
from lost_answers import lost_invalidations
from marked import marked

__all__ = ["lab"]

LONG = 600
"""Seconds to wait for the end of sessions: no run may wait for those that stay, of nodes that serve already."""


def test_every_task_that_has_an_effect_is_one_of_a_step_at_which_runs_are_killed():
    retreats = (kills.PUT_BACK, kills.REVERSE_PUT_BACK)
    known = list(kills.effects([*STEPS, *AUTOMATED_STEPS, *REVERSE_STEPS, *RENAME_STEPS, *retreats]))
    assert {effect.module for effect in known} == set(EFFECTS)
    assert not kills.RARE - {(effect.step, effect.task) for effect in known}
    assert marked("kills_at") == {task for _step, task in kills.RARE}
    everywhere = {effect for file in kills.ROLES.glob("*/tasks/*.yml") for effect in kills.effects_in(file)}
    assert everywhere == {(effect.task, effect.module) for effect in known}
    assert kills.unlisted_effects() == []
    assert [module for module in kills.LOOKS if not kills.says_that_it_changes_nothing(module)] == []
    assert [module for module in EFFECTS if kills.says_that_it_changes_nothing(module)] == []
    for steps in (STEPS, REVERSE_STEPS, RENAME_STEPS):
        assert len(set(moments_of(steps))) == len(moments_of(steps)) >= 18


def test_runs_killed_before_and_after_each_effect_on_each_store_end_like_one_that_nobody_killed(lab, tmp_path):
    """One after the other: each goes on with what those before it have left."""
    nodes = [2 for _store in STORES]
    with (
        fleet(lab, tmp_path / "alone", *nodes, stores=STORES, rate=2) as alone,
        fleet(lab, tmp_path / "killed", *nodes, stores=STORES, rate=2) as killed,
    ):
        for services in (alone, killed):
            services.set(timelock_waves=[len(STORES)], timelock_session_wait=LONG)
        alone.migrate()
        for effect in usual_effects(STEPS):
            kill_around(killed, "migrate.yml", effect)
        killed.migrate()
        killed.assert_migrated()
        assert killed.migrate().changed == {}
        for service, other in zip(killed.services, alone.services, strict=True):
            assert _end_of(killed, service) == _end_of(alone, other)


def _end_of(services: Fleet, service: Service) -> list[str]:
    """All that a migration has left of it, line by line, where its own words are those of any service."""
    found = services.look_at(service)
    # Of these it is no other's business what they ask for.
    del found["other namespaces"]
    folder = services.lab.layout.services / service.name
    found["files"] = {
        str(path.relative_to(folder)): "" if KEPT.search(path.name) else path.read_text().splitlines()
        for node in service.nodes
        for path in sorted(node.unit.rglob("*"))
        if path.is_file() and path.suffix not in (".log", ".pid")
    }
    found["record"] = _record(services, service)
    told = pprint.pformat(found, width=120)
    words = {service.settings.password: "PASSWORD"}
    for node in service.nodes:
        words |= {str(node.port): "PORT", node.address: "ADDRESS"}
    for own, instead in words.items():
        told = told.replace(own, instead) if own else told
    told = re.sub(rf"\b{service.name}\b", "SERVICE", told)
    return re.sub(r"\.timelock-kept-\w+", ".timelock-kept", told).splitlines()


def _record(services: Fleet, service: Service) -> dict:
    """Without what tells one run, or one store, from another."""
    if service.settings.store == POSTGRES:
        with services.lab.postgres.connect(service.name) as session:
            ((holder, document),) = session.execute("SELECT holder, document FROM atlasdb_timelock.record").fetchall()
    else:
        session = services.lab.cassandra[service.settings.store].connect()
        try:
            ((holder, document),) = session.execute(f'SELECT holder, document FROM atlasdb_timelock."{service.name}"')
        finally:
            session.cluster.shutdown()
        document = json.loads(document)
    single = ("journal", "numbers", "released", "identity", "sessions_seen")
    return {"holder": holder, **{key: value for key, value in document.items() if key not in single}}


@only_wide
@pytest.mark.parametrize("store", STORES)
def test_runs_killed_around_each_effect_one_after_the_other_leave_what_the_next_one_finishes(lab, tmp_path, store):
    """Also when one node of several has had it, and at the end of a step that has none."""
    with fleet(lab, tmp_path, 2, stores=(store,)) as services:
        for moment in moments_of(STEPS):
            kill_at(services, "migrate.yml", moment)
        services.migrate()
        services.assert_migrated()
        assert services.migrate().changed == {}


@pytest.mark.refuses("reverse-unfinished")
@only_wide
@pytest.mark.parametrize("store", STORES)
def test_ways_back_killed_around_each_effect_leave_what_the_next_one_finishes(lab, tmp_path, store):
    """In between nobody goes forward, and status says what to type. Of three nodes two elect a leader."""
    with fleet(lab, tmp_path, 3, stores=(store,)) as services:
        services.set(timelock_quiet_seconds=1)
        services.migrate()
        (service,) = services.services
        nodes = ",".join(node.name for node in service.nodes)
        for moment in moments_of(REVERSE_STEPS):
            kill_at(services, "reverse.yml", moment)
            if moment.startswith(("after-reverse_configure", "after-reverse_restore")):
                reasons = services.refused(asked=(service.name,)).reasons
                assert any(": reverse-unfinished: " in reason for reason in reasons), reasons
                rows = services.play("status.yml").said("Show where every service is")
                assert " on the way back " in rows[1] and rows[1].endswith(f" reverse.yml --limit {nodes}"), rows
        run = services.play("reverse.yml")
        assert run.ok, run.tail
        services.assert_as_before()
        assert services.play("reverse.yml").changed == {}
        services.migrate()
        services.assert_migrated()


@only_wide
@pytest.mark.parametrize("store", STORES)
def test_runs_killed_before_and_after_each_effect_of_putting_back_leave_what_the_next_one_puts_back(
    lab, tmp_path, store
):
    with fleet(lab, tmp_path, 2, stores=(store,)) as services:
        (service,) = services.services
        before = services.look_at(service)
        services.set(timelock_window_limit=0.01)
        for effect in usual_effects([kills.PUT_BACK]):
            kill_around(services, "migrate.yml", effect, after=("window-too-long",))
        run = services.play("migrate.yml")
        assert run.codes == ["window-too-long"], run.tail
        assert services.look_at(service) == before
        services.assert_as_before()
        services.set()
        services.migrate()
        services.assert_migrated()
        assert services.migrate().changed == {}


@pytest.mark.kills_at("Raise the bound, so that an invalidation that is still under way can never apply")
@only_wide
@pytest.mark.parametrize("store", STORES)
def test_runs_killed_around_raising_the_bound_behind_a_lost_invalidation_leave_what_the_next_one_finishes(
    lab, tmp_path, store
):
    with fleet(lab, tmp_path, 2, stores=(store,)) as services, lost_invalidations(services) as lost:
        (service,) = services.services
        (effect,) = rare_effects(kills.PUT_BACK)
        kill_before(services, "migrate.yml", effect, after=("kvs-unreachable",), meanwhile=lost)
        state, before = services.store(service)
        assert state == ACTIVE
        kill_past(services, "migrate.yml", effect, after=("kvs-unreachable",), meanwhile=lost)
        state, raised = services.store(service)
        assert state == ACTIVE and raised > before
        services.migrate()
        services.assert_migrated()
        assert services.store(service) == (INVALIDATED, raised)
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
