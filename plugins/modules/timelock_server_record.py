#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: timelock_server_record
short_description: Write down on a TimeLock server how far it has come
version_added: 0.1.0
description:
  - Keeps a small file in the root of the role timelock_server, mode 0600. By it a server that lost its disk is told
    from one that has never started.
  - For O(state=serving) it holds hashes of the files that the server was started with, by which a later run knows
    whether it must be started anew.
options:
  root:
    description: The folder that the role timelock_server installs into.
    type: path
    required: true
  state:
    description:
      - V(founding) - it is about to start as new, with all others. V(founded) - all have started. V(serving) - it was
        started again, and has kept its timestamps.
    type: str
    choices: [founding, founded, serving]
    required: true
  cluster:
    description: The cluster's id, of RV(atlasdb.timelock.timelock_server_plan#module:cluster).
    type: str
    required: true
  members:
    description: All members, each V(HOST:PORT).
    type: list
    elements: str
    required: true
  version:
    description: The version that is started.
    type: str
    required: true
  fresh:
    description: For O(state=serving), a timestamp that the cluster has issued, in decimal digits.
    type: str
  files:
    description: For O(state=serving), the files that the server has read at its start.
    type: list
    elements: path
    default: []
attributes:
  check_mode:
    description: Says whether it would write.
    support: full
  diff_mode:
    description: Has none.
    support: none
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Write down that the server is about to start as new
  atlasdb.timelock.timelock_server_record:
    root: /opt/timelock
    state: founding
    cluster: 3f6c1c5e-5d0f-4d1e-9f0a-0f3f3f9d8a11
    members: [tl-1:8421, tl-2:8421, tl-3:8421]
    version: 0.1175.0
"""

RETURN = r"""
record:
  description: What stands there now, without the hashes.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.atlasdb.timelock.plugins.module_utils.server.record import public, read, renewed, write


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "state": {"type": "str", "required": True, "choices": ["founding", "founded", "serving"]},
            "cluster": {"type": "str", "required": True},
            "members": {"type": "list", "elements": "str", "required": True},
            "version": {"type": "str", "required": True},
            "fresh": {"type": "str"},
            "files": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        before = read(module.params["root"])
        after = renewed(before, module.params)
        if after != before and not module.check_mode:
            write(module.params["root"], after)
        module.exit_json(changed=after != before, record=public(after))
    except (OSError, ValueError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
