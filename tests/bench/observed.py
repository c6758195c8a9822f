# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of a service's nodes from outside while something stops and starts them.

Each node's start script, and the shell by which Ansible does whatever it does there, are wrapped: every call leaves a
line with its time. Whether a node serves is asked of the node itself, all the time. So a migration and a bare playbook
are measured by one rule.
"""

from __future__ import annotations

import contextlib
import shlex
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab.service import Node, Service

POLL_SECONDS = 0.02

SCRIPT = """\
#!/bin/sh
# notes when {name} is called
began=$(date +%s.%N)
{inner} "$@"
status=$?
echo "$1 $began $(date +%s.%N)" >>{calls}
exit $status
"""
SHELL = """\
#!/bin/sh
# what a module starts in its turn is none of Ansible's executions
[ "$BENCH_INSIDE" ] || echo "execution $(date +%s.%N)" >>{calls}
BENCH_INSIDE=1 exec /bin/sh "$@"
"""


@dataclass
class Timeline:
    """Of one node: when its service was told to stop, had stopped, was told to start, served; Ansible's calls."""

    stop_began: float
    stop_ended: float
    start_began: float
    served: float
    executions: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Figures:
    """Seconds, by the rules of docs/benchmarks.md; `executions`: of each node, inside the window."""

    outage: float
    window: float
    overhead: float
    executions: dict[str, int]


def figures(timelines: dict[str, Timeline], coordinator: str) -> Figures:
    """What the timelines of a service come to. `coordinator`: the node that was started first."""
    began = min(line.stop_began for line in timelines.values())
    starts = {name: line.served - line.start_began for name, line in timelines.items()}
    others = [seconds for name, seconds in starts.items() if name != coordinator]
    window = max(line.served for line in timelines.values()) - began
    stop = max(line.stop_ended - line.stop_began for line in timelines.values())
    own = stop + starts[coordinator] + max(others, default=0.0)
    return Figures(
        outage=min(line.served for line in timelines.values()) - began,
        window=window,
        overhead=window - own,
        executions={name: in_window(line, began, began + window) for name, line in timelines.items()},
    )


def in_window(line: Timeline, began: float, ended: float) -> int:
    """Ansible's calls on the node in the service's window, with the one that stopped it, which may be before that."""
    stopping = max((call for call in line.executions if call <= line.stop_began), default=began)
    return sum(min(stopping, began) <= call <= ended for call in line.executions)


class Observer:
    """Watches the nodes of a service, whose start scripts and shells `wrap` has wrapped."""

    def __init__(self, service: Service, folder: Path):
        self._nodes = service.nodes
        self._folder = folder
        self._served: dict[str, list[float]] = {}
        self._watching = threading.Event()

    def wrap(self) -> dict[str, str]:
        """Wraps the start scripts; for each node the shell to use, as ansible_shell_executable."""
        shells = {}
        for node in self._nodes:
            inner = node.script.with_name(f"{node.script.name}-inner")
            node.script.rename(inner)
            _write(node.script, SCRIPT, name=node.name, inner=inner, calls=self._calls(node))
            shells[node.name] = str(self._folder / f"shell-{node.name}")
            _write(Path(shells[node.name]), SHELL, calls=self._calls(node))
        return shells

    def _calls(self, node: Node) -> Path:
        return self._folder / f"calls-{node.name}"

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """What happens inside this block is what `timelines` tells."""
        self._served = {node.name: [] for node in self._nodes}
        self._watching.set()
        for node in self._nodes:
            self._calls(node).write_text("")
        threads = [threading.Thread(target=self._watch, args=(node,)) for node in self._nodes]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._watching.clear()
            for thread in threads:
                thread.join()

    def _watch(self, node: Node) -> None:
        """Notes whenever the node serves after it did not; it may not, for a moment, while another is stopped."""
        down = False
        while self._watching.is_set():
            if node.health() is not None:
                down = True
            elif down:
                down = False
                self._served[node.name].append(time.time())
            time.sleep(POLL_SECONDS)

    def timelines(self) -> dict[str, Timeline]:
        """By node. Raises RuntimeError where one was not stopped and started once, and serves."""
        return {node.name: self._timeline(node) for node in self._nodes}

    def _timeline(self, node: Node) -> Timeline:
        calls: dict[str, list[list[float]]] = {"execution": [], "start": [], "stop": [], "status": []}
        for line in self._calls(node).read_text().splitlines():
            word, *times = line.split()
            calls[word].append([float(moment) for moment in times])
        served = self._served[node.name]
        if len(calls["stop"]) != 1 or len(calls["start"]) != 1:
            raise RuntimeError(f"{node.name} was not stopped and started once: {calls}")
        (stop,), (start,) = calls["stop"], calls["start"]
        since_start = [moment for moment in served if moment > start[0]]
        if not since_start or stop[1] > start[0]:
            raise RuntimeError(f"{node.name} was not seen to stop, start and serve: {calls}, serves at {served}")
        return Timeline(*stop, start[0], since_start[0], [call[0] for call in calls["execution"]])


def _write(path: Path, template: str, **places: object) -> None:
    path.write_text(template.format(**{name: shlex.quote(str(place)) for name, place in places.items()}))
    path.chmod(0o755)
