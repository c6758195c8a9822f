# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a module runs its operation: arguments in, one call into the domain, its result or its refusal out."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from .reason import REASONS, require_reason
from .refusal import Refusal


def attempt(operation, params: dict, check_mode: bool) -> dict:
    """The result of ``operation(params, check_mode)``; what it refuses becomes a failed result, never a traceback."""
    try:
        for name in REASONS:
            require_reason(name, params.get(name))
        return operation(params, check_mode)
    except Refusal as refusal:
        return refusal.result()
    except ValueError as error:
        return {"failed": True, "changed": False, "msg": str(error)}


def run_module(argument_spec: dict, operation, **rules) -> None:
    """Run ``operation`` as an Ansible module; ``rules`` are AnsibleModule's own, such as ``required_if``."""
    module = AnsibleModule(argument_spec=argument_spec, supports_check_mode=True, **rules)
    result = attempt(operation, module.params, module.check_mode)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
