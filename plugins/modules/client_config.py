#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: client_config
short_description: Bring TimeLock into the AtlasDB configuration of a node, or the old one back
version_added: 0.1.0
description:
  - With O(state=timelock) and O(stage), computes the node's configuration for TimeLock on the controller and lays it
    beside the one in use. The running service does not notice.
  - With O(state=timelock) and without O(stage), switches the staged file in. The node must be held and gone, and
    O(handover) must be of this very run.
  - With O(state=embedded), puts back the file that was kept when the node was held.
  - The service is neither started nor stopped.
  - Only the blocks of the migration change. Every other line stays byte for byte as it was, comments and encrypted
    values
    included, and the file keeps its mode and owner. The old file is kept beside the new one, by its hash, and is
    never
    overwritten.
options:
  state:
    description:
      - V(timelock) stages, or switches in, the configuration for TimeLock.
      - V(embedded) puts the kept configuration back. With O(stage) it stages the way back from TimeLock, made of the
        file that is there now and of the one that the node had before it was switched to TimeLock. To switch it in is
        O(state=timelock), as for every file that is staged.
      - V(held) puts the hold in the configuration's place. A service that runs goes on, and cannot start again.
    type: str
    choices: [timelock, embedded, held]
    required: true
  stage:
    description: Whether to stage only. Needs O(timelock).
    type: bool
    default: false
  rename_to:
    description: To stage the configuration that the node has on TimeLock, with this namespace in it.
    type: str
  looked:
    description:
      - What M(atlasdb.timelock.client_config_info) has returned of this node, to stage from it. Files that have changed
        since are refused. By default the node is looked at.
    type: dict
  handover:
    description:
      - What was read back of the handover, with the C(run_id) and C(epoch) of this run. Needed to switch in;
        anything else
        is refused with C(proof-missing).
    type: dict
  config_root:
    description:
      - Where the AtlasDB block stands in O(path), such as V(/atlasdb) or V(install.atlas).
      - By default it is looked for, and two candidates are refused.
    type: str
  runtime_config_root:
    description:
      - Where the runtime block stands. By default it is looked for. One that is named and is not there is created.
    type: str
  atlasdb_version:
    description:
      - The version of the service's AtlasDB client, which decides where TimeLock is written. By default what the
        names of
        its libraries say, and only for a service in the SLS layout.
    type: str
  kvs_overrides:
    description: Single options of the key-value service, in place of what the file says.
    type: dict
  timelock:
    description: The TimeLock to write down.
    type: dict
    suboptions:
      servers:
        description: The base URLs of all servers.
        type: list
        elements: str
        required: true
      ssl:
        description:
          - What stands in C(sslConfiguration). The paths are the node's. An AtlasDB client does not start without a
            trust store, C(http) or not.
        type: dict
        required: true
        suboptions:
          trustStorePath:
            description: The trust store on the node. Without it the plan is refused with C(config-tls-missing).
            type: str
          trustStoreType:
            description: Its type, as the client names it.
            type: str
          keyStorePath:
            description: The key store on the node, for a client certificate.
            type: str
          keyStorePassword:
            description: Its password.
            type: str
          keyStoreType:
            description: Its type, as the client names it.
            type: str
          keyStoreKeyAlias:
            description: Which key of it.
            type: str
  epoch:
    description: The epoch of the service's lock under which this run acts. A node obeys no lower one than it has
      obeyed.
    type: int
    required: true
  run_id:
    description: The run that holds that lock.
    type: str
    required: true
  operator:
    description: Who runs it, for people who find the node held.
    type: str
    required: true
extends_documentation_fragment:
  - atlasdb.timelock.client_config
attributes:
  action:
    description: Is an action - the file is computed on the controller, and modules on the node put it in place.
    support: full
  check_mode:
    description: Looks, refuses the same, says whether anything would change, and writes nothing.
    support: full
  diff_mode:
    description: Staging shows what would change, without secrets. The other states show nothing.
    support: partial
  platform:
    description: Where it can run. The node needs Linux.
    platforms: posix
    support: full
seealso:
  - module: atlasdb.timelock.client_config_info
  - module: atlasdb.timelock.node_stage
  - module: atlasdb.timelock.node_online
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Lay the new configuration beside the old one
  atlasdb.timelock.client_config:
    state: timelock
    stage: true
    path: /opt/orders/var/conf/install.yml
    service_name: orders
    service:
      manager: systemd
      unit: orders
    atlasdb_version: 0.905.0
    timelock:
      servers: [https://tl-1.example.com:8421, https://tl-2.example.com:8421, https://tl-3.example.com:8421]
      ssl:
        trustStorePath: /etc/pki/timelock-trust.jks
    epoch: "{{ lock.epoch }}"
    run_id: "{{ run_id }}"
    operator: alice@ops-1

- name: Put the old configuration back, without a start
  atlasdb.timelock.client_config:
    state: embedded
    path: /opt/orders/var/conf/install.yml
    service_name: orders
    service:
      manager: systemd
      unit: orders
    epoch: "{{ lock.epoch }}"
    run_id: "{{ run_id }}"
    operator: alice@ops-1
"""

RETURN = r"""
diff:
  description: What would change in the files, as a unified diff without secrets, in C(prepared).
  returned: when staged
  type: dict
before:
  description: The C(mode) and C(namespace) of the configuration that is in use.
  returned: when staged
  type: dict
after:
  description: The C(mode) and C(namespace) of the one that is staged.
  returned: when staged
  type: dict
switched:
  description: Whether the file in the configuration's place was changed, or would be in check mode.
  returned: when switched in or put back
  type: bool
code:
  description: What was refused, as one of the collection's codes.
  returned: when refused
  type: str
  sample: config-changed
found:
  description: What was found, in a sentence with its values.
  returned: when refused
  type: str
do:
  description: What to do next, in a sentence.
  returned: when refused
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.operations.client_config import ARGUMENT_SPEC


def main():
    """Say that this file is documentation: the action of the same name does the work."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="atlasdb.timelock.client_config is an action, and runs from a playbook's task only.")


if __name__ == "__main__":
    main()
