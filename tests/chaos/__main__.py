# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random faults in every run: each service must end migrated or as it was, and no timestamp may go back.

usage: python -m chaos [--count COUNT] [--from NUMBER] [--services NUMBER] [--store postgres|cassandra]

A line for each batch of services that go through one run together. It says how to have that batch again, with the same
faults at the same steps.
"""

from __future__ import annotations

import argparse
import collections
import sys
import time

from chaos.batches import STORES, Told, batches, run_batch


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=2000, help="schedules, rounded up to whole batches (2000)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first schedule's number (0)")
    parser.add_argument("--services", type=int, default=8, help="how many go through one run (8)")
    parser.add_argument("--store", choices=STORES, default=STORES[0], help="postgres, cassandra (postgres)")
    options = parser.parse_args()
    # A batch that is not whole would have other faults than the same one whole.
    count = -(-options.count // options.services) * options.services
    ends: collections.Counter = collections.Counter()
    wrong = []
    began = time.monotonic()
    of_all = range(options.first, options.first + count)
    for lab, folder, numbers in batches(of_all, options.services, options.store):
        told = run_batch(lab, folder / f"batch-{numbers[0]}", numbers, options.store)
        ends.update(told.ends.values())
        wrong += told.wrong
        print(_line(told), flush=True)
    total = sum(ends.values())
    print(f"{total} schedules in {time.monotonic() - began:.0f} s: {_words(ends)} after the run with faults; "
          f"all migrated after the next ones, except for what is wrong: {len(wrong)}")  # fmt: skip
    return 1 if wrong else 0


def _line(told: Told) -> str:
    faults = ", ".join(f"{strike.fault} at {strike.begins}" for strike in told.fleet) or "no fault of the fleet"
    numbers = [schedule.number for schedule in told.schedules]
    again = f"--from {numbers[0]} --count {len(numbers)} --services {len(numbers)}"
    words = f"{again}: {_words(collections.Counter(told.ends.values()))}; {faults}; {told.runs} more"
    words += f"; {told.timestamps} timestamps; {', '.join(told.codes) or 'nothing refused'}"
    return "\n".join([words, *(f"  WRONG {sentence}" for sentence in told.wrong)])


def _words(ends: collections.Counter) -> str:
    return ", ".join(f"{number} {end}" for end, number in sorted(ends.items()))


if __name__ == "__main__":
    sys.exit(main())
