# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module handover_record, in the controller's own process, for the run that this process belongs to."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils import journal
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.handover_record import (
    ARGUMENT_SPEC,
    RULES,
    handover_record,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.run_holder import holder_gone, holder_of_worker
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
            try:
                arguments = {**arguments, "holder": holder_of_worker(arguments.get("run_id"))}
            except Refusal as refusal:
                return refusal.result()
        self._task.args = arguments = self._with_journal(arguments, task_vars)
        result = super().perform(task_vars)
        if result.get("code") == "operator-locked" and holder_gone(result["holder"]):
            self._task.args = {**arguments, "take_over": result["holder"]["run_id"]}
            result = super().perform(task_vars)
        return result

    def _with_journal(self, arguments: dict, task_vars: dict) -> dict:
        """What is noted has the run's journal in short, for whoever has the store and not this machine."""
        path, who = self._journal(task_vars)
        if path is None or not arguments.get("changes"):
            return arguments
        try:
            told = journal.short(journal.read(path), who["service"])
        except OSError:
            return arguments
        ended = [one for one in told if (one["effect"], one["came"]) != ("record", journal.BEGUN)]
        return {**arguments, "changes": {**arguments["changes"], "journal": ended}}
