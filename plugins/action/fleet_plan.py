# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module fleet_plan, in the controller's own process."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.fleet_plan import ARGUMENT_SPEC, fleet_plan
from ansible_collections.atlasdb.timelock.plugins.module_utils.printable import printable
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import boot_id
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.journalled import JournalledLook
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.operation_action import OperationAction


class ActionModule(JournalledLook, OperationAction):
    """See the module's documentation."""

    argument_spec = ARGUMENT_SPEC
    operation = fleet_plan

    def _on_the_delegate(self, task_vars: dict) -> dict:
        """The plan, refused where it was made on another machine: an effect there would find that the proofs of the
        nodes are too old, or from another boot, with the services down."""
        result = super()._on_the_delegate(task_vars)
        if "services" not in result or (result.get("boot_id") and result["boot_id"] == boot_id()):
            return result
        where = printable(str(self._task.delegate_to or task_vars["inventory_hostname"]))
        found = f"timelock_delegate is {where}, another machine, whose clocks do not tell how old proofs from here are."
        refused = Refusal("delegate-elsewhere", found).result()
        reasons, refusals = [refused["msg"], *result["reasons"]], [refused, *result["refusals"]]
        return {**result, "refused": True, "reasons": reasons, "refusals": refusals}
