# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a namespace of TimeLock above a timestamp."""

from __future__ import annotations

from ..arguments import TIMELOCK
from ..bound import parse_number
from ..timelock.advance import bring_above
from ..timelock.opening import open_timelock

ARGUMENT_SPEC = {
    **TIMELOCK,
    "namespace": {"type": "str", "required": True},
    "timestamp": {"type": "str", "required": True},
    "service": {"type": "str"},
    "run_id": {"type": "str"},
    "epoch": {"type": "int"},
    "kvs_identity": {"type": "dict"},
}

_PROVED_FOR = ("service", "run_id", "epoch", "kvs_identity")


def timelock_fast_forward(params: dict, check_mode: bool) -> dict:
    """Fast-forward the namespace where it is not above the timestamp already; see the module's RETURN.

    Raises Refusal as ``bring_above`` does, and ValueError for a timestamp that is not spelt in decimal
    digits, or for some but not all of what the proof is to name.
    """
    timestamp = parse_number(params["timestamp"], "timestamp")
    given = {name: params[name] for name in _PROVED_FOR if params[name] is not None}
    if given and len(given) < len(_PROVED_FOR):
        raise ValueError(f"A proof needs all of {', '.join(_PROVED_FOR)}; given were only {', '.join(given)}.")
    timelock = open_timelock(params)
    found = bring_above(timelock, params["namespace"], timestamp, check_mode)
    taken = found.pop("taken")
    proof = None
    if given and taken:
        proof = {
            "kind": "timelock",
            **given,
            "servers": timelock.urls,
            "namespace": params["namespace"],
            "fresh_timestamp": found["fresh_timestamp"],
            "taken": taken,
        }
    return {**found, "timelock_proof": proof}
