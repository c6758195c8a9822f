# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only hosts can have: full disks, clocks that are wrong, slow links, rights that are taken away, no way to
TimeLock, and a systemd that waits for a process which does not end. Services with one of these each go through one run
together, and then through another without, whose controller's clock is behind that of the first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from cassandra_here import only_wide
from fleet import ACTIVE, INVALIDATED, Run
from host_fleet import HostFleet, host_fleet
from lab import wrong_clock
from lab.hosts import image, programs, slow
from lab.hosts.host import Host
from lab.hosts.node import HostNode
from lab.layout import DEAF

pytestmark = only_wide

HOUR = 3600
CLOCKS = {"early": HOUR, "late": -HOUR}
"""Services whose hosts' clocks are so many seconds wrong."""
LINK_SECONDS = 0.2
UNHARMED = (*CLOCKS, "slow", "well")
BLIND, FULL, DENIED, STUBBORN = "blind", "full", "denied", "stubborn"
SERVICES = {BLIND: 2, FULL: 2, DENIED: 2, STUBBORN: 1, "early": 2, "late": 1, "slow": 1, "well": 1}
STOP_SECONDS = 8
WRONG_PYTHON = f"{programs.PYTHON}-wrong"


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    with host_fleet(tmp_path_factory.mktemp("hosts"), SERVICES, rate=2, small_disks=[FULL]) as fleet:
        told = SimpleNamespace(fleet=fleet)
        for name, seconds in CLOCKS.items():
            for node in fleet.lab.services[name].nodes:
                _set_clock(node, seconds)
        fleet.write(_as_they_are(fleet))
        told.refused = _with_a_full_disk_before(fleet)
        told.untouched = _look(fleet)
        first = fleet.lab.services[BLIND].nodes[0].on
        (stubborn,) = fleet.lab.services[STUBBORN].nodes
        deaf = fleet.lab.layout.shared(STUBBORN) / DEAF
        told.undying = stubborn.process().pid
        full, denied = (fleet.lab.services[name].nodes[1] for name in (FULL, DENIED))
        moments = ("begin-stop", "begin-read", "begin-restart_first", "begin-restart_others")
        told.run = fleet.begin("migrate.yml", breakpoints=moments)
        try:
            _pass(told.run, "begin-stop", lambda: (deaf.touch(), _wait_for_ever(stubborn)))
            # For a slow machine's sake: each has its own patience.
            _pass(told.run, "begin-read", lambda: None)
            _pass(told.run, "begin-restart_first", lambda: _each(fleet.lab.timelock.hosts, first.forget))
            _pass(told.run, "begin-restart_others", lambda: (full.fill_disk(), _take_right_away(denied)))
            told.run.wait()
        finally:
            told.run.kill()
        told.ends = _look(fleet)
        told.alive = stubborn.process().pid
        deaf.unlink()
        _each(fleet.lab.timelock.hosts, first.remember)
        full.free_disk()
        _give_right_back(denied)
        told.again = fleet.play("migrate.yml", **wrong_clock.environment(-HOUR))
        yield told


def _pass(run: Run, moment: str, act: Callable[[], object]) -> None:
    run.wait_at(moment)
    act()
    run.go_on(moment)


def _each(hosts: list[Host], act: Callable[[str], object]) -> None:
    for host in hosts:
        act(host.address)


def _set_clock(node: HostNode, seconds: int) -> None:
    """For whatever Ansible runs there."""
    words = " ".join(f"{name}={value}" for name, value in wrong_clock.environment(seconds, programs.CODE).items())
    node.on.write(WRONG_PYTHON, f'#!/bin/sh\n{words} exec /usr/bin/python3 "$@"\n', 0o755)


def _wait_for_ever(node: HostNode) -> None:
    """As its unit is, systemd kills what has not ended after 90 s by itself."""
    drop_in = f"{programs.UNITS}/{node.service.name}.service.d/stop.conf"
    node.on.write(drop_in, "[Service]\nTimeoutStopSec=infinity\n")
    node.on.run("systemctl", "daemon-reload")


def _as_they_are(fleet: HostFleet):
    proxy = f"{sys.executable} {slow.__file__} %h %p {LINK_SECONDS}"

    def change(everything: dict) -> None:
        everything["vars"] |= {
            "timelock_waves": [len(SERVICES)], "timelock_max_failed_services": len(SERVICES),
            "atlasdb_start_timeout": 60, "ansible_timeout": 20,
        }  # fmt: skip
        groups = everything["children"]["atlasdb_services"]["children"]
        for name in CLOCKS:
            groups[name]["vars"]["ansible_python_interpreter"] = WRONG_PYTHON
        groups[STUBBORN]["vars"]["atlasdb_stop_timeout"] = STOP_SECONDS
        groups["slow"]["vars"]["ansible_ssh_common_args"] = f"-o ProxyCommand='{proxy}'"

    return change


def _with_a_full_disk_before(fleet: HostFleet):
    node = fleet.lab.services[FULL].nodes[1]
    node.fill_disk()
    run = fleet.play("migrate.yml")
    node.free_disk()
    return run


def _take_right_away(node: HostNode) -> None:
    node.on.run("mv", f"/etc/sudoers.d/{image.LOGIN}", "/var/tmp/sudoers")


def _give_right_back(node: HostNode) -> None:
    node.on.run("mv", "/var/tmp/sudoers", f"/etc/sudoers.d/{image.LOGIN}")


def _look(fleet: HostFleet) -> dict[str, tuple]:
    """Of each service its store, how its nodes serve, and which are held."""
    found = {}
    for service in fleet.services:
        first_lines = {node.name: node.on.run("head", "-n1", node.install).stdout for node in service.nodes}
        held = [name for name, line in first_lines.items() if line.startswith("# held by")]
        healthy = [node.mode() if node.health() is None else None for node in service.nodes]
        found[service.name] = (fleet.store(service)[0], healthy, held)
    return found


def _words(story, name: str) -> str:
    return "\n".join(line for line in story.run.verdict if line.startswith(f"{name}:")) or story.run.tail


def test_the_clocks_are_wrong(story):
    for name, seconds in CLOCKS.items():
        node = story.fleet.lab.services[name].nodes[0]
        wrong, right = (
            int(node.on.run(python, "-c", "import time; print(int(time.time()))").stdout)
            for python in (WRONG_PYTHON, programs.PYTHON)
        )
        assert abs(wrong - right - seconds) < 30


def test_a_full_disk_is_refused_before_any_node_is_stopped(story):
    assert not story.refused.ok and story.refused.begun() == [], story.refused.tail
    assert any("config-not-writable" in reason and f"{FULL}-2" in reason for reason in story.refused.reasons)
    for name, (store, modes, held) in story.untouched.items():
        expected = "leader" if SERVICES[name] > 1 else "embedded"
        assert (store, modes, held) == (ACTIVE, [expected] * SERVICES[name], []), name


@pytest.mark.parametrize("name", UNHARMED)
def test_neither_clocks_nor_a_slow_link_nor_what_befalls_others_keeps_a_service_from_being_migrated(story, name):
    assert story.ends[name] == (INVALIDATED, ["timelock"] * SERVICES[name], []), _words(story, name)
    assert f"{name}: migrated" in _words(story, name)


def test_a_first_node_that_does_not_reach_timelock_keeps_the_others_held(story):
    store, modes, held = story.ends[BLIND]
    assert (store, modes, held) == (INVALIDATED, [None, None], [f"{BLIND}-2"]), _words(story, BLIND)
    assert f"{BLIND}-1" in _words(story, BLIND)


@pytest.mark.parametrize("name", [FULL, DENIED])
def test_a_node_that_cannot_be_switched_stays_held_and_the_first_serves(story, name):
    assert story.ends[name] == (INVALIDATED, ["timelock", None], [f"{name}-2"]), _words(story, name)
    assert f"{name}-2" in _words(story, name)


def test_a_process_that_systemd_cannot_stop_is_named_and_left_alive_and_its_node_held(story):
    assert story.ends[STUBBORN] == (ACTIVE, ["embedded"], [f"{STUBBORN}-1"]), _words(story, STUBBORN)
    said = f"node-still-running: {STUBBORN}-1: Process {story.undying} of {STUBBORN} is alive"
    assert said in _words(story, STUBBORN), story.run.tail
    assert story.alive == story.undying


def test_the_next_run_ends_it_for_all_of_them_and_no_timestamp_went_back(story):
    assert story.again.ok, story.again.tail
    story.fleet.await_more_timestamps()
    assert _look(story.fleet) == {
        name: (INVALIDATED, ["timelock"] * count, []) for name, count in SERVICES.items()
    }  # fmt: skip
    story.fleet.assert_clean()
