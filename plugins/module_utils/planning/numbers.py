# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the numbers of a service say against each other."""

from __future__ import annotations

from ..bound import ACTIVE, INVALIDATED
from ..refusal import Refusal
from ..stores.interface import PUNCH_TABLE
from .own_migration import begun


def issued(backup: int | None, corroboration: list, record: dict | None) -> list:
    """What is known to have been given out, by a backup and by what else tells it: pairs of who says it, and a number.

    ``record`` is the record's document.
    """
    on_record = ((record or {}).get("numbers") or {}).items()
    return [
        ("the backup", backup or 0),
        *((one["source"], int(one["number"])) for one in corroboration),
        *((f"'{name}' on record", int(number)) for name, number in on_record),
    ]


def never_held(state: dict) -> bool:
    """Whether the store of ``state`` (a result of timestamp_info) is as a client leaves it that began on TimeLock."""
    return state.get("code") == "bound-unreadable" and bool(state.get("empty_table"))


def of_left_namespace(corroboration: list, renamed: list) -> list:
    """What of ``corroboration`` tells how far a namespace has got that is to be left, of which nodes are ``renamed``.

    Once one of them is, clients write down what the new namespace gives them.
    """
    return [one for one in corroboration if not (renamed and one["source"] == PUNCH_TABLE)]


def witness_above(number: int, corroboration: list, fresh: int | None = None) -> Refusal | None:
    """What ``corroboration`` (of a store) says against ``number`` as the largest one issued, or None.

    With ``fresh``, which TimeLock has just given out, clients were on TimeLock already: what they wrote down by wall
    clock has to be below that instead.
    """
    for one in corroboration:
        by_clock, known = one["source"] == PUNCH_TABLE and fresh is not None, int(one["number"])
        if known > number and not (by_clock and known < fresh):
            more = f" and TimeLock's fresh timestamp {fresh}" if by_clock else ""
            return Refusal("bound-contradicted", f"{one['source']} has {known}, above the bound {number}{more}.")
    return None


def contradiction(state: dict, record: dict | None, fresh: int | None = None, lost: bool = False) -> Refusal | None:
    """Why the bound of ``state`` (a result of timestamp_info) cannot be the largest number issued, or None.

    Everything else that is known must be at or below it: what the store holds besides, and every number on record. The
    fresh timestamps of TimeLock are above a backup, and that is right, as are those that clients write down by wall
    clock once they have them from there; they are not above a bound that is live. Where a node was started to migrate
    itself, and has not, or the store has ``lost`` its invalidation under nodes on TimeLock, they are below ``fresh``,
    if TimeLock was asked.
    """
    number = state["bound"] if state["state"] == ACTIVE else state["backup"]
    if number is None:
        return None
    on_timelock, witnesses = lost or begun(record), state["corroboration"]
    if state["state"] != ACTIVE or (on_timelock and fresh is None):
        witnesses = [one for one in witnesses if one["source"] != PUNCH_TABLE]
    wrong = witness_above(number, witnesses, fresh if on_timelock else None)
    if wrong:
        return wrong
    numbers = (record or {}).get("numbers") or {}
    counted = numbers.values() if state["state"] == ACTIVE else [numbers.get("bound", 0)]
    on_record = max([0] + [int(value) for value in counted])
    if numbers and number < on_record:
        return Refusal("bound-below-record", f"The bound is {number}, and {on_record} is on record.")
    return None


def behind(state: dict, record: dict | None, fresh: int, repairing: bool = False) -> Refusal | None:
    """Why a TimeLock that gave out ``fresh`` cannot serve the store of ``state``, or None.

    It must be above the number at which the store was invalidated, above what clients have written down since, and
    above what it gave out before. With ``repairing`` it will be brought above that number, so that only what is above
    both speaks against it: then somebody took timestamps from another TimeLock. To a bound that is active it will be
    brought as well, which is not below anything on record (``contradiction``): it may be a new one.
    """
    reached = fresh
    if state["state"] == INVALIDATED:
        backup = state["backup"] or 0
        if fresh <= backup and not repairing:
            found = f"The store is invalidated at {backup}, and TimeLock's fresh timestamp is {fresh}."
            return Refusal("timelock-behind-backup", found)
        reached = max(fresh, backup + 1) if repairing else fresh
        for source in state["corroboration"]:
            if reached <= int(source["number"]):
                found = f"{source['source']} has {source['number']}, and TimeLock's fresh timestamp is {fresh}."
                return Refusal("timelock-behind-backup", found)
    before = int(((record or {}).get("numbers") or {}).get("fresh", 0))
    if reached <= before and state["state"] != ACTIVE:
        found = f"TimeLock's fresh timestamp is {fresh}, and it gave out {before} before."
        return Refusal("timelock-behind-backup", found)
    return None
