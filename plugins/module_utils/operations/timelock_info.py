# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a TimeLock cluster."""

from __future__ import annotations

from ..arguments import TIMELOCK
from ..proofs import stamp_now
from ..timelock.namespace import require_namespace
from ..timelock.opening import open_timelock
from ..timelock.proof import PROVED_FOR, proof_of, proved_for
from ..timelock.survey import look

ARGUMENT_SPEC = {
    **TIMELOCK,
    "namespace": {"type": "str"},
    "fresh_timestamp": {"type": "bool", "default": False},
    **PROVED_FOR,
}


def timelock_info(params: dict, check_mode: bool) -> dict:
    """What the cluster is, and the next timestamp of a namespace where that is wanted; see the module's
    RETURN.

    Raises Refusal as ``look`` does, and ValueError where a fresh timestamp is wanted of no namespace, and for some but
    not all of what the proof is to name.
    """
    namespace = params["namespace"]
    if namespace is not None:
        require_namespace(namespace)
    elif params["fresh_timestamp"]:
        raise ValueError("fresh_timestamp needs a namespace.")
    given = proved_for(params)
    timelock, taken = open_timelock(params), stamp_now()
    found = look(timelock, namespace, fresh=params["fresh_timestamp"] and not check_mode)
    proof = proof_of(timelock, namespace, given, found["fresh_timestamp"], taken)
    return {"changed": False, **found, "timelock_proof": proof}
