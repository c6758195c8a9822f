# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations of a three-node service and bare stop-and-start playbooks of the same nodes, in turn.

usage: python -m bench [--count COUNT] [--services 1,10,100] [--table FILE]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench import ssh, table
from bench.rounds import Failed, in_turn, play_round


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=20, help="migrations for each size of inventory (20)")
    parser.add_argument("--services", default="1,10,100", help="sizes of the inventory (1,10,100)")
    parser.add_argument("--table", type=Path, help="a file in which to write the results")
    options = parser.parse_args()
    sizes = [int(size) for size in options.services.split(",")]
    without = ssh.why_not()
    load = os.getloadavg()[0]
    try:
        results = in_turn(options.count, sizes, play_round, table.line)
    except (Failed, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    connection = f"local connections, since {without}" if without else "ssh to loopback"
    whole = table.render(results, connection, load)
    print(whole)
    if options.table:
        options.table.write_text(whole, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
