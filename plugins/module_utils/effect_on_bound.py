# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an effect on the bound asks for before it happens, and what it says afterwards."""

from __future__ import annotations

from .bound import StoreState
from .proofs import Guard, require_offline, require_timelock
from .stores.interface import Change, Store


def require_proofs(store: Store, params: dict, number: int) -> Guard | None:
    """Refuse unless ``params`` (arguments.PROOFS) prove all nodes offline and TimeLock above ``number``.

    Returns the guard of the run that proved it. With ``accept_unproven`` what is missing is waived, and the guard is None
    where there is no run; what is there is checked all the same.
    """
    identity = store.identity()
    guard = None
    if params["timelock_proof"] or not params["accept_unproven"]:
        guard = require_timelock(params["timelock_proof"], identity, number, params["max_proof_age"])
    if not params["accept_unproven"]:
        require_offline(params["nodes"], params["offline_proofs"], guard, identity, params["max_proof_age"])
    return guard


def describe(state: StoreState) -> dict:
    """A state as a module returns it."""
    return {"state": state.state, "bound": state.bound, "backup": state.backup}


def change_result(change: Change, params: dict) -> dict:
    """What an effect did, as a module returns it."""
    return {
        "changed": change.changed,
        "before": describe(change.before),
        **describe(change.after),
        "diff": {"before": describe(change.before), "after": describe(change.after)},
        "accepted_unproven": params["accept_unproven"],
    }
