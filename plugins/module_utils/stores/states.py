# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a state of the bound allows, whatever store it is in."""

from __future__ import annotations

from ..bound import ACTIVE, StoreState, out_of_range
from ..refusal import CODES, Refusal
from .interface import Record


def require_usable(state: StoreState) -> None:
    """Refuse with the state's own code where there is one."""
    if state.code:
        raise Refusal(state.code, state.reason)


def another_number(number: int, expected: int) -> Refusal:
    """What speaks against a bound that is not the one that was read before. A client only makes it higher."""
    do = CODES["bound-below-record"].do if number < expected else None
    return Refusal("bound-moved", f"The bound is {number}, and {expected} was expected.", do)


def is_restored(state: StoreState, at_least: int, guarded: bool) -> bool:
    """Whether the bound is live at ``at_least`` or higher, and guarded where that is wanted."""
    return (state.guarded if guarded else state.state == ACTIVE) and state.bound >= at_least


def require_openable(state: StoreState) -> None:
    """Refuse unless the bound is live, guarded or not."""
    if not state.guarded:
        require_usable(state)
    if state.bound is None:
        raise Refusal("bound-moved", f"The store is {state.state}: there is no live bound.")


def require_restorable(state: StoreState, raise_only: bool = False, guarded: bool = False) -> None:
    """Refuse with the state's own code, unless it is that the table holds no number.

    With ``guarded`` the bound may be live already, if it is guarded; a live one that is not belongs to embedded nodes.
    With ``raise_only`` refuse ``bound-moved`` where the bound is not live: an invalidation that was still under way has
    applied, and what would take it back might come late as well, under a successor that has gone forward.
    """
    if guarded and state.guarded:
        return
    if not state.empty_table:
        require_usable(state)
    if guarded and state.state == ACTIVE:
        raise Refusal("bound-moved", f"The bound is live already, at {state.bound}: embedded nodes may use it.")
    if raise_only and state.state != ACTIVE:
        raise Refusal(
            "bound-moved",
            f"The bound was live when it was read, and the store is {state.state} now. It is not made live again.",
            "Start nothing. Run migrate.yml again: it goes forward.",
        )


def next_bound(state: StoreState, at_least: int, record: Record | None) -> int:
    """The number to restore: at least what is asked, and above the store's number and every number on record.

    A process left over from before goes on as soon as it finds the very number that it holds in memory, so none is ever
    put back. Raises Refusal ``bound-out-of-range`` where no headroom is left.
    """
    known = max(state.bound or 0, state.backup or 0, record.highest() if record else 0)
    number = max(at_least, known + 1)
    problem = out_of_range(number)
    if problem:
        raise Refusal("bound-out-of-range", problem)
    return number
