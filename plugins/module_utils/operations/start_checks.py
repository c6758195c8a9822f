# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must be proved before a node may start on TimeLock, or on another namespace there, by no effect on its store."""

from __future__ import annotations

from ..proofs import Guard, guard_of, require_offline, require_timelock
from ..refusal import Refusal


def proved(params: dict, nodes: list | None, ts: int) -> dict:
    """The handover with which a node may start: ``nodes`` are offline, and the plan's namespace is above ``ts``.

    ``nodes`` is None where the store is invalidated, so that nothing is asked of them. All of it was proved under the
    lock of ``run_id`` in ``epoch``, for ``store`` as it was read after that.

    Raises Refusal as require_offline and require_timelock do, and ``operator-lock-lost``.
    """
    proof, proofs, limit = params["timelock_proof"], params["proofs"], params["max_proof_age"]
    identity, namespace = params["store"]["identity"], params["plan"]["namespace"]
    guard = Guard(params["run_id"], params["epoch"])
    if guard_of([*([proof] if proof else []), *proofs]) != guard:
        raise Refusal("operator-lock-lost", f"The proofs are not of run {guard.run_id}, epoch {guard.epoch}.")
    if nodes is not None:
        require_offline(nodes, proofs, identity, limit, bool(params["accept_unproven"]))
    require_timelock(proof, identity, ts, limit)
    if proof["namespace"] != namespace:
        found = f"The namespace {proof['namespace']} was fast-forwarded, and the nodes are to have {namespace}."
        raise Refusal("proof-missing", found)
    accepted = params["accept_unproven"] if nodes is not None else None
    return {
        "handover": {**vars(guard), "namespace": namespace, "ts": str(ts)},
        "accepted_unproven": accepted,
    }
