# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results as a page: docs/benchmarks.md, which is written by this alone."""

from __future__ import annotations

import math
import os
import platform
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from bench.observed import Figures

PAGE = """\
# Benchmarks

`make bench` measures what follows and writes this page. It needs nothing but what `make test` needs; where it runs as
root and finds OpenSSH's server, it starts one of its own on loopback. `make bench COUNT=2` is a short run.

A service of three nodes of the lab, a real PostgreSQL and three simulated TimeLock servers are on one machine, which is
the controller too. Every migration (`migrate.yml`) is of a new service. Before it, the same nodes are stopped and
started by a *bare* playbook: all down, one up, the others up (`tests/bench/bare.yml`). Both are watched from outside,
by one rule, in turn:

- *outage*: from the first node told to stop to the first that serves again;
- *window*: to the last that serves again;
- *overhead*: the window without the slowest stop, the first start, and the slowest other start.

The inventory has so many services as the first column says, of which the run is limited to one.
{short}
Seconds:

| services | what | times | outage p50 | p95 | window p50 | p95 | overhead p50 | p95 |
|---|---|---|---|---|---|---|---|---|
{rows}

| | found | budget |
|---|---|---|
| overhead of a migration, p95 | {overhead} | 2 s |
| the same by that of the bare playbook, p50 | {ratios} | 1.5 |
| p95 | {tail_ratios} | 1.5 |
| remote executions of a node in the window, at most | {executions} | 2, and 1 for the proof on TimeLock |

Noise:

- the bare playbook's own overhead was {noise};
- the load of the machine was {load};
- whether a node serves is asked every 20 ms;
- percentiles are by nearest rank, so the p95 of fewer than 20 is the largest.

With:

- {machine};
- {connection}, pipelining;
- `ansible-playbook` as it is, and on the nodes the plain Python of the same environment.
"""

SHORT = """
**This was a short run**, of {count} each. It shows that the bench works; it is no measurement.
"""

LEAST = 20


def percentile(values: Iterable[float], share: float) -> float:
    """By nearest rank."""
    ranked = sorted(values)
    return ranked[math.ceil(share * len(ranked)) - 1]


def line(size: int, found: Mapping[str, Figures]) -> str:
    parts = [
        f"{what}: outage {each.outage:.2f}, window {each.window:.2f}, overhead {each.overhead:.2f} s"
        for what, each in found.items()
    ]
    most = max(found["migrate"].executions.values())
    return f"{size} services: {'; '.join(parts)}; at most {most} remote executions a node"


def render(results: Mapping[int, Sequence[Mapping[str, Figures]]], connection: str, load: float) -> str:
    """The page; `load`: of the machine when the bench began."""

    def each(figure: Callable[[Sequence[Mapping[str, Figures]]], str]) -> str:
        return ", ".join(f"{figure(found)} at {size}" for size, found in results.items())

    count = min(len(found) for found in results.values())
    bare = [pair["bare"].overhead for found in results.values() for pair in found]
    return PAGE.format(
        short=SHORT.format(count=count) if count < LEAST else "",
        rows="\n".join(_row(size, what, found) for size, found in results.items() for what in ("bare", "migrate")),
        overhead=each(lambda found: f"{_overhead(found, 'migrate', 0.95):.2f} s"),
        ratios=each(lambda found: _ratio(found, 0.5)), tail_ratios=each(lambda found: _ratio(found, 0.95)),
        executions=each(lambda found: str(max(max(pair["migrate"].executions.values()) for pair in found))),
        noise=f"between {min(bare):.2f} and {max(bare):.2f} s",
        load=f"{load:.1f} when it began and {os.getloadavg()[0]:.1f} when it ended",
        connection=connection, machine=machine(),
    )  # fmt: skip


def _overhead(found: Sequence[Mapping[str, Figures]], what: str, share: float) -> float:
    return percentile([pair[what].overhead for pair in found], share)


def _ratio(found: Sequence[Mapping[str, Figures]], share: float) -> str:
    return f"{_overhead(found, 'migrate', share) / _overhead(found, 'bare', share):.2f}"


def _row(size: int, what: str, found: Sequence[Mapping[str, Figures]]) -> str:
    cells = [
        f"{percentile([getattr(pair[what], figure) for pair in found], share):.2f}"
        for figure in ("outage", "window", "overhead")
        for share in (0.5, 0.95)
    ]
    return f"| {size} | {what} | {len(found)} | {' | '.join(cells)} |"


def machine() -> str:
    """What it ran on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    models = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    processor = f"{os.cpu_count()} cores of {models[0] if models else platform.machine()}"
    python = platform.python_version()
    return f"{processor}, {memory:.0f} GiB, Python {python}, ansible-core {version('ansible-core')}"
