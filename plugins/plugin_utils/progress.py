# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a run is: which step of which service, for how long, what it waits for, and for how long still at most."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ansible_collections.atlasdb.timelock.plugins.module_utils.report.steps import title

WAITS = {
    "client_config": ("{} to stage the new configuration", None),
    "client_config_info": ("a look at {}", None),
    "fleet_plan": ("the stores and TimeLock to answer", "timelock_timeout"),
    "handover_record": ("the store to write it down", None),
    "kvs_login": ("the old login to be shut out, and its sessions to end", None),
    "kvs_sessions_info": ("the store to have no session of others", "timelock_session_wait"),
    "kvs_sockets_info": ("the store's hosts to say who is connected", "timelock_store_wait"),
    "node_offline": ("{} to stop", "atlasdb_stop_timeout"),
    "node_online": ("{} to serve", "atlasdb_start_timeout"),
    "timelock_fast_forward": ("TimeLock to come above TS", "timelock_timeout"),
    "timelock_info": ("TimeLock to answer", "timelock_timeout"),
    "timestamp_info": ("the store to answer", None),
    "timestamp_invalidate": ("the store to invalidate the old timestamp service", None),
    "timestamp_restore": ("the store to raise the bound", None),
}
"""What a run waits for in a task, by its module, with the nodes where they are what it waits for; and the variable that
says for how many seconds at most, where one does."""


@dataclass
class _Wait:
    module: str
    began: float
    limit: float | None = None
    pending: list = field(default_factory=list)


@dataclass
class _Step:
    name: str
    title: str
    began: float
    ended: dict = field(default_factory=dict)
    """By service, when it was last heard of in this step."""


class Progress:
    """Told what happens, it says a line for each service and step. ``clock``: seconds, from any beginning."""

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._services: dict = {}
        self._step: _Step | None = None
        self._wait: _Wait | None = None

    def planned(self, services: dict) -> None:
        """The plan was made; ``services`` as fleet_plan says them."""
        self._services.update({node: name for name, plan in services.items() for node in plan["nodes"]})

    def task(self, step: str | None, title: str, module: str) -> list:
        """A task begins, in a step with its title or in none: the lines of the step that it ends."""
        lines = []
        if self._step and self._step.name != step:
            lines = self._ended(self._step)
            self._step = None
        if step and not self._step:
            self._step = _Step(step, title, self._clock())
        self._wait = _Wait(module, self._clock()) if module in WAITS else None
        return lines

    def _ended(self, step: _Step) -> list:
        width = max((len(name) for name in self._services.values()), default=0)
        return [
            f"{name.ljust(width)}  {step.title.ljust(_WIDEST)}  {ended - step.began:6.1f} s"
            for name, ended in step.ended.items()
        ]

    def begins(self, node: str, limit: Callable[[str], float]) -> None:
        """The task begins for a node. ``limit``: the value of a variable there, asked for once a task."""
        wait = self._wait
        if wait is None:
            return
        variable = WAITS[wait.module][1]
        if not wait.pending and variable:
            wait.limit = limit(variable)
        wait.pending.append(node)

    def ends(self, node: str, skipped: bool) -> None:
        """The task has ended for a node."""
        if self._wait and node in self._wait.pending:
            self._wait.pending.remove(node)
        if self._step and not skipped and node in self._services:
            self._step.ended[self._services[node]] = self._clock()

    def waiting(self, columns: int | None = None) -> tuple | None:
        """What is being waited for, and for how many seconds it has been; None where nothing is.

        In no more than so many columns, where they are given: the times come first, since the end is what is cut.
        """
        wait = self._wait
        if wait is None or not wait.pending:
            return None
        seconds = self._clock() - wait.began
        pending = list(wait.pending)
        nodes = ", ".join(pending[:3]) + (f" and {len(pending) - 3} more" if len(pending) > 3 else "")
        most = f", at most {max(0, wait.limit - seconds):.0f} s more," if wait.limit else ""
        said = f"waits {seconds:.0f} s{most} for {WAITS[wait.module][0].format(nodes)}"
        step = self._step.title if self._step else ""
        if columns and len(f"{step} {said}") > columns:
            step = _NUMBER.sub(r"\1", step)
        said = f"{step} {said}".lstrip()
        return (f"{said[: columns - 3]}..." if columns and len(said) > columns else said), seconds


_NUMBER = re.compile(r"^(\d+/\d+) .*")
_WIDEST = len(title("restart_others"))
