# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a namespace of TimeLock above a timestamp, and prove that it is."""

from __future__ import annotations

from ..bound import out_of_range
from ..proofs import stamp_now
from ..refusal import Refusal
from .client import TimeLock
from .namespace import require_namespace
from .survey import look


def bring_above(timelock: TimeLock, namespace: str, timestamp: int, check_mode: bool = False) -> dict:
    """Make ``namespace`` issue only timestamps above ``timestamp``; where it already does, nothing is sent.

    Returns ``changed``; ``before``, the fresh timestamp found, and ``fresh_timestamp``, the last of two read
    back (both are consumed); ``leader``; ``taken``, the stamp of the moment before the reading back;
    ``asked``, False in check mode, where none of these is known and ``changed`` means that it may.

    Raises Refusal: ``bound-out-of-range``; ``timelock-behind`` where a fresh timestamp read back is not above
    ``timestamp``; ``timelock-went-backwards``; and as TimeLock and ``look`` do.
    """
    require_namespace(namespace)
    problem = out_of_range(timestamp)
    if problem:
        raise Refusal("bound-out-of-range", problem)
    if check_mode:
        leader = look(timelock)["leader"]
        return _result(True, None, None, leader, None, asked=False)
    leader = timelock.ping(namespace)["leader"]
    before = timelock.fresh_timestamp(namespace)
    changed = before <= timestamp
    if changed:
        timelock.fast_forward(namespace, timestamp)
    taken = stamp_now()
    for _reading in range(2):
        fresh = timelock.fresh_timestamp(namespace)
        if fresh <= timestamp:
            raise Refusal(
                "timelock-behind",
                f"Namespace {namespace} gave the fresh timestamp {fresh} after the fast-forward to {timestamp}.",
            )
    return _result(changed, before, fresh, leader, taken, asked=True)


def _result(changed, before, fresh, leader, taken, *, asked: bool) -> dict:
    return {
        "changed": changed,
        "before": before,
        "fresh_timestamp": fresh,
        "leader": leader,
        "taken": taken,
        "asked": asked,
    }
