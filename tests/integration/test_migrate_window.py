# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong while services are down, and how each is left: put back where its store is active, else held."""

from __future__ import annotations

import contextlib
import html
import json
import os
import socket
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.sockets import Sockets

from cassandra_here import WIDE
from fleet import ACTIVE, CASSANDRA, INVALIDATED, STORES, Fleet, fleet, lab, wait_for
from lab import ports, processes
from lab.layout import POSTGRES
from lab.service import Node, Service

__all__ = ["lab"]

NODES = {
    "started_by_its_manager": 1,
    # Without a leader block the copy and the node would both issue, once the node is put back.
    "on_a_copy_before_the_stop": 2,
    "on_a_copy_before_the_invalidation": 2,
    # Without a leader block it would not live on an invalidated store.
    "on_a_copy_after_the_invalidation": 2,
    "locked_table": 1,
    "ended_session": 1,
    "occupied_port": 2,
}
"""The services of the story, and how many nodes each has. All go through the window together."""

PUT_BACK = {
    "on_a_copy_before_the_stop": "kvs-session-open",
    "locked_table": "kvs-lock-held",
    "ended_session": "kvs-unreachable",
}
MOVED = ["on_a_copy_before_the_invalidation"]
LEFT_HELD = {
    "on_a_copy_after_the_invalidation": "kvs-session-open",
    "occupied_port": "node-unhealthy",
}
MIGRATED = ["started_by_its_manager"]
IN_CASSANDRA = {
    "cassandra_started_by_its_manager": 1,
    "cassandra_on_a_copy_before_the_stop": 2,
    "cassandra_on_a_copy_before_the_invalidation": 2,
    "cassandra_on_a_copy_after_the_invalidation": 2,
}
if WIDE and CASSANDRA in STORES:
    NODES |= IN_CASSANDRA
    PUT_BACK["cassandra_on_a_copy_before_the_stop"] = "kvs-session-open"
    MOVED.append("cassandra_on_a_copy_before_the_invalidation")
    LEFT_HELD["cassandra_on_a_copy_after_the_invalidation"] = "kvs-session-open"
    MIGRATED.append("cassandra_started_by_its_manager")


class Faults:
    """What is done to the services while the run waits at one moment or another."""

    def __init__(self, services: Fleet, folder: Path):
        self.fleet = services
        self.lab = services.lab
        self._named = dict(zip(NODES, services.services, strict=True))
        self._copies = {node.name: folder / f"{node.name}.yml" for node in services.nodes}
        for node in services.nodes:
            self._copies[node.name].write_text(node.config_path.read_text())
        self.undone = contextlib.ExitStack()
        self.came_up = []

    def service(self, name: str) -> Service:
        return self._named[name]

    def start_on_a_copy(self, node: Node, port: int | None = None) -> None:
        """A process with a copy of the node's old configuration; on another port where the node's own is in use."""
        copy = self._copies[node.name]
        if port is not None:
            copy.write_text(copy.read_text().replace(f"port: {node.port}   #", f"port: {port}   #"))
        rogue = processes.identify(node.start_with(copy, copy.with_suffix(".log")).pid)
        self.undone.callback(processes.end, [rogue], 1)

    def _of_each_store(self, name: str) -> list[Service]:
        return [self._named[each] for each in (name, f"cassandra_{name}") if each in self._named]

    def begin_stop(self) -> None:
        for service in self._of_each_store("on_a_copy_before_the_stop"):
            before = self._sessions(service)
            self.start_on_a_copy(service.nodes[0], ports.free_port())
            self._await_sessions(service, before + 1)

    def _await_sessions(self, service: Service, count: int) -> None:
        wait_for(lambda: self._sessions(service) >= count, "the copy opens no sessions")

    def _sessions(self, service: Service) -> int:
        if service.settings.store == CASSANDRA:
            # Another lab on this machine may have nodes of the same addresses.
            servers = self.lab.cassandra[CASSANDRA].addresses
            addresses = {node.address for node in service.settings.nodes}
            ends = [
                (found.local.rpartition(":")[0], found.remote.rpartition(":")[0])
                for found in Sockets().established(os.getpid())
            ]
            return sum(local in addresses and remote in servers for local, remote in ends)
        with self.lab.postgres.connect() as session:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
            return session.execute(query, [service.name]).fetchone()[0]

    def begin_read(self) -> None:
        for service in self._of_each_store("started_by_its_manager"):
            (node,) = service.nodes
            node.start()
            started = node.process()
            if started is None or processes.wait_gone([started], 60):
                self.came_up.append(node.name)

    def begin_fast_forward(self) -> None:
        for service in self._of_each_store("on_a_copy_before_the_invalidation"):
            before = self.fleet.store(service)
            self.start_on_a_copy(service.nodes[0])
            self._await_a_move(service, before)

    def _await_a_move(self, service: Service, before: tuple) -> None:
        wait_for(lambda: self.fleet.store(service) != before, "the copy issues nothing")

    def begin_invalidate(self) -> None:
        holder = self._lock_table(self.service("locked_table"))
        self.undone.callback(holder.close)
        self._end_the_session_that_waits(self.service("ended_session"))

    def _lock_table(self, service: Service):
        session = self.lab.postgres.connect(service.name)
        session.autocommit = False
        session.execute("LOCK TABLE _timestamp IN SHARE MODE")
        return session

    def _end_the_session_that_waits(self, service: Service) -> None:
        """Ends the collection's session in the middle of its transaction: while it waits for the table."""
        holder = self._lock_table(service)

        def end() -> None:
            waiting = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
                " AND application_name <> 'PostgreSQL JDBC Driver'"
            )
            with holder, self.lab.postgres.connect() as session:
                wait_for(lambda: session.execute(waiting, [service.name]).fetchall(), "nobody waits for the table")

        thread = threading.Thread(target=end)
        thread.start()
        self.undone.callback(thread.join)

    def begin_read_back(self) -> None:
        for service in self._of_each_store("on_a_copy_after_the_invalidation"):
            self.start_on_a_copy(service.nodes[0])
            self._await_sessions(service, 8)

    def begin_restart_first(self) -> None:
        (taken, _other) = self.service("occupied_port").nodes
        self.undone.enter_context(socket.create_server(("127.0.0.1", taken.port)))


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    """One wave of all services, with all the faults; then the faults are over, and migrate.yml is run again."""
    stores = tuple(CASSANDRA if name in IN_CASSANDRA else POSTGRES for name in NODES)
    with fleet(lab, tmp_path_factory.mktemp("fleet"), *NODES.values(), stores=stores, rate=3) as services:
        services.set(timelock_waves=[len(NODES)], atlasdb_start_timeout=60)
        faults = Faults(services, tmp_path_factory.mktemp("copies"))
        told = SimpleNamespace(fleet=services, faults=faults)
        moments = [name for name in dir(Faults) if name.startswith("begin_")]
        with faults.undone:
            run = services.begin("migrate.yml", breakpoints=tuple(name.replace("_", "-", 1) for name in moments))
            try:
                for step in ("stop", "read", "fast_forward", "invalidate", "read_back", "restart_first"):
                    run.wait_at(f"begin-{step}")
                    getattr(faults, f"begin_{step}")()
                    run.go_on(f"begin-{step}")
                run.wait()
            finally:
                run.kill()
            told.first = run
            told.modes = services.modes()
            told.held = [node.name for node in services.nodes if node.config_path.read_text().startswith("# held by")]
            told.stores = {name: services.store(faults.service(name))[0] for name in NODES}
        told.status = services.play("status.yml")
        for blocked in (faults.service(name).nodes[0] for name in MOVED):
            blocked.start()
            blocked.wait_healthy(120)
        told.second = services.play("migrate.yml")
        yield told


@pytest.mark.parametrize("name", PUT_BACK)
def test_a_service_that_fails_before_the_invalidation_is_put_back(story, name):
    service = story.faults.service(name)
    assert PUT_BACK[name] in story.first.codes, story.first.tail
    assert any(line.startswith(f"{service.name}: put back") for line in story.first.verdict), story.first.tail
    assert story.stores[name] == ACTIVE
    assert not {node.name for node in service.nodes} & set(story.held)
    mode = "leader" if service.settings.leader else "embedded"
    assert {story.modes[node.name] for node in service.nodes} == {mode}


@pytest.mark.parametrize("name", MOVED)
def test_a_process_on_a_copy_of_the_old_configuration_moves_the_bound_and_is_noticed(story, name):
    service = story.faults.service(name)
    blocked, free = service.nodes
    assert "bound-moved" in story.first.codes, story.first.tail
    assert story.stores[name] == ACTIVE
    assert not {node.name for node in service.nodes} & set(story.held)
    assert story.modes[free.name] == "leader"
    assert any(f"{service.name}: put back, except {blocked.name}" in line for line in story.first.verdict)
    assert any(f"node-unhealthy-before: {blocked.name} does not run" in line for line in story.status.said())


@pytest.mark.parametrize("name", LEFT_HELD)
def test_a_service_that_fails_after_the_invalidation_is_held_and_goes_forward(story, name):
    service = story.faults.service(name)
    assert LEFT_HELD[name] in story.first.codes, story.first.tail
    assert any(f"{service.name}: the store is invalidated" in line for line in story.first.verdict)
    assert story.stores[name] == INVALIDATED
    assert story.modes[service.nodes[1].name] is None, "a node was started after the first one had failed"


@pytest.mark.parametrize("name", MIGRATED)
def test_a_service_migrates_though_others_of_its_wave_fail(story, name):
    service = story.faults.service(name)
    assert {story.modes[node.name] for node in service.nodes} == {"timelock"}, story.first.tail
    assert story.stores[name] == INVALIDATED


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


def test_status_tells_what_is_unfinished(story):
    for name in LEFT_HELD:
        service = story.faults.service(name).name
        assert any(line.startswith(f"{service} ") and "unfinished" in line for line in story.status.said())


def test_another_run_migrates_every_service_when_the_faults_are_over(story):
    assert story.second.ok, story.second.tail
    story.fleet.assert_migrated()


def test_a_service_is_put_back_when_timelock_loses_its_quorum_in_the_window(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        services.set(timelock_timeout=5)
        killed = []
        try:
            with services.paused("begin-fast_forward") as run:
                killed = lab.timelock.lose_quorum()
        finally:
            for node in killed:
                lab.timelock.start_node(node)
        assert not run.ok
        assert {"timelock-unreachable", "timelock-no-leader"} & set(run.codes), run.tail
        services.assert_as_before()
        services.migrate()
        services.assert_migrated()


def test_nodes_stay_held_when_postgresql_stops_in_the_window(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        (node,) = services.nodes
        try:
            with services.paused("begin-invalidate") as run:
                lab.postgres.stop()
        finally:
            lab.postgres.start()
        assert not run.ok
        assert "kvs-unreachable" in run.codes, run.tail
        assert any("the nodes stay held" in line for line in run.verdict), run.tail
        assert node.config_path.read_text().startswith("# held by atlasdb.timelock")
        assert node.process() is None
        services.migrate()
        services.assert_migrated()


def test_a_service_is_put_back_when_the_time_to_the_point_of_no_return_is_used_up(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        run = services.play("migrate.yml", "-e", "timelock_window_limit=0.01")
        assert not run.ok
        assert run.codes == ["window-too-long"], run.tail
        assert run.begun() == ["prepare", "stop"]
        assert any("put back: the service runs as before" in line for line in run.verdict), run.tail
        services.assert_as_before()
