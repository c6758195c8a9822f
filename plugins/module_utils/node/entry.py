# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a module's options to its result."""

from __future__ import annotations

from collections.abc import Callable

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.atlasdb.timelock.plugins.module_utils.node import disk
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal


def run_module(module: AnsibleModule, work: Callable[[dict], None]) -> None:
    """End the module with what ``work`` leaves in its result, also when it refuses: what was done before is then
    told too."""
    result = {"changed": False}
    try:
        work(result)
    except Refusal as refusal:
        module.fail_json(**{**refusal.result(), **result})
    except OSError as error:
        module.fail_json(**{**disk.not_writable(str(error.filename), error).result(), **result})
    module.exit_json(**result)
