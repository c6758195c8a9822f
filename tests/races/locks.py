# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Races for the lock of a service's record, each between two processes that begin it together: in every other one both
go forward, in the others one of them goes back.
"""

from __future__ import annotations

import multiprocessing
from contextlib import closing, suppress
from dataclasses import dataclass

from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.reverse_checks import one_way
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.service import MIGRATE, REVERSE
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import Guard
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.opening import open_store

SERVICE = "orders"
OPERATORS = ("alice", "bob")
PATIENCE_SECONDS = 120
LOCKED = "operator-locked"
ANOTHERS = "what the record says is another's"


def direction_of(operator: str, number: int) -> str:
    """Where an operator goes in a race: bob back in every other one."""
    return REVERSE if operator == OPERATORS[1] and number % 2 else MIGRATE


@dataclass
class Tally:
    """How many races there were, and what was wrong with some; how often each operator was first, and of the races in
    which one of them went back, how often he was.
    """

    races: int
    wins: dict[str, int]
    wrong: list[str]
    back: int

    @property
    def ok(self) -> bool:
        return not self.wrong and sum(self.wins.values()) == self.races

    def __str__(self) -> str:
        wins = ", ".join(f"{name} {count}" for name, count in self.wins.items())
        wins += f"; of {self.races // 2} against one that goes back, {self.back} by that one"
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
    wins, wrong, last, back = dict.fromkeys(OPERATORS, 0), [], 0, 0
    for number in range(count):
        ends = {operator: end for race_number, operator, end in told if race_number == number}
        winners = [operator for operator, end in ends.items() if isinstance(end, int)]
        losers = [operator for operator, end in ends.items() if end == LOCKED]
        if len(winners) != 1 or len(losers) != len(OPERATORS) - 1:
            wrong.append(f"race {number}: {ends}")
            continue
        wins[winners[0]] += 1
        back += direction_of(winners[0], number) == REVERSE
        if ends[winners[0]] <= last:
            wrong.append(f"race {number}: epoch {ends[winners[0]]} after {last}")
        last = ends[winners[0]]
    return Tally(count, wins, wrong, back)


def _run(operator: str, kvs: dict, count: int, line, answers) -> None:
    """One operator: in each race it tries to begin together with the other, and ends what it has begun."""
    with closing(open_store(kvs)) as store:
        for number in range(count):
            run_id = f"{operator}-{number}"
            line.wait(PATIENCE_SECONDS)
            try:
                end = _begin(store, run_id, operator, direction_of(operator, number))
            except Refusal as refusal:
                end = refusal.code
            line.wait(PATIENCE_SECONDS)
            if isinstance(end, int):
                on_record = store.record().document
                # Whoever has it by mistake may be refused here; the tally says what went wrong.
                with suppress(Refusal):
                    store.note(Guard(run_id, end), {"unfinished": False}, True)
                end = end if on_record["direction"] == direction_of(operator, number) else ANOTHERS
            answers.put((number, operator, end))
    answers.close()
    answers.join_thread()


def _begin(store, run_id: str, operator: str, direction: str) -> int:
    """The epoch of a lock that was taken, as a playbook's first step takes it, with where it goes written down."""
    holder = {"run_id": run_id, "user": operator, "host": f"{operator}s-controller", "pid": 1, "since": "now"}
    taken = store.take_lock(holder, SERVICE, None)
    one_way({"lock": {"document": taken.document}, "direction": direction})
    intent = {"unfinished": True, "direction": direction, "service": SERVICE}
    return store.note(Guard(run_id, taken.epoch), intent, False).epoch
