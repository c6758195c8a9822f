#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_online
short_description: Give a node its new configuration, or its old one back, and start it
version_added: 0.1.0
description:
  - Ends the hold of M(atlasdb.timelock.node_offline), starts the service, and waits until it serves.
  - Refuses with C(node-still-running), and changes nothing, while any process of the service lives that is older
    than the change.
  - A node that is done is left alone; one that was cut short is completed.
author:
  - the atlasdb.timelock authors (!UNKNOWN)
options:
  state:
    description:
      - V(timelock) switches in what M(atlasdb.timelock.node_stage) staged; the way back does so too, with a
        configuration staged that is embedded. Needs O(handover).
      - V(embedded) puts back the configuration that was kept, and removes what was staged. On a node that is not
        held only the latter. Refuses with C(config-mixed-active) where the staged configuration was switched in
        already.
      - V(kept) does the same for a way back that is given up, where what was kept is for TimeLock.
    type: str
    choices: [timelock, embedded, kept]
    required: true
  handover:
    description:
      - What was read back of the handover, with the C(epoch) and C(run_id) of this run. Anything else is refused
        with C(proof-missing).
    type: dict
    default: {}
  timelock_endpoints:
    description:
      - C(host:port) of the TimeLock servers, as the node resolves them. With O(state=timelock) the service must hold
        a connection to one of them, else C(node-not-on-timelock).
    type: list
    elements: str
    default: []
  looked_at:
    description:
      - With O(state=timelock), of a node whose files are for TimeLock already, and which is not held. It is started and
        proved with them as they are, whoever changed them since they were switched in; nothing is switched in.
      - Refused with C(config-changed) where the files have other hashes by now.
    type: dict
    suboptions:
      install:
        description: SHA-256 of the configuration in which it was read that it is for TimeLock.
        type: str
        required: true
      runtime:
        description: SHA-256 of the runtime configuration. Null where the node has none.
        type: str
  start:
    description:
      - Whether to start the service and wait for it. With O(state=embedded) it is started only if it ran before the
        node was held.
    type: bool
    default: true
extends_documentation_fragment:
  - atlasdb.timelock.node
  - atlasdb.timelock.node.effects
attributes:
  check_mode:
    support: full
    description: Looks, refuses the same, says whether anything would change, and writes and starts nothing.
  diff_mode:
    support: none
    description: A configuration holds passwords.
notes:
  - The service is started in a session of its own without terminal, and with O(service.manager=command) and
    O(service.manager=sls) with its standard output thrown away.
"""

EXAMPLES = r"""
- name: Start the node on TimeLock
  atlasdb.timelock.node_online:
    path: /opt/orders/var/conf/install.yml
    service_name: orders
    service:
      manager: systemd
      unit: orders
      ports: [8080]
      health_url: http://localhost:8080/health
    epoch: 7
    run_id: 20260301-1
    operator: alice@ops-1
    state: timelock
    handover: "{{ handover }}"
    timelock_endpoints: [tl-1:8421, tl-2:8421, tl-3:8421]

- name: Put the node back as it was
  atlasdb.timelock.node_online:
    path: /opt/orders/var/conf/install.yml
    service_name: orders
    service:
      manager: systemd
      unit: orders
    epoch: 7
    run_id: 20260301-1
    operator: alice@ops-1
    state: embedded
"""

RETURN = r"""
switched:
  description: Whether the file in the configuration's place was changed by this call, or would be in check mode.
  returned: when it got that far
  type: bool
started:
  description: Whether the service was started by this call, or would be in check mode.
  returned: when it got that far
  type: bool
proof:
  description: >-
    That the service serves. C(kind=serving), C(since_ticks) (moment of the switch, in clock ticks after boot),
    C(pids), C(listening), C(health), and C(timelock) (the endpoints that it is connected to). Null where it was not to
    be started.
  returned: success, not in check mode
  type: dict
proofs:
  description: >-
    RV(proof) of C(kind=serving). With O(state=timelock) and O(start=false) one of C(kind=configured) instead, that
    the file which was switched in lies there, and that no process of before it lives; C(how) says whether it is for
    TimeLock (V(switched)) or from it (V(reversed)).
  returned: success, not in check mode
  type: list
  elements: dict
elapsed_at_proof:
  description: Seconds from the module's start to the moment before it began to read the proof.
  returned: when there is a proof
  type: float
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.arguments import effect_arguments, run_of
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.entry import run_module
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.epoch import Run, obey, require_current
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.lock import node_lock
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.node import Node
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.online import (
    Starting,
    prove_configured,
    put_back,
    require_handover,
    switch_in,
    wants_start,
)


def main() -> None:
    began = time.monotonic()
    module = AnsibleModule(
        argument_spec={
            **effect_arguments(),
            "state": {"type": "str", "choices": ["timelock", "embedded", "kept"], "required": True},
            "handover": {"type": "dict", "default": {}},
            "timelock_endpoints": {"type": "list", "elements": "str", "default": []},
            "looked_at": {
                "type": "dict",
                "options": {"install": {"type": "str", "required": True}, "runtime": {"type": "str"}},
            },
            "start": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    parameters = module.params

    def work(result: dict) -> None:
        node, run = Node.from_parameters(parameters), run_of(parameters)
        if parameters["state"] == "timelock":
            require_handover(parameters["handover"], run)
        if module.check_mode:
            require_current(node.install, run)
            result["switched"] = result["changed"] = _change(node, run, parameters, effects=False)
            result["started"] = parameters["start"] and result["switched"]
            return
        with node_lock(node.install, run.run_id, parameters["lock_timeout"]):
            obey(node.install, run)
            result["switched"] = result["changed"] = _change(node, run, parameters, effects=True)
            result.update(started=False, proof=None, proofs=[])
            if parameters["start"] and wants_start(node, parameters["state"]):
                _start(node, parameters, began, result)
            elif parameters["state"] == "timelock":
                result["elapsed_at_proof"] = time.monotonic() - began
                result["proofs"] = [prove_configured(node)]

    run_module(module, work)


def _change(node: Node, run: Run, parameters: dict, effects: bool) -> bool:
    if parameters["state"] == "timelock":
        return switch_in(node, run, effects, parameters["looked_at"])
    return put_back(node, run, effects, parameters["state"] == "kept")


def _start(node: Node, parameters: dict, began: float, result: dict) -> None:
    endpoints = parameters["timelock_endpoints"] if parameters["state"] == "timelock" else []
    starting = Starting(node, endpoints)
    command = None
    if starting.is_needed():
        result.update(started=True, changed=True)
        command = starting.start()
    result["proof"], moment = starting.await_service(command)
    result["elapsed_at_proof"] = moment - began
    result["proofs"] = [result["proof"]]


if __name__ == "__main__":
    main()
