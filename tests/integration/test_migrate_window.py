# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong while services are down, and how each is left: put back where its store is active, else held."""

from __future__ import annotations

import contextlib
import html
import json
from types import SimpleNamespace
from unittest.mock import ANY

import pytest

from cassandra_here import WIDE, only_wide
from fleet import ACTIVE, CASSANDRA, INVALIDATED, fleet, lab
from lab.layout import POSTGRES
from lab.service import Node
from mounts import MAY_MOUNT, disk_of_its_own
from window_faults import BLOCKED, IN_CASSANDRA, LEFT_HELD, MIGRATED, NODES, PUT_BACK, Faults, behind_ssh

__all__ = ["lab"]

LOOKED_AT = (*PUT_BACK, *BLOCKED, "deaf_to_its_stop") if WIDE else (*PUT_BACK, "deaf_to_its_stop")
CORRECTED = "# corrected by hand\n"


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    """One wave of all services, with all the faults; then the faults are over, and migrate.yml is run again."""
    stores = tuple(CASSANDRA if name in IN_CASSANDRA else POSTGRES for name in NODES)
    with (
        contextlib.ExitStack() as mounted,
        fleet(lab, tmp_path_factory.mktemp("fleet"), *NODES.values(), stores=stores, rate=3) as services,
    ):
        faults = Faults(services, tmp_path_factory.mktemp("copies"))

        def change(everything: dict) -> None:
            everything["vars"].update(
                timelock_waves=[len(NODES)], atlasdb_start_timeout=60, timelock_session_wait=6,
                timelock_ignore_sessions=[{"user": "postgres", "application": "lab"}],
            )  # fmt: skip
            groups = everything["children"]["atlasdb_services"]["children"]
            groups[faults.service("deaf_to_its_stop").name]["vars"]["atlasdb_stop_timeout"] = 3
            if WIDE:
                _kept, lost = faults.service("lost_node").nodes
                groups[lost.service.name]["hosts"][lost.name].update(behind_ssh(faults.lost))
                groups[faults.service("serves_without_timelock").name]["vars"]["atlasdb_start_timeout"] = 30

        services.write(change)
        if MAY_MOUNT:
            folder = faults.service("full_disk").nodes[0].config_path.parent
            mounted.callback(disk_of_its_own(folder))
        told = SimpleNamespace(fleet=services, faults=faults)
        told.before = {name: services.look_at(faults.service(name)) for name in LOOKED_AT}
        told.noticed = {}
        (deaf,) = faults.service("deaf_to_its_stop").nodes
        told.deaf = [(deaf.process(), deaf.config_path.read_text())]
        moments = [name for name in dir(Faults) if name.startswith("begin_")]
        with faults.undone:
            run = services.begin("migrate.yml", breakpoints=tuple(name.replace("_", "-", 1) for name in moments))
            try:
                for step in ("stop", "read", "fast_forward", "invalidate", "read_back", "restart_first"):
                    run.wait_at(f"begin-{step}")
                    for name in [name for name, (noticed, _code) in LEFT_HELD.items() if noticed == step]:
                        told.noticed[name] = _look(told, name)
                    getattr(faults, f"begin_{step}")()
                    run.go_on(f"begin-{step}")
                run.wait()
            finally:
                run.kill()
            told.first = run
            told.modes = services.modes()
            told.held = [node.name for node in services.nodes if node.config_path.read_text().startswith("# held by")]
            told.stores = {name: services.store(faults.service(name))[0] for name in NODES}
        told.after = {name: services.look_at(faults.service(name)) for name in LOOKED_AT}
        told.left = {name: _look(told, name) for name in LEFT_HELD}
        (kept,) = deaf.config_path.parent.glob(".install.yml.timelock-kept-*")
        told.deaf.append((deaf.process(), kept.read_text()))
        told.status = services.play("status.yml")
        _correct(faults.service("occupied_port").nodes[0])
        for blocked in (faults.service(name).nodes[0] for name in BLOCKED if name in NODES):
            blocked.start()
            blocked.wait_healthy(120)
        told.second = services.play("migrate.yml")
        yield told


def _correct(node: Node) -> None:
    """The file of a node that did not serve, by hand, as the runbook says."""
    node.config_path.write_text(f"{node.config_path.read_text()}{CORRECTED}")


def _look(story, name: str) -> dict:
    """What a run that goes no further does not change, and how the collection has fast-forwarded TimeLock for the
    service, as a client does too when it starts.
    """
    service = story.faults.service(name)
    calls = [call for call in story.fleet.lab.timelock.requests() if "-ansible" in call["user_agent"]]
    forward = f"/{service.name}/timestamp-management/fast-forward"
    return {
        **story.fleet.look_at(service),
        "fast-forwards": [call["target"] for call in calls if call["target"].startswith(forward)],
    }


@pytest.mark.refuses(*{*PUT_BACK.values()})
@pytest.mark.parametrize("name", PUT_BACK)
def test_a_service_that_fails_before_the_invalidation_is_put_back(story, name):
    service = story.faults.service(name)
    said = [line for line in story.first.verdict if line.startswith(f"{service.name}: in step ")]
    assert any(f": {PUT_BACK[name]}: " in line for line in said), said or story.first.tail
    assert any(line.startswith(f"{service.name}: put back") for line in story.first.verdict), story.first.tail
    assert story.stores[name] == ACTIVE
    assert not {node.name for node in service.nodes} & set(story.held)
    mode = "leader" if service.settings.leader else "embedded"
    assert {story.modes[node.name] for node in service.nodes} == {mode}
    # A node that did not come back while the fault lasted leaves the service unfinished, its lock with the run, and
    # what was staged on that node. The lock in a database that has been replaced is one of the other.
    finished = f"{service.name}: put back: the service runs as before." in story.first.verdict
    after = dict(story.after[name])
    if not finished:
        after["files"] = _but(after["files"], ".timelock-staged")
    for what, before in story.before[name].items():
        if what != "holders" or (finished and name != "swapped_database"):
            assert after[what] == before, what


def _but(files: dict, part: str) -> dict:
    return {path: about for path, about in files.items() if part not in path}


@pytest.mark.refuses("kvs-session-open")
@only_wide
@pytest.mark.parametrize("name", BLOCKED)
def test_a_process_on_a_copy_in_the_place_of_a_node_is_noticed_and_keeps_that_node_alone_from_serving(story, name):
    service = story.faults.service(name)
    blocked, free = service.nodes
    said = f"{service.name}: in step 'invalidate': kvs-session-open: "
    assert any(line.startswith(said) for line in story.first.verdict), story.first.tail
    assert story.stores[name] == ACTIVE
    assert not {node.name for node in service.nodes} & set(story.held)
    assert story.modes[free.name] == "leader"
    assert any(f"{service.name}: put back, except {blocked.name}" in line for line in story.first.verdict)
    assert any(f"node-unhealthy-before: {blocked.name} does not run" in line for line in story.status.said())
    before, after = story.before[name], story.after[name]
    assert _but(after["files"], ".timelock-staged") == before["files"]
    changed = {"files": ANY, "holders": ANY, "processes": 1, "nodes": [(blocked.name, None, ANY), before["nodes"][1]]}
    assert after == before | changed


def test_a_node_that_does_not_stop_is_held_and_gets_no_second_process(story):
    name = "deaf_to_its_stop"
    service = story.faults.service(name)
    (node,) = service.nodes
    said = f"{service.name}: in step 'stop': node-still-running: {node.name}: "
    assert any(line.startswith(said) for line in story.first.verdict), story.first.tail
    assert any(f"{service.name}: put back, except {node.name}" in line for line in story.first.verdict)
    assert story.stores[name] == ACTIVE
    assert node.name in story.held
    assert story.modes[node.name] == "embedded"


@pytest.mark.refuses("node-still-running")
def test_nothing_about_a_node_that_does_not_stop_changes_but_the_file_that_its_next_start_would_read(story):
    name = "deaf_to_its_stop"
    (node,) = story.faults.service(name).nodes
    before, after = story.before[name], story.after[name]
    assert after == before | {"files": ANY, "holders": ANY}
    path = f"{node.name}/var/conf/install.yml"
    files = _but(after["files"], ".timelock-")
    assert files == before["files"] | {path: files[path]}
    assert story.deaf[0] == story.deaf[1], "another process, or a kept file that is not the old one"


@only_wide
def test_a_service_whose_bound_went_down_is_not_put_back_on_it(story):
    service = story.faults.service("lowered_bound")
    (node,) = service.nodes
    said = [line for line in story.first.verdict if line.startswith(f"{service.name}: ")]
    assert any(": bound-moved: " in line and "put back to an older state" in line for line in said), said
    assert any("the store is below what this run had read of it" in line for line in said), said
    assert story.stores["lowered_bound"] == ACTIVE
    assert node.name in story.held and story.modes[node.name] is None


@pytest.mark.parametrize("name", LEFT_HELD)
def test_a_service_that_fails_after_the_invalidation_is_held_and_goes_forward(story, name):
    service = story.faults.service(name)
    said = "{}: in step '{}': {}: ".format(service.name, *LEFT_HELD[name])
    assert any(line.startswith(said) for line in story.first.verdict), story.first.tail
    assert any(f"{service.name}: the store is invalidated" in line for line in story.first.verdict)
    assert story.stores[name] == INVALIDATED
    assert story.modes[service.nodes[1].name] is None, "a node was started after the first one had failed"


@pytest.mark.refuses(*{code for _step, code in LEFT_HELD.values()})
@pytest.mark.parametrize("name", LEFT_HELD)
def test_nothing_is_written_after_what_was_noticed_after_the_invalidation(story, name):
    """Where a node was to start, what was staged for it lies in the place of its hold; nothing else has changed."""
    _step, code = LEFT_HELD[name]
    expected = dict(story.noticed[name])
    assert expected["fast-forwards"]
    if code in ("node-unhealthy", "node-not-on-timelock"):
        path = f"{story.faults.service(name).nodes[0].name}/var/conf/install.yml"
        beside = path.replace("install.yml", ".install.yml.timelock-")
        staged = expected["files"][f"{beside}staged"]
        expected["files"] = _but(expected["files"], beside) | {path: staged}
    assert story.left[name] == expected


def test_the_verdict_names_the_first_node_where_it_does_not_serve(story):
    service = story.faults.service("occupied_port")
    said = f"{service.name}: in step 'restart_first': node-unhealthy: {service.nodes[0].name}: "
    assert any(line.startswith(said) for line in story.first.verdict), story.first.verdict


@pytest.mark.parametrize("name", MIGRATED)
def test_a_service_migrates_though_others_of_its_wave_fail(story, name):
    service = story.faults.service(name)
    assert {story.modes[node.name] for node in service.nodes} == {"timelock"}, story.first.tail
    assert story.stores[name] == INVALIDATED


@pytest.mark.skipif(not MAY_MOUNT, reason="a small disk, which then is full, can be mounted with CAP_SYS_ADMIN only")
def test_a_service_whose_disk_is_full_serves_all_the_time(story):
    assert any("No space left on device" in line for line in story.first.verdict), story.first.tail


def test_a_node_that_its_service_manager_starts_in_the_window_does_not_come_up(story):
    assert story.faults.came_up == []


def test_a_refusal_for_a_locked_table_names_who_holds_it(story):
    assert any("of postgres (lab)" in line for line in story.first.verdict), story.first.tail


def test_a_run_in_which_a_service_failed_fails(story):
    assert not story.first.ok


def test_the_report_of_such_a_run_says_of_each_service_why_it_failed_and_how_it_was_left(story):
    path = min(story.fleet.reports.glob("*.json"))
    page = html.unescape(path.with_suffix(".html").read_text())
    ends = {name: service["end"] for name, service in json.loads(path.read_text())["services"].items()}
    failed = {name: end for name, end in ends.items() if end["outcome"] == "failed"}
    assert 0 < len(failed) < len(ends)
    for end in failed.values():
        assert end["failure"]["msg"] in page and f"How it was left: {end['left']}." in page
    down = {name for name, end in ends.items() if end["down_since"]}
    served = {name for name, end in ends.items() if end["outage_seconds"]}
    assert not down & served
    assert any(end["left"].startswith("put back") and name in served for name, end in failed.items())
    assert any(story.faults.service(name).name in down for name in LEFT_HELD)
    assert page.count("down since ") == len(down)


def test_status_tells_what_is_unfinished(story):
    for name in LEFT_HELD:
        service = story.faults.service(name).name
        assert any(line.startswith(f"{service} ") and "unfinished" in line for line in story.status.said())


def test_another_run_migrates_every_service_when_the_faults_are_over(story):
    assert story.second.ok, story.second.tail
    story.fleet.assert_migrated()


def test_it_starts_a_node_whose_file_was_corrected_by_hand_with_that_file(story):
    first, second = story.faults.service("occupied_port").nodes
    assert first.config_path.read_text().endswith(CORRECTED)
    assert (first.mode(), second.mode()) == ("timelock", "timelock")


def test_without_a_quorum_of_timelock_a_service_is_put_back_and_without_its_postgresql_it_stays_held(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        ((service,), (node,)) = services.services, services.nodes
        services.set(timelock_timeout=5)
        before = services.look_at(service)
        killed = []
        try:
            with services.paused("begin-fast_forward") as run:
                killed = lab.timelock.lose_quorum()
        finally:
            for server in killed:
                lab.timelock.start_node(server)
        assert not run.ok
        assert {"timelock-unreachable", "timelock-no-leader"} & set(run.codes), run.tail
        assert services.look_at(service) == before
        services.assert_as_before()

        try:
            with services.paused("begin-invalidate") as run:
                lab.postgres.stop()
        finally:
            lab.postgres.start()
        assert not run.ok
        assert "kvs-unreachable" in run.codes, run.tail
        left = f"the nodes stay held. Run migrate.yml when it answers. Of its nodes {node.name} is held, and down."
        assert any(left in line for line in run.verdict), run.tail
        assert node.config_path.read_text().startswith("# held by atlasdb.timelock")
        assert node.process() is None
        services.migrate()
        services.assert_migrated()


@pytest.mark.refuses("window-too-long")
def test_a_service_is_put_back_when_the_time_to_the_point_of_no_return_is_used_up(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        (service,) = services.services
        before = services.look_at(service)
        run = services.play("migrate.yml", "-e", "timelock_window_limit=0.01", TZ="Asia/Tokyo")
        assert not run.ok
        assert run.codes == ["window-too-long"], run.tail
        assert run.begun() == ["prepare", "stop", "read"]
        assert any("put back: the service runs as before" in line for line in run.verdict), run.tail
        assert services.look_at(service) == before
        services.assert_as_before()
