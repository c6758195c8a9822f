# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module handover_record, in the controller's own process, for the run that this process belongs to."""

from __future__ import annotations

import os

from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.handover_record import (
    ARGUMENT_SPEC,
    RULES,
    handover_record,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.run_holder import holder_gone, holder_of
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.journalled import Journalled
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.operation_action import OperationAction


class ActionModule(Journalled, OperationAction):
    """See the module's documentation."""

    argument_spec = ARGUMENT_SPEC
    rules = RULES
    operation = handover_record

    def perform(self, task_vars: dict) -> dict:
        """Add who holds the lock; and take it over from a run of this machine and user that is gone."""
        arguments = self._task.args
        if not arguments.get("holder"):
            # This is a worker: the run is its parent.
            arguments = {**arguments, "holder": holder_of(arguments.get("run_id"), os.getppid())}
        self._task.args = arguments
        result = super().perform(task_vars)
        if result.get("code") == "operator-locked" and holder_gone(result["holder"]):
            self._task.args = {**arguments, "take_over": result["holder"]["run_id"]}
            result = super().perform(task_vars)
        return result
