# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a bound is: the number in the key-value service that no issued timestamp exceeds, its limits and its states.

Source of the numbers: AtlasDB PersistentUpperLimit.java (buffer), AtlasDbFactory.java (no-op value).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LONG = 2**63 - 1
BUFFER = 1_000_000
"""AtlasDB moves the bound this far above what it issues; TimeLock loses up to this much at each change of leader."""

_SECONDS_OF_A_THOUSAND_YEARS = 1000 * 31_557_600
LARGEST_BOUND = MAX_LONG - BUFFER - _SECONDS_OF_A_THOUSAND_YEARS * 1_000_000
"""Above it there is no headroom for a thousand years at a million timestamps a second."""

ACTIVE = "active"
INVALIDATED = "invalidated"
ABSENT = "absent"
AMBIGUOUS = "ambiguous"

_DIGITS = re.compile(r"^[0-9]+\Z")


@dataclass(frozen=True)
class StoreState:
    """What a key-value service says of its bound.

    ``state`` is one of ACTIVE, INVALIDATED, ABSENT, AMBIGUOUS; ``bound`` the live number or None, ``backup`` the kept
    one or None. ``code`` and ``reason`` say what is wrong, for ABSENT, AMBIGUOUS and numbers that AtlasDB never writes.
    ``empty_table`` is set where the table is the right one, and holds no number. ``guarded`` is set where the bound is
    live beside what makes AtlasDB's own migration refuse the store, as the way back leaves it until all nodes serve.
    """

    state: str
    bound: int | None = None
    backup: int | None = None
    code: str | None = None
    reason: str | None = None
    empty_table: bool = False
    guarded: bool = False


def parse_number(text: str, name: str) -> int:
    """The timestamp that ``text`` spells in decimal digits.

    Raises ValueError for anything else, and for what does not fit into 64 bits: an option of Ansible's own type int
    would round 9007199254740993.0 and take it.
    """
    if not isinstance(text, str) or not _DIGITS.match(text):
        raise ValueError(f"{name} must be a string of decimal digits, not {text!r}.")
    number = int(text)
    if number > MAX_LONG:
        raise ValueError(f"{name} is {number}, which does not fit into 64 bits.")
    return number


def out_of_range(number: int) -> str | None:
    """Why ``number`` cannot be a bound, as a sentence, or None where it can."""
    if number < 0:
        return f"{number} is negative."
    if number > LARGEST_BOUND:
        return f"{number} leaves no headroom: the largest bound accepted is {LARGEST_BOUND}."
    return None
