# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that go through the window together, and what is done to each of them while the run waits."""

from __future__ import annotations

import contextlib
import shlex
import socket
import sys
import threading
from pathlib import Path

from ansible_collections.atlasdb.timelock.plugins.module_utils.node.sockets import Sockets

from cassandra_here import WIDE
from chaos.faults import OfAService
from fleet import CASSANDRA, STORES, Fleet, wait_for
from lab import by_hand, ports, processes
from lab.layout import DEAF
from lab.service import Node, Service
from lost_answers import lock_table, waiting_for_the_table
from mounts import MAY_MOUNT, filled

NODES = {
    "started_by_its_manager": 1,
    # Without a leader block the copy and the node would both issue, once the node is put back.
    "on_a_copy_before_the_stop": 2,
    "moved_bound": 1,
    # Without a leader block it would not live on an invalidated store.
    "on_a_copy_after_the_invalidation": 2,
    "locked_table": 1,
    "occupied_port": 2,
    "deaf_to_its_stop": 1,
}
"""The services of the story, and how many nodes each has. All go through the window together."""

PUT_BACK = {
    "on_a_copy_before_the_stop": "kvs-session-open",
    "moved_bound": "bound-moved",
    "locked_table": "kvs-lock-held",
}
BLOCKED = ["on_a_copy_before_the_invalidation"]
"""In the wider run only."""
LEFT_HELD = {
    "on_a_copy_after_the_invalidation": ("read_back", "kvs-session-open"),
    "occupied_port": ("restart_first", "node-unhealthy"),
}
"""In which step that is noticed, and how it is called."""
MIGRATED = ["started_by_its_manager"]
IN_CASSANDRA = {
    "cassandra_started_by_its_manager": 1,
    "cassandra_on_a_copy_before_the_stop": 2,
    "cassandra_on_a_copy_before_the_invalidation": 2,
    "cassandra_on_a_copy_directly_before_the_invalidation": 2,
    "cassandra_on_a_copy_after_the_invalidation": 2,
}
if MAY_MOUNT:
    NODES["full_disk"] = 1
    PUT_BACK["full_disk"] = "config-not-writable"
if WIDE:
    NODES |= {
        "on_a_copy_before_the_invalidation": 2,
        "idle_pool_before_the_invalidation": 1,
        "ended_session": 1,
        "port_of_another": 1,
        "lost_node": 2,
        "swapped_database": 1,
        "hold_overwritten": 2,
        "serves_without_timelock": 2,
        "lowered_bound": 1,
    }
    PUT_BACK |= {
        "idle_pool_before_the_invalidation": "kvs-session-open",
        "ended_session": "kvs-unreachable",
        "port_of_another": "port-still-open",
        "lost_node": "node-lost",
        "swapped_database": "kvs-identity",
    }
    LEFT_HELD["serves_without_timelock"] = ("restart_first", "node-not-on-timelock")
    LEFT_HELD["hold_overwritten"] = ("restart_first", "hold-impossible")
if WIDE and CASSANDRA in STORES:
    NODES |= IN_CASSANDRA
    PUT_BACK["cassandra_on_a_copy_before_the_stop"] = "kvs-session-open"
    PUT_BACK["cassandra_on_a_copy_directly_before_the_invalidation"] = "kvs-session-open"
    BLOCKED.append("cassandra_on_a_copy_before_the_invalidation")
    LEFT_HELD["cassandra_on_a_copy_after_the_invalidation"] = ("read_back", "kvs-session-open")
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
        self.lost = folder / "lost"
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
            self._start_beside(service)
        if MAY_MOUNT:
            self.undone.callback(filled(self.service("full_disk").nodes[0].config_path.parent))
        self._end_no_process(self.service("deaf_to_its_stop"))
        if WIDE:
            (node,) = self.service("port_of_another").nodes
            self.undone.enter_context(socket.create_server(("127.0.0.2", node.port)))
            self.lost.touch()
            self.undone.callback(self.lost.unlink)

    def _end_no_process(self, service: Service) -> None:
        """Its start script says nothing, ends nothing, and is waited for; nor does its process hear a SIGTERM."""
        script = service.nodes[0].script
        before = script.read_text()
        assert 'kill "$PID"' in before
        script.write_text(before.replace('kill "$PID"', ":"))
        self.undone.callback(script.write_text, before)
        deaf = self.lab.layout.shared(service.name) / DEAF
        deaf.touch()
        self.undone.callback(deaf.unlink)

    def _start_beside(self, service: Service) -> None:
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
                for found in Sockets().table().established
            ]
            return sum(local in addresses and remote in servers for local, remote in ends)
        with self.lab.postgres.connect() as session:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
            return session.execute(query, [service.name]).fetchone()[0]

    def begin_read(self) -> None:
        if WIDE:
            self._swap_database(self.service("swapped_database").name)
        for service in self._of_each_store("started_by_its_manager"):
            (node,) = service.nodes
            node.start()
            started = node.process()
            if started is None or processes.wait_gone([started], 60):
                self.came_up.append(node.name)

    def _swap_database(self, name: str) -> None:
        """A copy takes its place under the same name, with the record and its lock in it."""
        with self.lab.postgres.connect() as session:
            session.execute(f"ALTER DATABASE {name} RENAME TO {name}_before")
            session.execute(f"CREATE DATABASE {name} TEMPLATE {name}_before OWNER {name}")

    def begin_fast_forward(self) -> None:
        moved = by_hand.store(self.lab, self.service("moved_bound").name)
        moved.write_bound(moved.bound() + 1_000_000)
        if WIDE:
            lowered = by_hand.store(self.lab, self.service("lowered_bound").name)
            self.undone.callback(lowered.write_bound, lowered.bound())
            lowered.write_bound(lowered.bound() - 1)
        for service in self._of_each_store("on_a_copy_before_the_invalidation"):
            before = self.fleet.store(service)
            self.start_on_a_copy(service.nodes[0])
            self._await_a_move(service, before)

    def _await_a_move(self, service: Service, before: tuple) -> None:
        wait_for(lambda: self.fleet.store(service) != before, "the copy issues nothing")

    def begin_invalidate(self) -> None:
        holder = lock_table(self.lab.postgres, self.service("locked_table"))
        self.undone.callback(holder.close)
        if WIDE:
            self._end_the_session_that_waits(self.service("ended_session"))
            pooled = self.service("idle_pool_before_the_invalidation")
            self.undone.callback(OfAService(self.lab, pooled, self._copies[pooled.nodes[0].name]).idle_pool())
        for service in self._of_each_store("on_a_copy_directly_before_the_invalidation"):
            self._start_beside(service)

    def _end_the_session_that_waits(self, service: Service) -> None:
        """Ends the collection's session in the middle of its transaction: while it waits for the table."""
        server = self.lab.postgres
        holder = lock_table(server, service)

        def end() -> None:
            with holder, server.connect() as session:
                waiting = wait_for(lambda: waiting_for_the_table(server, service), "nobody waits for the table")
                session.execute("SELECT pg_terminate_backend(%s)", [waiting])

        thread = threading.Thread(target=end)
        thread.start()
        self.undone.callback(thread.join)

    def begin_read_back(self) -> None:
        for service in self._of_each_store("on_a_copy_after_the_invalidation"):
            self.start_on_a_copy(service.nodes[0])
            self._await_sessions(service, 8)

    def begin_restart_first(self) -> None:
        if WIDE:
            self._serve_without_timelock(self.service("serves_without_timelock").nodes[0])
            held = self.service("hold_overwritten").nodes[0]
            self.undone.callback(held.config_path.write_text, held.config_path.read_text())
            held.config_path.write_text(self._copies[held.name].read_text())
        (taken, _other) = self.service("occupied_port").nodes
        self.undone.enter_context(socket.create_server(("127.0.0.1", taken.port)))

    def _serve_without_timelock(self, node: Node) -> None:
        """Its start script starts something else, which listens where the node would, and is healthy."""
        before = node.script.read_text()
        command = shlex.join([sys.executable, "-c", OTHER_PROGRAM, str(node.port), "lab.node"])
        assert node.command() in before
        node.script.write_text(before.replace(node.command(), command))
        self.undone.callback(node.kill)
        self.undone.callback(node.script.write_text, before)


OTHER_PROGRAM = """
import http.server
import sys

class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"mode": "another"}')

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Healthy).serve_forever()
"""

SSH = """\
#!/bin/sh
# ssh to a host that is this one, until it is lost
if [ -e '{lost}' ]; then
    echo 'no route to host' >&2
    exit 255
fi
for COMMAND; do :; done
exec /bin/sh -c "$COMMAND"
"""


def behind_ssh(lost: Path) -> dict[str, object]:
    """The variables of a node that Ansible reaches by a stand-in for ssh, and not once there is a file ``lost``."""
    script = lost.with_name("ssh")
    script.write_text(SSH.format(lost=lost))
    script.chmod(0o755)
    return {"ansible_connection": "ssh", "ansible_ssh_executable": str(script), "ansible_ssh_retries": 0}
