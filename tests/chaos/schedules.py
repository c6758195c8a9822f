# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to which service at which step: all of it follows from a number, so that it can happen again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from lab.layout import POSTGRES

OF_POSTGRES = ("sessions_ended", "table_locked", "idle_pool")
OF_A_SERVICE = (
    "node_rebooted", "node_paused", "folder_sealed", "configuration_rewritten", "client_on_a_copy",
    "suspended_client_on_a_copy", *OF_POSTGRES,
)  # fmt: skip
"""Faults of one service; those of OF_POSTGRES there are on that store alone."""

OF_THE_FLEET = (
    "leader_killed", "quorum_lost", "servers_slow", "answers_dropped", "controller_killed", "store_paused",
    "store_killed",
)  # fmt: skip
"""Faults that reach every service of a batch."""


@dataclass(frozen=True)
class Strike:
    """A fault, from the beginning of one step to that of another, or until the run has ended (None)."""

    fault: str
    begins: str
    ends: str | None


@dataclass(frozen=True)
class Schedule:
    """Of one service."""

    number: int
    nodes: int
    strikes: tuple[Strike, ...]


def of_service(number: int, store: str, steps: list[str]) -> Schedule:
    chance = random.Random(f"service {number}")
    possible = [fault for fault in OF_A_SERVICE if store == POSTGRES or fault not in OF_POSTGRES]
    strikes = _strikes(chance, possible, chance.choice((1, 1, 1, 2)), steps)
    # A copy of a node without a leader block issues beside it once it is put back, whoever put it there.
    copied = any(strike.fault.endswith("on_a_copy") for strike in strikes)
    return Schedule(number, 2 if copied else chance.choice((1, 1, 2)), strikes)


def of_fleet(first: int, steps: list[str]) -> tuple[Strike, ...]:
    """What happens to all services of the run in which ``first`` is the first schedule."""
    chance = random.Random(f"fleet {first}")
    return _strikes(chance, OF_THE_FLEET, chance.choice((0, 1, 1, 2)), steps)


def _strikes(chance: random.Random, possible: Sequence[str], count: int, steps: list[str]) -> tuple[Strike, ...]:
    found = []
    for name in chance.sample(possible, count):
        begins = chance.randrange(len(steps))
        ends = begins + chance.choice((1, 1, 2, 3, len(steps)))
        found.append(Strike(name, steps[begins], steps[ends] if ends < len(steps) else None))
    return tuple(found)
