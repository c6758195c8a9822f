# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the way back takes against forward, by how long a node takes to start.

usage: python -m bench.back [--count COUNT] [--starts 0,20,60] [--table FILE]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench import ssh
from bench.observed import Figures
from bench.rounds import Failed, in_turn, play_there_and_back
from bench.table import SHORT, machine, percentile

LEAST = 5

PAGE = """\
# How long the way back takes

`make benchback` measures what follows and writes this page: of a service of three nodes, `migrate.yml`, and then
`reverse.yml` of the same service, seen from outside as in [benchmarks.md](benchmarks.md). Every round is of a new
service. The nodes of the lab start at once; here they are also made to take as long as the first column says until they
do anything at all, as a JVM does. The medians, in seconds:
{short}
| a node takes to start | times | forward: outage | window | back: outage | window | window, back / forward |
|---|---|---|---|---|---|---|
{rows}

The way back looks at TimeLock for `timelock_quiet_seconds` (15) from when the last node is gone. A store says who is
connected to it. TimeLock does not say who uses a namespace, and a client that is idle takes a timestamp every few
seconds: only time shows that nobody is left. What can be done meanwhile is: the proofs that all sessions are gone, and
the nodes' configuration. Only what must come after the second timestamp comes after it: the bound, its reading back,
the starts.

So the way back is longer by a number of seconds that does not depend on the service, and the ratio depends on how long
its nodes take to start: it is at most 1.2 where forward takes at least five times those seconds. With nodes that start
at once it is far from that.

With:

- {machine};
- {connection}, pipelining;
- the load of the machine was {load}.
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.back", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=LEAST, help=f"rounds for each time to start ({LEAST})")
    parser.add_argument("--starts", default="0,20,60", help="seconds that a node takes to start (0,20,60)")
    parser.add_argument("--table", type=Path, help="a file in which to write the results")
    options = parser.parse_args()
    starts = [float(seconds) for seconds in options.starts.split(",")]
    without = ssh.why_not()
    load = os.getloadavg()[0]
    try:
        results = in_turn(options.count, starts, play_there_and_back, _line)
    except (Failed, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    whole = PAGE.format(
        short=SHORT.format(count=options.count) if options.count < LEAST else "",
        rows="\n".join(row(start, found) for start, found in results.items()),
        machine=machine(),
        connection=f"local connections, since {without}" if without else "ssh to loopback",
        load=f"{load:.1f} when it began and {os.getloadavg()[0]:.1f} when it ended",
    )
    print(whole)
    if options.table:
        options.table.write_text(whole, encoding="utf-8")
    return 0


def _line(start: float, found: dict[str, Figures]) -> str:
    windows = ", ".join(f"{way}: window {each.window:.2f} s" for way, each in found.items())
    return f"start {start:g} s: {windows}"


def row(start: float, found: list[dict[str, Figures]]) -> str:
    """Of rounds in which a node took so long to start."""
    cells = [
        percentile([getattr(each[way], figure) for each in found], 0.5)
        for way in ("migrate", "reverse")
        for figure in ("outage", "window")
    ]
    ratio = percentile([each["reverse"].window / each["migrate"].window for each in found], 0.5)
    seconds = " | ".join(f"{cell:.1f}" for cell in cells)
    return f"| {start:g} s | {len(found)} | {seconds} | {ratio:.2f} |"


if __name__ == "__main__":
    sys.exit(main())
