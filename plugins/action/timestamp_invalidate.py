# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module timestamp_invalidate, in the controller's own process."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.timestamp_invalidate import (
    ARGUMENT_SPEC,
    RULES,
    timestamp_invalidate,
)
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.journalled import Journalled
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.operation_action import OperationAction


class ActionModule(Journalled, OperationAction):
    """See the module's documentation."""

    argument_spec = ARGUMENT_SPEC
    rules = RULES
    operation = timestamp_invalidate
