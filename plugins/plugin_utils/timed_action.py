# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An action whose module on a host looks at something: when it looked is stamped here, by the controller's clocks."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import later_stamp, stamp_now
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.node_action import COLLECTION


class TimedAction(ActionBase):
    """Runs the module of the same name, and learns a time at or before the moment when it looked.

    That moment is at least as long after the start of the call as the module itself had been running, by its own clock;
    the way back of the result is not counted, so a look never seems younger than it is.
    """

    module = ""
    elapsed = ""
    """The module's result: for how many seconds it had been running when it looked."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        began = stamp_now()
        result.update(self._execute_module(module_name=f"{COLLECTION}.{self.module}", task_vars=task_vars))
        taken = later_stamp(began, float(result.pop(self.elapsed, 0.0) or 0.0))
        return {**result, **self.stamped(result, taken, task_vars)}

    def stamped(self, result: dict, taken: dict, task_vars: dict) -> dict:
        """What to add to the module's ``result``, which looked at ``taken``."""
        raise NotImplementedError
