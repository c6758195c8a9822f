# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judgements between the steps of a rename, which handover_check gives as well."""

from __future__ import annotations

from ..proofs import Guard, guard_of, require_offline, require_timelock
from ..refusal import Refusal
from ..timelock.quiet import require_quiet
from .reverse_checks import require_above_known


def rename_at(params: dict) -> dict:
    """TS, the last timestamp of the namespace that is left, as decimal text.

    Raises Refusal ``timelock-behind-backup`` where TimeLock is below what is known to have been given out.
    """
    return {"ts": str(require_above_known(params, "timelock-behind-backup"))}


def renamed(params: dict) -> dict:
    """The handover with which nodes may start on the new namespace: it is above TS, and nobody is on the old one.

    ``earlier`` and ``later`` are timestamps of the old one, of which ``earlier`` is TS; ``store`` was read back.
    """
    plan, ts = params["plan"], params["earlier"]["fresh_timestamp"]
    proof, proofs, limit = params["timelock_proof"], params["proofs"], params["max_proof_age"]
    identity = params["store"]["identity"]
    guard = Guard(params["run_id"], params["epoch"])
    if guard_of([*([proof] if proof else []), *proofs]) != guard:
        raise Refusal("operator-lock-lost", f"The proofs are not of run {guard.run_id}, epoch {guard.epoch}.")
    require_offline(plan["nodes"], proofs, identity, limit, bool(params["accept_unproven"]))
    require_timelock(proof, identity, ts, limit)
    if proof["namespace"] != plan["namespace"]:
        found = f"The namespace {proof['namespace']} was fast-forwarded, and the nodes are to have {plan['namespace']}."
        raise Refusal("proof-missing", found)
    fresh = int(params["fresh_timestamp"])
    if fresh <= ts:
        raise Refusal("timelock-behind", f"TimeLock's fresh timestamp {fresh} is not above {ts}.")
    require_quiet(params["earlier"], params["later"])
    return {"handover": {**vars(guard), "namespace": plan["namespace"], "ts": str(ts)}}
