# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module kvs_sockets_info, its look stamped by the controller."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.plugin_utils.timed_action import TimedAction


class ActionModule(TimedAction):
    """See the module's documentation."""

    module = "kvs_sockets_info"
    elapsed = "elapsed_at_look"

    def stamped(self, result: dict, taken: dict, task_vars: dict) -> dict:
        return {"taken": taken}
