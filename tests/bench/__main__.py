# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations of a three-node service and bare stop-and-start playbooks of the same nodes, in turn.

usage: python -m bench [--count COUNT] [--services 1,10,100] [--table FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path

from bench import ssh, table
from bench.observed import Figures
from bench.rounds import ADDRESSES, Failed, play_round
from lab.lab import Lab


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=20, help="migrations for each size of inventory (20)")
    parser.add_argument("--services", default="1,10,100", help="sizes of the inventory (1,10,100)")
    parser.add_argument("--table", type=Path, help="a file in which to write the results")
    options = parser.parse_args()
    sizes = [int(size) for size in options.services.split(",")]
    without = ssh.why_not()
    results: dict[int, list[dict[str, Figures]]] = {size: [] for size in sizes}
    load = os.getloadavg()[0]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        login = None if without else stack.enter_context(ssh.server(folder, ADDRESSES))
        lab = Lab.up(folder / "lab", [])
        stack.callback(lab.down)
        # Sizes in turn as well, so that what else the machine does falls on all of them.
        for number in range(options.count):
            for size in sizes:
                name = f"s{size}x{number}"
                try:
                    results[size].append(play_round(lab, folder / name, name, size, login))
                except (Failed, RuntimeError) as error:
                    print(error, file=sys.stderr)
                    return 1
                print(table.line(size, results[size][-1]), flush=True)
    connection = f"local connections, since {without}" if without else "ssh to loopback"
    whole = table.render(results, connection, load)
    print(whole)
    if options.table:
        options.table.write_text(whole, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
