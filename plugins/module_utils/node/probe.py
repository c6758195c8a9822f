# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be seen of a service on its node."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.atlasdb.timelock.plugins.module_utils.addresses import Endpoints
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.interface import Manager, State
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.processes import (
    GRAIN_SECONDS,
    Process,
    Processes,
    descendants,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.service import Service
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.sockets import Socket, Sockets, Table


@dataclass(frozen=True)
class Look:
    """One look: what the manager says, the living processes of the service, and then, when first asked for, all that is
    seen of sockets. Raises Refusal probe-blind where those cannot be read."""

    state: State
    processes: list[Process]
    ports: list[int]
    read_table: Callable[[], Table]

    @functools.cached_property
    def table(self) -> Table:
        return self.read_table()

    @property
    def listening(self) -> list[int]:
        """The option's ports that anybody listens on."""
        return sorted({found.port for found in self.table.listening} & set(self.ports))

    @property
    def running(self) -> bool:
        return bool(self.processes)

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes]


class Probe:
    """Looks at one service. ``remembered`` is always what ``describe`` returned earlier, or None."""

    def __init__(self, service: Service, manager: Manager, processes: Processes, sockets: Sockets):
        self._service = service
        self._manager = manager
        self._processes = processes
        self._sockets = sockets

    def look(self, remembered: dict | None) -> Look:
        """Look once. Finds what the manager names, what that began, what was seen earlier, and what is just like it.

        Raises Refusal probe-blind if it cannot look.
        """
        self._processes.require_sight()
        state = self._manager.state(remembered)
        everything = self._processes.all()
        roots = state.main | state.others
        if remembered is not None:
            roots |= self._remembered(remembered, everything) | self._alike(remembered, everything)
        found = descendants(roots, everything) - {os.getpid()}
        return Look(state, [everything[pid] for pid in sorted(found)], self._service.ports, self._sockets.table)

    def is_older(self, look: Look, moment: float) -> bool:
        """Whether every process that the manager names started before ``moment``, in seconds of the epoch; False where
        none runs."""
        main = [process for process in look.processes if process.pid in look.state.main]
        return bool(main) and all(self._processes.started_at(process) + GRAIN_SECONDS < moment for process in main)

    def of_before(self, processes: list[Process], remembered: dict) -> list[Process]:
        """Those of ``processes`` that were there when ``remembered`` was seen."""
        known = self._remembered(remembered, {process.pid: process for process in processes})
        return [process for process in processes if process.pid in known]

    def _remembered(self, remembered: dict, everything: dict[int, Process]) -> set[int]:
        if remembered["boot_id"] != self._processes.boot_id():
            return set()
        known = {(seen["pid"], seen["start"]) for seen in remembered["pids"]}
        return {process.pid for process in everything.values() if (process.pid, process.start) in known}

    def _alike(self, remembered: dict, everything: dict[int, Process]) -> set[int]:
        likes = set(remembered["likes"])
        return {pid for pid in everything if self._processes.likeness(pid) in likes} if likes else set()

    def sight(self, look: Look) -> dict:
        """A look in JSON's types.

        ``pids``: ``pid``, ``start`` (ticks after boot) and ``cmd0``; ``listening``: the option's ports that anybody
        listens on; ``listening_own``: those that the service does; ``sockets``: its established ones, ``local`` and
        ``remote``.
        """
        table, own = look.table, self._own(look)
        return {
            "pids": [
                {"pid": process.pid, "start": process.start, "cmd0": self._processes.program(process.pid)}
                for process in look.processes
            ],
            "listening": look.listening,
            "listening_own": self._listening_of(table, own),
            "sockets": [{"local": found.local, "remote": found.remote} for found in self._established_of(look, own)],
        }

    def describe(self, look: Look) -> dict:
        """What ``sight`` returns, and what is to be remembered: ``boot_id``, when each pid file was written,
        ``likes``: what tells a process that is like the main one, started by whomever, and ``connected``: where the
        service's connections lead that ``connected`` can see."""
        table, own = look.table, self._own(look)
        return {
            **self.sight(look),
            "connected": sorted({found.remote for found in table.outgoing() if found.inode in own}),
            "boot_id": self._processes.boot_id(),
            "likes": self._likes(look),
            "pid_files": look.state.pid_files,
        }

    def connected(self, endpoints: Endpoints) -> list[str]:
        """Where the connections to ``endpoints`` lead, one for each, that anybody has in our own network namespace."""
        return sorted(found.remote for found in self._sockets.table().established if found.remote in endpoints)

    def connected_others(self, look: Look) -> list[str]:
        """Where the connections lead that others than the service have in our own network namespace."""
        table, own = look.table, self._own(look)
        return sorted({found.remote for found in table.outgoing() if found.inode not in own})

    def _own(self, look: Look) -> set[int]:
        return set().union(*(self._processes.sockets(pid) for pid in look.pids))

    def _listening_of(self, table: Table, inodes: set[int]) -> list[int]:
        ports = {found.port for found in table.listening if found.inode in inodes}
        return sorted(ports & set(self._service.ports))

    def _established_of(self, look: Look, inodes: set[int]) -> list[Socket]:
        tables = [self._sockets.table_of(pid, look.table) for pid in look.pids]
        found = {socket for table in tables for socket in table.established if socket.inode in inodes}
        return sorted(found, key=lambda socket: (socket.remote, socket.local))

    def _likes(self, look: Look) -> list[str]:
        """Only of what no other process on the host is like: two services may be called in the same way."""
        main = look.state.main & set(look.pids)
        likes = {self._processes.likeness(pid) for pid in main} - {None}
        others = {self._processes.likeness(pid) for pid in self._processes.all() if pid not in look.pids}
        return sorted(likes - others)
