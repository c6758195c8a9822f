# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two operators begin with one service at the same moment, again and again: exactly one of them may.

usage: python -m races [--count COUNT] [--store postgres|cassandra]

In every other race both go forward, in the others one of them goes back.
"""

from __future__ import annotations

import argparse
import sys

from races.locks import Tally, race
from races.stores import STORES, opened


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m races", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1000, help="races on each store (1000)")
    parser.add_argument("--store", choices=STORES, action="append", help="postgres, cassandra (both)")
    options = parser.parse_args()
    good = True
    for name in options.store or STORES:
        with opened(name) as kvs:
            tally: Tally = race(kvs, options.count)
        good &= tally.ok
        print(f"{name}: {tally}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
