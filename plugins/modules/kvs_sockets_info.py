#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kvs_sockets_info
short_description: Look at who is connected to a key-value service, on its own host
version_added: 0.1.0
description:
  - Lists the established TCP connections that came in to a host, as its kernel knows them. On Cassandra most clients of
    AtlasDB use the Thrift port, which no view of the store itself shows.
  - For a task on a host of the key-value service. M(atlasdb.timelock.fleet_plan) and
    M(atlasdb.timelock.kvs_sessions_info) take the looks at all of them together.
  - Writes nothing. Uses nothing but Python's standard library, and needs no rights.
author:
  - the atlasdb.timelock authors (!UNKNOWN)
options:
  ports:
    description:
      - The ports of the key-value service on this host. By default every port on which anything listens.
    type: list
    elements: int
    default: []
  wait:
    description:
      - For how many seconds to go on looking while there are connections that O(known) does not name. Those of a
        process that has ended may need a moment to go.
    type: float
    default: 0.0
  known:
    description: Clients whose connections are not waited for, as addresses or networks. They are listed all the same.
    type: list
    elements: str
    default: []
  addresses:
    description:
      - The local addresses whose connections are waited for, where the host has other servers on the same ports. By
        default all.
    type: list
    elements: str
    default: []
attributes:
  action:
    description: Is an action - one module runs on the host, and the controller stamps what it saw.
    support: full
  check_mode:
    description: It only looks, in check mode as well.
    support: full
  diff_mode:
    description: Nothing changes.
    support: none
  platform:
    description: Where it can run. The host needs Linux.
    platforms: posix
    support: full
notes:
  - Sees the host's own network namespace. What is forwarded into a container is not seen, so where the key-value
    service runs in a container, name the container as the host.
seealso:
  - module: atlasdb.timelock.kvs_sessions_info
"""

EXAMPLES = r"""
- name: See who is connected to Cassandra
  atlasdb.timelock.kvs_sockets_info:
    ports: [9042, 9160]
  register: connected
"""

RETURN = r"""
sockets:
  description: The established connections, each C(local) and C(remote) as C(ip:port), IPv6 in brackets.
  returned: success
  type: list
  elements: dict
  sample: [{local: "10.0.1.1:9160", remote: "10.0.0.17:49114"}]
listening:
  description: The local ends of what listens, as C(ip:port).
  returned: success
  type: list
  elements: str
  sample: ["10.0.1.1:9042", "10.0.1.1:9160"]
addresses:
  description: The host's own addresses, without those of the loopback network.
  returned: success
  type: list
  elements: str
  sample: ["10.0.1.1"]
taken:
  description: When it looked, by the controller's clocks; at that moment or a little before.
  returned: success
  type: dict
code:
  description: What was refused, as one of the collection's codes.
  returned: when refused
  type: str
  sample: probe-blind
found:
  description: What was found, in a sentence.
  returned: when refused
  type: str
do:
  description: What to do next, in a sentence.
  returned: when refused
  type: str
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.entry import run_module
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.incoming import Waiting, look
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.sockets import Sockets


def main() -> None:
    began = time.monotonic()
    module = AnsibleModule(
        argument_spec={
            "ports": {"type": "list", "elements": "int", "default": []},
            "wait": {"type": "float", "default": 0.0},
            "known": {"type": "list", "elements": "str", "default": []},
            "addresses": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    parameters = module.params

    def work(result: dict) -> None:
        try:
            waiting = Waiting(parameters["wait"], parameters["known"], parameters["addresses"])
        except ValueError as error:
            module.fail_json(msg=str(error))
        seen, looked_at = look(Sockets(), parameters["ports"], waiting)
        result.update(seen, elapsed_at_look=looked_at - began)

    run_module(module, work)


if __name__ == "__main__":
    main()
