#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_offline
short_description: Stop a node, keep it down, and prove it
version_added: 0.1.0
description:
  - Holds the node, stops its service by its manager, waits until it is gone, and proves both.
  - Holding means that the configuration file is kept under another name beside it, and a file that AtlasDB refuses
    lies in its place, so that nothing that starts the service brings it up. M(atlasdb.timelock.node_online) ends the
    hold.
  - A node that does not go down is refused with C(node-still-running) and stays held. Nothing is killed but by the
    service manager.
  - Running it again on a node that is held completes what was cut short, and stops what was started meanwhile.
author:
  - the atlasdb.timelock authors (!UNKNOWN)
options:
  state:
    description:
      - V(offline) holds, stops and proves.
      - V(proved) only proves, and refuses a node that is not held, or not down.
      - V(held) only holds. A service that runs goes on, and cannot start again once it has ended. It proves nothing.
    type: str
    choices: [offline, proved, held]
    default: offline
  kvs_ports:
    description:
      - The ports of the key-value service. Where they are given, the module waits until nobody on the host is
        connected to them, and proves it, for the host's own network namespace.
      - For a store that does not tell who is connected, such as Cassandra, and whose hosts nobody may look at.
    type: list
    elements: int
    default: []
  kvs_addresses:
    description: Where those ports are. By default anywhere.
    type: list
    elements: str
    default: []
  playbook:
    description: What is to be run again where this run dies, for people who find the node held.
    type: str
    choices: [migrate.yml, reverse.yml, rename_namespace.yml, repair.yml]
    default: migrate.yml
extends_documentation_fragment:
  - atlasdb.timelock.node
  - atlasdb.timelock.node.effects
attributes:
  check_mode:
    support: full
    description: Looks, says whether the node would be held or stopped, and writes nothing. There are no proofs then.
  diff_mode:
    support: none
    description: A configuration holds passwords.
"""

EXAMPLES = r"""
- name: Take the node down
  atlasdb.timelock.node_offline:
    path: /opt/orders/var/conf/install.yml
    service_name: orders
    service:
      manager: sls
      unit: /opt/orders
      ports: [8080]
    epoch: 7
    run_id: 20260301-1
    operator: alice@ops-1
  register: offline
"""

RETURN = r"""
held:
  description: Whether the node is held now; true also where it was held and then did not stop. Absent in check mode.
  returned: when the hold was looked at
  type: bool
seen:
  description: What was seen of the service before it was held, as RV(atlasdb.timelock.node_info#module:process)
    without C(running).
  returned: when held
  type: dict
noticed:
  description: What the operator should know, in sentences.
  returned: always
  type: list
  elements: str
proofs:
  description: >-
    One of C(kind=hold), one of C(kind=process) and, with O(kvs_ports), one of C(kind=kvs_sockets), each with a
    C(detail) in words; the latter two with C(seen_before), which says whether the same probe saw the service before its
    stop. A proof of absence counts only if it did.
  returned: success, not in check mode
  type: list
  elements: dict
elapsed_at_proof:
  description: Seconds from the module's start to the moment before it began to read the proofs.
  returned: success, not in check mode
  type: float
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.atlasdb.timelock.plugins.module_utils.addresses import Endpoints
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.arguments import effect_arguments, run_of
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.entry import run_module
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.epoch import (
    MIGRATE,
    RENAME,
    REPAIR,
    REVERSE,
    obey,
    require_current,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.lock import node_lock
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.node import Node
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.offline import (
    go_offline,
    prove,
    recall,
    would_change,
)


def main() -> None:
    began = time.monotonic()
    module = AnsibleModule(
        argument_spec={
            **effect_arguments(),
            "state": {"type": "str", "choices": ["offline", "proved", "held"], "default": "offline"},
            "kvs_ports": {"type": "list", "elements": "int", "default": []},
            "kvs_addresses": {"type": "list", "elements": "str", "default": []},
            "playbook": {"type": "str", "choices": [MIGRATE, REVERSE, RENAME, REPAIR], "default": MIGRATE},
        },
        supports_check_mode=True,
    )
    parameters = module.params
    store = None
    if parameters["kvs_ports"]:
        try:
            store = Endpoints(parameters["kvs_addresses"], parameters["kvs_ports"])
        except ValueError as error:
            module.fail_json(msg=str(error))

    def work(result: dict) -> None:
        result["noticed"] = []
        node, run, state = Node.from_parameters(parameters), run_of(parameters), parameters["state"]
        stop = state == "offline"
        if module.check_mode:
            require_current(node.install, run)
            result["changed"] = state != "proved" and would_change(node, stop)
            return
        with node_lock(node.install, run.run_id, parameters["lock_timeout"]):
            obey(node.install, run)
            if state == "proved":
                recall(node, result)
            else:
                go_offline(node, run, result, stop)
            if state == "held":
                return
            elapsed = time.monotonic() - began
            result["proofs"] = prove(node, store)
            result["elapsed_at_proof"] = elapsed

    run_module(module, work)


if __name__ == "__main__":
    main()
