# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to which service at which step: all of it follows from a number, so that it can happen again."""

from __future__ import annotations

import random
from dataclasses import dataclass

OF_A_SERVICE = {
    "node_rebooted": ("postgres", "cassandra"),
    "node_paused": ("postgres", "cassandra"),
    "folder_sealed": ("postgres", "cassandra"),
    "configuration_rewritten": ("postgres", "cassandra"),
    "client_on_a_copy": ("postgres", "cassandra"),
    "suspended_client_on_a_copy": ("postgres", "cassandra"),
    "sessions_ended": ("postgres",),
    "table_locked": ("postgres",),
    "idle_pool": ("postgres",),
}
"""Faults of one service, and the stores on which there are such."""

OF_THE_FLEET = {
    "leader_killed": ("postgres", "cassandra"),
    "quorum_lost": ("postgres", "cassandra"),
    "servers_slow": ("postgres", "cassandra"),
    "answers_dropped": ("postgres", "cassandra"),
    "controller_killed": ("postgres", "cassandra"),
    "store_paused": ("postgres", "cassandra"),
    "store_killed": ("postgres", "cassandra"),
}
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
    strikes = _strikes(chance, OF_A_SERVICE, chance.choice((1, 1, 1, 2)), store, steps)
    # A copy of a node without a leader block issues beside it once it is put back, whoever put it there.
    copied = any(strike.fault.endswith("on_a_copy") for strike in strikes)
    return Schedule(number, 2 if copied else chance.choice((1, 1, 2)), strikes)


def of_fleet(first: int, store: str, steps: list[str]) -> tuple[Strike, ...]:
    """What happens to all services of the run in which ``first`` is the first schedule."""
    chance = random.Random(f"fleet {first}")
    return _strikes(chance, OF_THE_FLEET, chance.choice((0, 1, 1, 2)), store, steps)


def _strikes(chance, faults: dict, count: int, store: str, steps: list[str]) -> tuple[Strike, ...]:
    possible = [name for name, stores in faults.items() if store in stores]
    found = []
    for name in chance.sample(possible, count):
        begins = chance.randrange(len(steps))
        ends = begins + chance.choice((1, 1, 2, 3, len(steps)))
        found.append(Strike(name, steps[begins], steps[ends] if ends < len(steps) else None))
    return tuple(found)
