# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module handover_check, in the controller's own process."""

from __future__ import annotations

import time

from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.handover_check import (
    ARGUMENT_SPEC,
    handover_check,
)
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.operation_action import OperationAction


class ActionModule(OperationAction):
    """See the module's documentation."""

    argument_spec = ARGUMENT_SPEC
    operation = handover_check
    needs_the_delegate = False

    def perform(self, task_vars: dict) -> dict:
        return {**super().perform(task_vars), "at": time.time()}
