# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs checks and says how each ended.

usage: python -m checks NAME...

A name is a check's or a group's; `test` is the group of all. What a check prints goes to .build/logs, and is shown
where it fails. Checks that run fleets mostly wait, so they have a lane of their own, and the others fill what time they
leave. Ends with 1 where a check failed.
"""

from __future__ import annotations

import os
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from checks import ansible_test, model, package, site, style, suites
from checks.outcome import LOGS, ROOT, Check, Outcome, perform

SHOWN_LINES = 80
SHOWN_TESTS = 10
SHOWN_COLUMNS = 300
COLUMNS = 120
NICE = 10


PRINTING = Lock()


def check(name, body, *groups):
    return Check(name, body, frozenset({name, "test", *groups}))


def part(name, body):
    """What `test` leaves out, or does as a part of another check."""
    return Check(name, body, frozenset({name}))


FILES = [
    check("ruff", style.ruff, "lint"),
    check("oldest-python", style.oldest_python, "lint"),
    check("yamllint", style.yamllint, "lint"),
    check("ansible-lint", style.ansible_lint, "lint"),
    check("changelog", style.changelog, "lint"),
    check("licences", style.licences, "lint"),
    check("documentation", style.documentation, "lint"),
    check("package", package.package, "lint"),
    check("docs", site.site, "lint"),
    check("model", model.model),
    check("sanity", ansible_test.sanity),
    check("units", ansible_test.units),
]
FLEETS = [
    part("migration", suites.migration),
    # The longest comes last: when it ends, the other lane has ended as well.
    check("molecule", suites.molecule),
    part("hosts", suites.hosts),
    part("clusters", suites.clusters),
    check("integration", suites.integration),
]


def chosen(names: list[str]) -> list[list[Check]]:
    """The lanes with the checks that the names stand for."""
    known = frozenset().union(*(each.groups for each in FILES + FLEETS))
    if unknown := sorted(set(names) - known):
        sys.exit(f"No such check: {', '.join(unknown)}. There are: {', '.join(sorted(known))}")
    return [[each for each in lane if each.groups & set(names)] for lane in (FILES, FLEETS)]


def run(lane: list[Check], nice: int) -> list[Outcome]:
    # What a thread starts inherits its priority.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
    outcomes = []
    for each in lane:
        with PRINTING:
            print(f"{each.name} ...", flush=True)
        outcomes.append(perform(each))
        with PRINTING:
            show(outcomes[-1])
    return outcomes


def show(outcome: Outcome) -> None:
    print(f"{outcome.name}: {outcome.result}, {outcome.seconds:.0f} s", flush=True)
    if outcome.result == "failed":
        log = LOGS / f"{outcome.name}.log"
        lines = log.read_text(errors="replace").splitlines()
        print(f"--- {outcome.detail}; the last lines of {log.relative_to(ROOT)}:")
        print("\n".join(lines[-SHOWN_LINES:]))
        print("---", flush=True)


def summarise(outcomes: list[Outcome]) -> None:
    """What failed comes last, since the end of a long output is what is kept of it and read first."""
    width = max(len(outcome.name) for outcome in outcomes)
    print()
    for outcome in outcomes:
        for line in outcome.not_run:
            print(textwrap.fill(f"not run in {outcome.name}: {line}", COLUMNS, subsequent_indent="    "))
    print()
    for outcome in outcomes:
        print(f"{outcome.name:{width}}  {outcome.seconds:6.1f} s  {outcome.result:7}  {outcome.detail}".rstrip())
    print()
    for outcome in outcomes:
        for line in outcome.not_passed[:SHOWN_TESTS]:
            print(f"{outcome.name}: {line[:SHOWN_COLUMNS]}")
    counts = {result: sum(each.result == result for each in outcomes) for result in ("passed", "failed", "skipped")}
    print(", ".join(f"{count} {result}" for result, count in counts.items()))


def main(names: list[str]) -> int:
    with ThreadPoolExecutor() as lanes:
        outcomes = sum(lanes.map(run, chosen(names), (NICE, 0)), [])
    summarise(outcomes)
    return 1 if any(outcome.result == "failed" for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
