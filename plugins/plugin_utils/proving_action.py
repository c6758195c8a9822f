# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An action whose module on the node takes proofs: stamped here, by the controller's clocks."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.plugin_utils.timed_action import TimedAction


class ProvingAction(TimedAction):
    """Runs the module of the same name, and stamps its proofs with the time when they were taken."""

    elapsed = "elapsed_at_proof"

    def stamped(self, result: dict, taken: dict, task_vars: dict) -> dict:
        arguments = self._task.args
        proofs = [
            {
                **proof,
                "node": task_vars["inventory_hostname"],
                "service": arguments.get("service_name"),
                "run_id": arguments.get("run_id"),
                "epoch": int(arguments.get("epoch") or 0),
                "taken": taken,
            }
            for proof in result.get("proofs") or []
        ]
        return {"proofs": proofs}
