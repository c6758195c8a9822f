# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Races for the lock of a service's record, each between two processes that begin it together."""

from __future__ import annotations

import multiprocessing
from contextlib import closing, suppress
from dataclasses import dataclass

from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import Guard
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.opening import open_store

SERVICE = "orders"
OPERATORS = ("alice", "bob")
PATIENCE_SECONDS = 120
LOCKED = "operator-locked"


@dataclass
class Tally:
    """How many races there were, and what was wrong with some; how often each operator was first."""

    races: int
    wins: dict[str, int]
    wrong: list[str]

    @property
    def ok(self) -> bool:
        return not self.wrong and sum(self.wins.values()) == self.races

    def __str__(self) -> str:
        wins = ", ".join(f"{name} {count}" for name, count in self.wins.items())
        verdict = "exactly one proceeded in each" if self.ok else f"{len(self.wrong)} went wrong: {self.wrong[:3]}"
        return f"{self.races} races ({wins}): {verdict}"


def race(kvs: dict, count: int) -> Tally:
    """`count` races on the store `kvs`. Raises RuntimeError where an operator's process dies."""
    context = multiprocessing.get_context("spawn")
    line, answers = context.Barrier(len(OPERATORS)), context.Queue()
    runners = [context.Process(target=_run, args=(name, kvs, count, line, answers)) for name in OPERATORS]
    for runner in runners:
        runner.start()
    try:
        told = [answers.get(timeout=PATIENCE_SECONDS) for _answer in range(count * len(OPERATORS))]
    except Exception as error:
        raise RuntimeError("An operator gives no answer.") from error
    finally:
        for runner in runners:
            runner.terminate()
            runner.join()
    return tally(count, told)


def tally(count: int, told: list[tuple]) -> Tally:
    """`told`: for each race and operator (number, operator, the epoch that it got or the code that refused it)."""
    wins, wrong, last = dict.fromkeys(OPERATORS, 0), [], 0
    for number in range(count):
        ends = {operator: end for race_number, operator, end in told if race_number == number}
        winners = [operator for operator, end in ends.items() if isinstance(end, int)]
        losers = [operator for operator, end in ends.items() if end == LOCKED]
        if len(winners) != 1 or len(losers) != len(OPERATORS) - 1:
            wrong.append(f"race {number}: {ends}")
            continue
        wins[winners[0]] += 1
        if ends[winners[0]] <= last:
            wrong.append(f"race {number}: epoch {ends[winners[0]]} after {last}")
        last = ends[winners[0]]
    return Tally(count, wins, wrong)


def _run(operator: str, kvs: dict, count: int, line, answers) -> None:
    """One operator: in each race it tries to take the lock together with the other, and gives it back if it has it."""
    with closing(open_store(kvs)) as store:
        for number in range(count):
            run_id = f"{operator}-{number}"
            holder = {"run_id": run_id, "user": operator, "host": f"{operator}s-controller", "pid": 1, "since": "now"}
            line.wait(PATIENCE_SECONDS)
            try:
                end = store.take_lock(holder, SERVICE, None).epoch
            except Refusal as refusal:
                end = refusal.code
            answers.put((number, operator, end))
            line.wait(PATIENCE_SECONDS)
            if isinstance(end, int):
                # Whoever has it by mistake may be refused here; the tally says what went wrong.
                with suppress(Refusal):
                    store.note(Guard(run_id, end), {}, True)
    answers.close()
    answers.join_thread()
