# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a run is: which step of which service, for how long, what it waits for, and for how long still at most."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.timelock_info import ARGUMENT_SPEC
from ansible_collections.atlasdb.timelock.plugins.module_utils.report.steps import title

WAITS = {
    "client_config": ("{nodes} to stage the new configuration", ()),
    "client_config_info": ("a look at {nodes}", ()),
    "fleet_plan": ("the stores and TimeLock to answer", ()),
    "handover_record": ("the store to write it down", ()),
    "kvs_login": ("the old login to be shut out, and its sessions to end", ()),
    "kvs_sessions_info": ("the store to have no session of others", ("timelock_session_wait",)),
    "kvs_sockets_info": ("the store's hosts to say who is connected", ("timelock_store_wait",)),
    "node_offline": ("{nodes} to stop", ("atlasdb_stop_timeout",)),
    "node_online": ("{nodes} to serve", ("atlasdb_start_timeout",)),
    "timelock_fast_forward": ("TimeLock to come above TS", ("timelock_timeout",)),
    "timelock_info": ("TimeLock to answer", ("timelock_timeout",)),
    "timestamp_info": ("the store to answer", ()),
    "timestamp_invalidate": ("the store to invalidate the old timestamp service", ()),
    "timestamp_restore": ("the store to raise the bound", ()),
}
"""What a run waits for in a task, by its module, with the nodes where they are what it waits for; and for how many
seconds at most: the sum of numbers and of variables, or nothing where it cannot be told. A store is asked several
things, and each of them again."""

QUIET = ("TimeLock to be asked by nobody else", ("timelock_quiet_seconds", "timelock_timeout"))
MOVING = (
    "a node to take timestamps from TimeLock", (ARGUMENT_SPEC["moved_seconds"]["default"], "timelock_timeout")
)  # fmt: skip
"""The same of timelock_info where it is to see more than an answer."""

LONG_SECONDS = 10.0
"""Of a task for which there are no words of its own, such as one that a service wants done, nothing is said before."""


@dataclass(frozen=True)
class Task:
    """A task of a run. ``repeated``: whether it may be done again until it gives what is wanted."""

    module: str
    name: str = ""
    arguments: Mapping = field(default_factory=dict)
    repeated: bool = False

    def waits(self) -> tuple:
        """What for, and for how long at most; words, and numbers and names of variables, as in WAITS."""
        if self.module not in WAITS:
            return None, ()
        words, limits = WAITS[self.module]
        if self.module == "timelock_info" and self.arguments.get("quiet_seconds"):
            words, limits = QUIET
        if self.module == "timelock_info" and "moved_since" in self.arguments:
            words, limits = MOVING
        return words, () if self.repeated else limits


@dataclass
class _Wait:
    task: Task
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

    def task(self, step: str | None, title: str, task: Task | None) -> list:
        """A task begins, or a play, in a step with its title or in none: the lines of the step that it ends."""
        lines = []
        if self._step and self._step.name != step:
            lines = self._ended(self._step)
            self._step = None
        if step and not self._step:
            self._step = _Step(step, title, self._clock())
        self._wait = _Wait(task, self._clock()) if task else None
        return lines

    def _ended(self, step: _Step) -> list:
        width = max((len(name) for name in (*self._services.values(), *step.ended)), default=0)
        return [
            f"{name.ljust(width)}  {step.title.ljust(_WIDEST)}  {ended - step.began:6.1f} s"
            for name, ended in step.ended.items()
        ]

    def begins(self, node: str, value: Callable[[str], float | None]) -> None:
        """The task begins for a node. ``value``: that of a variable there, None where it has none; asked for once a
        task."""
        wait = self._wait
        if wait is None:
            return
        _words, limits = wait.task.waits()
        if not wait.pending and limits:
            values = [value(limit) if isinstance(limit, str) else limit for limit in limits]
            wait.limit = None if None in values else sum(values)
        wait.pending.append(node)

    def ends(self, node: str, skipped: bool) -> None:
        """The task has ended for a node."""
        if self._wait and node in self._wait.pending:
            self._wait.pending.remove(node)
        if self._step and not skipped:
            self._step.ended[self._services.get(node, node)] = self._clock()

    def waiting(self, columns: int | None = None) -> tuple | None:
        """What is being waited for, and for how many seconds it has been; None where nothing is.

        In no more than so many columns, where they are given: the times come first, since the end is what is cut.
        """
        wait = self._wait
        if wait is None or not wait.pending:
            return None
        seconds = self._clock() - wait.began
        words, _limits = wait.task.waits()
        if words is None and seconds < LONG_SECONDS:
            return None
        pending = list(wait.pending)
        nodes = ", ".join(pending[:3]) + (f" and {len(pending) - 3} more" if len(pending) > 3 else "")
        most = f", at most {max(0, wait.limit - seconds):.0f} s more," if wait.limit else ""
        own = f"the task {wait.task.name or wait.task.module} of {nodes}"
        said = f"waits {seconds:.0f} s{most} for {own if words is None else words.format(nodes=nodes)}"
        step = self._step.title if self._step else ""
        if columns and len(f"{step} {said}") > columns:
            step = _NUMBER.sub(r"\1", step)
        said = f"{step} {said}".lstrip()
        return (f"{said[: columns - 3]}..." if columns and len(said) > columns else said), seconds


_NUMBER = re.compile(r"^(\d+/\d+) .*")
_WIDEST = len(title("restart_others"))
