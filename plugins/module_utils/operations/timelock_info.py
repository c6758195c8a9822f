# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a TimeLock cluster."""

from __future__ import annotations

from ..arguments import TIMELOCK
from ..proofs import stamp_now
from ..timelock.moved import await_moved
from ..timelock.namespace import require_namespace
from ..timelock.opening import open_timelock
from ..timelock.proof import PROVED_FOR, proof_of, proved_for
from ..timelock.quiet import require_quiet, wait
from ..timelock.survey import look

ARGUMENT_SPEC = {
    **TIMELOCK,
    "namespace": {"type": "str"},
    "fresh_timestamp": {"type": "bool", "default": False},
    "quiet_since": {"type": "dict"},
    "quiet_seconds": {"type": "float", "default": 15.0},
    "moved_since": {"type": "dict"},
    "moved_seconds": {"type": "float", "default": 15.0},
    **PROVED_FOR,
}


def timelock_info(params: dict, check_mode: bool) -> dict:
    """What the cluster is, and the next timestamp of a namespace where that is wanted; see the module's
    RETURN.

    Raises Refusal as ``look`` does, and ``timelock-not-quiet``; ValueError where a fresh timestamp is wanted of no
    namespace, ``quiet_since`` or ``moved_since`` is given without one, or both, and for some but not all of what the
    proof is to name.
    """
    namespace = params["namespace"]
    if namespace is not None:
        require_namespace(namespace)
    elif params["fresh_timestamp"]:
        raise ValueError("fresh_timestamp needs a namespace.")
    since = [name for name in ("quiet_since", "moved_since") if params[name]]
    if since and not params["fresh_timestamp"]:
        raise ValueError(f"{since[0]} needs fresh_timestamp.")
    if len(since) > 1:
        raise ValueError("A namespace is to be quiet or to move, not both.")
    given, fresh = proved_for(params), params["fresh_timestamp"] and not check_mode
    timelock, earlier = open_timelock(params), params["quiet_since"] if fresh else None
    if earlier:
        wait(earlier, params["quiet_seconds"])
    taken = stamp_now()
    if fresh and params["moved_since"]:
        found = await_moved(
            lambda: look(open_timelock(params), namespace, fresh=True), params["moved_since"], params["moved_seconds"]
        )
    else:
        found = {**look(timelock, namespace, fresh=fresh), "moved": None}
    if earlier:
        require_quiet(earlier, found)
    proof = proof_of(timelock, namespace, given, found["fresh_timestamp"], taken)
    quiet_from = earlier["quiet_from"] if earlier else stamp_now()
    return {"changed": False, **found, "quiet_from": quiet_from, "timelock_proof": proof}
