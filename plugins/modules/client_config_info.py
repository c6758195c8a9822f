#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: client_config_info
short_description: Read the AtlasDB configuration of a node, and look at the node
version_added: 0.1.0
description:
  - Reads a node's configuration files and says what they mean - the namespace, where the key-value service is, and
    where
    the node takes its timestamps from. Of a node that is held, the file that was kept is read.
  - Looks at the node besides - what runs of the service, on which ports, how healthy it is, and what earlier runs
    left.
  - Computes the configuration for TimeLock where O(timelock) is given, and shows it as a diff without secrets.
  - Writes nothing. The node runs M(atlasdb.timelock.node_info); reading and computing happen on the controller.
  - What is wrong with a file is no failure of this module - see RV(problems).
options:
  library_paths:
    description:
      - Folders with the service's libraries, from whose names the version of AtlasDB is read.
      - By default C(service/lib) of a service in the SLS layout, and none for the others.
    type: list
    elements: path
    default: []
  config_root:
    description:
      - Where the AtlasDB block stands in O(path), such as V(/atlasdb) or V(install.atlas).
      - By default it is looked for, and two candidates are a problem.
    type: str
  runtime_config_root:
    description: Where the runtime block stands. By default it is looked for.
    type: str
  atlasdb_version:
    description: The version of the service's AtlasDB client. By default what its libraries' names say.
    type: str
  kvs_overrides:
    description:
      - Single options of RV(kvs), in place of what the file says - for a password that is encrypted there, or an
        address
        that the controller sees otherwise.
    type: dict
  reverse:
    description:
      - Whether RV(planned) is the way back, for a node that is on O(timelock), to the embedded timestamps that it had.
    type: bool
    default: false
  rename_to:
    description: Whether RV(planned) is to have this namespace on TimeLock, for a node that is on it with another.
    type: str
  timelock:
    description: The TimeLock to compute a configuration for. Without it none is.
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
extends_documentation_fragment:
  - atlasdb.timelock.client_config
attributes:
  action:
    description: Is an action - reading happens on the controller, and one module runs on the node.
    support: full
  check_mode:
    description: Nothing is written in any mode.
    support: full
  diff_mode:
    description: Nothing is changed. RV(planned.diff) is in the result in any mode.
    support: none
  platform:
    description: Where it can run. The node needs Linux.
    platforms: posix
    support: full
notes:
  - The result holds the password of the key-value service. Use C(no_log) on the task.
seealso:
  - module: atlasdb.timelock.client_config
  - module: atlasdb.timelock.node_info
  - module: atlasdb.timelock.fleet_plan
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Look at a node
  atlasdb.timelock.client_config_info:
    path: /opt/orders/var/conf/install.yml
    service_name: orders
    service:
      manager: systemd
      unit: orders
      ports: [8080]
      health_url: http://localhost:8080/health
    atlasdb_version: 0.905.0
    timelock:
      servers: [https://tl-1.example.com:8421, https://tl-2.example.com:8421, https://tl-3.example.com:8421]
      ssl:
        trustStorePath: /etc/pki/timelock-trust.jks
  register: look
  no_log: true

- name: Say what it is
  ansible.builtin.debug:
    msg: "{{ look.config.mode }}, namespace {{ look.config.namespace }}"
"""

RETURN = r"""
config:
  description: What the files say; null where they cannot be read as a configuration.
  returned: success
  type: dict
  contains:
    mode:
      description:
        - V(embedded) or V(leader) (embedded, with a leader block), V(timelock), V(remote) (timestamps of another
          service), or V(held).
      type: str
    namespace:
      description: The namespace that the client will ask TimeLock for.
      type: str
    namespace_explicit:
      description: Whether it is written down, and not only the database's name.
      type: bool
    login:
      description: The login that the file itself names; null where it is encrypted.
      type: str
    timelock:
      description: The servers, client name and shape of a configuration that names TimeLock already; else null.
      type: dict
    shared:
      description: What the nodes of one service must agree on, without secrets.
      type: dict
    version:
      description: The version of the AtlasDB client; empty where unknown.
      type: str
    former:
      description: Whether the file of before the node's last switch to TimeLock is kept.
      type: bool
    quorum:
      description:
        - How many nodes of the service must be up before one of them gives out timestamps, by its leader block; with
          O(reverse) by the one that it would have. Else 1.
      type: int
digest:
  description:
    - What tells the content of the files from any other. Null where they cannot be read. Of a node that is held, that
      of the file that was kept.
  returned: success
  type: str
kvs:
  description:
    - The key-value service as the other modules take it, B(with the password). Null where a problem says why.
  returned: success
  type: dict
content:
  description: >-
    The text of the files, B(with what secrets they have), for O(atlasdb.timelock.client_config#module:looked).
  returned: success
  type: dict
problems:
  description: What is wrong with the files, each with C(code) and C(found).
  returned: success
  type: list
  elements: dict
planned:
  description: >-
    The configuration for TimeLock, or with O(reverse) the one without: C(diff) without secrets, and whether it is
    C(changed).
  returned: success
  type: dict
  contains:
    diff:
      description: A unified diff.
      type: str
    changed:
      description: Whether there is a difference.
      type: bool
probe:
  description: What M(atlasdb.timelock.node_info) returned, without the content of files.
  returned: success
  type: dict
ports:
  description: As given in O(service).
  returned: success
  type: list
  elements: int
unit:
  description: As given in O(service).
  returned: success
  type: str
servers:
  description: As given in O(timelock). Empty where that is not.
  returned: success
  type: list
  elements: str
code:
  description: Why the node could not be looked at, as one of the collection's codes.
  returned: when refused
  type: str
  sample: probe-blind
found:
  description: The same in a sentence.
  returned: when refused
  type: str
do:
  description: What to do next, in a sentence.
  returned: when refused
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.operations.client_config_info import ARGUMENT_SPEC


def main():
    """Say that this file is documentation: the action of the same name does the work."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.fail_json(msg="atlasdb.timelock.client_config_info is an action, and runs from a playbook's task only.")


if __name__ == "__main__":
    main()
