# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module handover_report, on the controller wherever the task points."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.handover_report import (
    ARGUMENT_SPEC,
    handover_report,
)
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.operation_action import OperationAction


class ActionModule(OperationAction):
    """See the module's documentation."""

    argument_spec = ARGUMENT_SPEC
    operation = handover_report
    needs_the_delegate = False
