# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An action that runs modules on the node, and adds what only the controller knows."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

COLLECTION = "atlasdb.timelock"


class NodeAction(ActionBase):
    """Base of the actions that work on a node: arguments validated here, refusals as failed results."""

    argument_spec: dict = {}

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validated, params = self.validate_argument_spec(self.argument_spec)
        try:
            result.update(self.act(params, task_vars))
        except Refusal as refusal:
            result.update(refusal.result())
        return result

    def act(self, params: dict, task_vars: dict) -> dict:
        """Do the work of the action; its result, or the failed one of the node's module."""
        raise NotImplementedError

    def on_node(self, module: str, arguments: dict, task_vars: dict) -> dict:
        """The result of the collection's ``module`` on the node; arguments that are None are left out."""
        return self._execute_module(
            module_name=f"{COLLECTION}.{module}",
            module_args={key: value for key, value in arguments.items() if value is not None},
            task_vars=task_vars,
        )

    def pack(self, modules: tuple[str, ...], task_vars: dict) -> None:
        """Have Ansible pack the collection's ``modules`` for the node, which it does once a run, at their first use."""
        for module in modules:
            self._configure_module(f"{COLLECTION}.{module}", {}, task_vars)


def went_wrong(result: dict) -> bool:
    """Whether a module's result is of no use."""
    return bool(result.get("failed") or result.get("unreachable"))
