# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a namespace of TimeLock above a timestamp."""

from __future__ import annotations

from ..arguments import TIMELOCK
from ..bound import parse_number
from ..timelock.advance import bring_above
from ..timelock.opening import open_timelock
from ..timelock.proof import PROVED_FOR, proof_of, proved_for

ARGUMENT_SPEC = {
    **TIMELOCK,
    "namespace": {"type": "str", "required": True},
    "timestamp": {"type": "str", "required": True},
    **PROVED_FOR,
}


def timelock_fast_forward(params: dict, check_mode: bool) -> dict:
    """Fast-forward the namespace where it is not above the timestamp already; see the module's RETURN.

    Raises Refusal as ``bring_above`` does, and ValueError for a timestamp that is not spelt in decimal
    digits, or for some but not all of what the proof is to name.
    """
    timestamp = parse_number(params["timestamp"], "timestamp")
    given = proved_for(params)
    timelock = open_timelock(params)
    found = bring_above(timelock, params["namespace"], timestamp, check_mode)
    taken = found.pop("taken")
    proof = proof_of(timelock, params["namespace"], given, found["fresh_timestamp"], taken)
    return {**found, "timelock_proof": proof}
