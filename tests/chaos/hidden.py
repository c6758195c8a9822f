# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that the inventory does not know, in every service of a run: each must be found, and nothing migrated.

usage: python -m chaos.hidden [--count COUNT] [--from NUMBER] [--services NUMBER] [--store postgres|cassandra]
"""

from __future__ import annotations

import argparse
import collections
import random
import sys
from dataclasses import dataclass
from pathlib import Path

from chaos.batches import (
    BEFORE,
    MIGRATED,
    STORES,
    WAITS,
    batches,
    bring_up_what_may_run,
    end_of,
    reports_of,
    run_with,
    wrong_timestamps,
)  # fmt: skip
from chaos.faults import OfAService
from chaos.schedules import OF_POSTGRES, Strike
from fleet import STEPS, fleet
from lab.lab import Lab
from lab.layout import POSTGRES

KINDS = {
    "client_on_a_copy": STEPS[: STEPS.index("read_back") + 1],
    "suspended_client_on_a_copy": STEPS[: STEPS.index("stop") + 1],
    "idle_pool": STEPS[: STEPS.index("read_back") + 1],
}
"""What the hidden client is, and at which steps it may begin; one that is suspended goes on after the invalidation."""

FINDS = {"kvs-session-open", "bound-moved", "proof-missing", "probe-blind"}
"""A client that is seen, one that did something, and a proof that cannot be had while it is there."""


@dataclass(frozen=True)
class Trial:
    number: int
    kind: str
    begins: str
    end: str
    said: str

    @property
    def found(self) -> bool:
        return self.end != MIGRATED and any(f"{code}: " in self.said for code in FINDS)


def strike_of(number: int, store: str) -> Strike:
    chance = random.Random(f"hidden {number}")
    kind = chance.choice([name for name in KINDS if store == POSTGRES or name not in OF_POSTGRES])
    begins = chance.choice([BEFORE, *KINDS[kind]])
    return Strike(kind, begins, "read_back" if kind.startswith("suspended") else None)


def try_all(lab: Lab, folder: Path, numbers: range, store: str) -> tuple[list[Trial], list[str]]:
    """One run over a service of two nodes for each number; the trials, and what is wrong with the timestamps."""
    strikes = [strike_of(number, store) for number in numbers]
    with fleet(lab, folder, *[2] * len(strikes), stores=(store,), rate=3) as services:
        services.set(timelock_waves=[len(strikes)], timelock_max_failed_services=len(strikes), **WAITS)
        copies = {node: node.config_path.read_bytes() for node in services.nodes}
        targets = [
            OfAService(lab, service, folder / f"{service.name}.yml") for service in services.services
        ]  # fmt: skip
        run = run_with(services, list(zip(targets, strikes, strict=True)))
        bring_up_what_may_run(services)
        trials = []
        for number, strike, service in zip(numbers, strikes, services.services, strict=True):
            said = [line for line in run.reasons + run.verdict if line.startswith(f"{service.name}: ")]
            end = end_of(services, service, copies)
            trials.append(Trial(number, strike.fault, strike.begins, end, "; ".join(said)))
        return trials, wrong_timestamps(reports_of(services))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m chaos.hidden", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=100, help="trials (100)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first trial's number (0)")
    parser.add_argument("--services", type=int, default=10, help="how many go through one run (10)")
    parser.add_argument("--store", choices=STORES, default=STORES[0], help="postgres, cassandra (postgres)")
    options = parser.parse_args()
    found, total, wrong = collections.Counter(), 0, []
    of_all = range(options.first, options.first + options.count)
    for lab, folder, numbers in batches(of_all, options.services, options.store):
        trials, wrong_now = try_all(lab, folder / f"run-{numbers[0]}", numbers, options.store)
        for trial in trials:
            total += 1
            found[f"{trial.kind}: {trial.end}"] += trial.found
            wrong_now += [] if trial.found else [f"{trial}"]
        wrong += wrong_now
        print(f"{total} tried, {sum(found.values())} found", flush=True)
        for sentence in wrong_now:
            print(f"WRONG {sentence}", flush=True)
    print(f"{sum(found.values())} of {total} found: {', '.join(f'{n} {name}' for name, n in sorted(found.items()))}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
