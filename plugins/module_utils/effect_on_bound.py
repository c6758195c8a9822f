# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an effect on the bound asks for before it happens, and what it says afterwards."""

from __future__ import annotations

from .bound import StoreState
from .proofs import Guard, guard_of, require_offline, require_timelock
from .stores.interface import Change, Store


def require_proofs(store: Store, params: dict, above: int | None) -> Guard | None:
    """Refuse unless ``params`` (arguments.PROOFS) prove all nodes offline, and TimeLock above ``above``.

    ``above`` is None where nothing is asked of TimeLock. With ``accept_unproven`` what is missing is waived; what is
    there is checked all the same. Returns the lock under which the proofs were taken, None where there are none.
    """
    waived = bool(params["accept_unproven"])
    timelock, offline = params["timelock_proof"], params["offline_proofs"]
    guard = guard_of(([timelock] if timelock else []) + offline)
    identity = store.identity()
    if timelock or (above is not None and not waived):
        require_timelock(timelock, identity, -1 if above is None else above, params["max_proof_age"])
    require_offline(params["nodes"], offline, identity, params["max_proof_age"], waived)
    return guard


def describe(state: StoreState) -> dict:
    """A state as a module returns it."""
    return {"state": state.state, "bound": state.bound, "backup": state.backup, "guarded": state.guarded}


def change_result(change: Change, params: dict) -> dict:
    """What an effect did, as a module returns it."""
    return {
        "changed": change.changed,
        "before": describe(change.before),
        **describe(change.after),
        "diff": {"before": describe(change.before), "after": describe(change.after)},
        "accepted_unproven": params["accept_unproven"],
    }
