#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_stage
short_description: Lay a node's new configuration beside the old one
version_added: 0.1.0
description:
  - Writes the new configuration as a dot file of mode 0600 beside the one in use, bound to the hash of what it was
    made from. The running service does not notice.
  - For O(service.manager=systemd) it also installs a drop-in, with which systemd does not start the unit while the
    node is held.
  - Refuses with C(config-changed), and writes nothing, if the configuration is not the one that the new one was made
    from.
author:
  - the atlasdb.timelock authors (!UNKNOWN)
options:
  content_b64:
    description: The new configuration, in Base64.
    type: str
    required: true
  source_sha256:
    description: SHA-256, in hexadecimal, of the configuration that it was made from; of the kept one if the node is
      held.
    type: str
    required: true
  runtime_content_b64:
    description: The new runtime configuration, in Base64. Without it the runtime configuration stays as it is.
    type: str
  runtime_source_sha256:
    description: SHA-256 of the runtime configuration that it was made from.
    type: str
  embedded:
    description: Whether the new configuration is one for embedded timestamps, the way back from TimeLock.
    type: bool
    default: false
  from_timelock:
    description: Whether the configuration that it was made from is one for TimeLock already. The files that are kept as
      those of before the migration stay the same then.
    type: bool
    default: false
extends_documentation_fragment:
  - atlasdb.timelock.node
  - atlasdb.timelock.node.effects
attributes:
  check_mode:
    support: full
    description: Looks, refuses the same, says whether anything would be staged, and writes nothing.
  diff_mode:
    support: none
    description: A configuration holds passwords.
"""

EXAMPLES = r"""
- name: Stage the configuration for TimeLock
  atlasdb.timelock.node_stage:
    path: /opt/orders/var/conf/install.yml
    service_name: orders
    service:
      manager: systemd
      unit: orders
    epoch: 7
    run_id: 20260301-1
    operator: alice@ops-1
    content_b64: "{{ new_configuration | b64encode }}"
    source_sha256: "{{ node.files.install.sha256 }}"
  no_log: true
"""

RETURN = r"""
staged:
  description: >-
    What is staged. C(source_sha256), C(sha256), C(with_runtime) (hash of the runtime file that belongs to it, or
    null), C(embedded), C(from_timelock), C(epoch), C(run_id), C(mode), C(uid), C(gid).
  returned: success
  type: dict
"""

import base64
import binascii

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.atlasdb.timelock.plugins.module_utils.node import disk, hold, staging
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.arguments import effect_arguments, run_of
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.entry import run_module
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.epoch import Run, obey, require_current
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.lock import node_lock
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.node import Node


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **effect_arguments(),
            "content_b64": {"type": "str", "required": True, "no_log": True},
            "source_sha256": {"type": "str", "required": True},
            "runtime_content_b64": {"type": "str", "no_log": True},
            "runtime_source_sha256": {"type": "str"},
            "embedded": {"type": "bool", "default": False},
            "from_timelock": {"type": "bool", "default": False},
        },
        required_together=[("runtime_content_b64", "runtime_source_sha256")],
        supports_check_mode=True,
    )
    parameters = module.params
    try:
        content = base64.b64decode(parameters["content_b64"], validate=True)
        runtime = parameters["runtime_content_b64"]
        runtime_content = None if runtime is None else base64.b64decode(runtime, validate=True)
    except binascii.Error:
        module.fail_json(msg="content_b64 and runtime_content_b64 must be Base64.")
    if runtime_content is not None and not parameters["runtime_path"]:
        module.fail_json(msg="runtime_content_b64 needs runtime_path.")

    def work(result: dict) -> None:
        node, run = Node.from_parameters(parameters), run_of(parameters)
        if module.check_mode:
            require_current(node.install, run)
            _stage(node, run, parameters, content, runtime_content, result, effects=False)
            return
        with node_lock(node.install, run.run_id, parameters["lock_timeout"]):
            obey(node.install, run)
            _stage(node, run, parameters, content, runtime_content, result, effects=True)

    run_module(module, work)


def _stage(
    node: Node, run: Run, parameters: dict, content: bytes, runtime_content: bytes | None, result: dict, effects: bool
) -> None:
    marker = hold.read_marker(node.install)
    belongs = None if runtime_content is None else disk.sha256(runtime_content)
    which = (parameters["embedded"], parameters["from_timelock"])
    about = staging.plan(node.install, run, content, parameters["source_sha256"], marker, belongs, *which)
    todo = [(node.install, about, content)]
    if runtime_content is not None:
        expected = parameters["runtime_source_sha256"]
        runtime_about = staging.plan(node.runtime, run, runtime_content, expected, None, None, *which)
        todo.insert(0, (node.runtime, runtime_about, runtime_content))
    for beside, note, data in todo:
        if not staging.is_staged(beside, note, data):
            if effects:
                staging.stage(beside, note, data)
            result["changed"] = True
    if not node.manager.has_barrier(node.install.marker):
        if effects:
            node.manager.install_barrier(node.install.marker)
        result["changed"] = True
    result["staged"] = about


if __name__ == "__main__":
    main()
