# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An action that runs a module's operation in the controller's own process, which saves a process and its start."""

from __future__ import annotations

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.atlasdb.timelock.plugins.module_utils.operation import attempt
from ansible_collections.atlasdb.timelock.plugins.module_utils.printable import printable
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal


class OperationAction(ActionBase):
    """Base of the actions whose module has the same name, options and operation.

    A delegate that is another host, or another user, gets the module itself, unless ``needs_the_delegate`` is False: an
    operation that looks at nothing but its arguments runs here wherever the task points.
    """

    argument_spec: dict = {}
    rules: dict = {}
    operation = None
    needs_the_delegate = True

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        result.update(self.perform(task_vars))
        return result

    def perform(self, task_vars: dict) -> dict:
        """The result of the operation with the task's arguments, wherever it runs."""
        if self.needs_the_delegate and self._is_elsewhere():
            return self._on_the_delegate(task_vars)
        _validated, params = self.validate_argument_spec(self.argument_spec, **self.rules)
        return attempt(type(self).operation, params, bool(self._task.check_mode))

    def _is_elsewhere(self) -> bool:
        """Whether the task is another host's, or another user's. What an inventory says of ``ansible_become`` for all
        hosts holds for the controller too, and wins over ``become: false``: a task that is delegated means what it
        says itself."""
        as_another = self._play_context.become and (self._task.become or not self._task.delegate_to)
        return self._connection.transport != "local" or bool(as_another)

    def _on_the_delegate(self, task_vars: dict) -> dict:
        """The module's result there. Ansible drops a host whose delegate does not answer, and with it whoever would put
        its service back: that is a refusal here, of which nobody knows what it came after."""
        try:
            return self._execute_module(task_vars=task_vars)
        except AnsibleConnectionFailure as error:
            where = self._task.delegate_to or task_vars["inventory_hostname"]
            found = f"{where}, where this is done, does not answer: {printable(str(error)).rstrip('.')}."
            lost = Refusal("node-lost", found, "Make it reachable (timelock_delegate names it), then run again.")
            return {**lost.result(), "fate_unknown": True}
