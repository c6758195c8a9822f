#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: kvs_login
short_description: Shut a login out of a key-value service, or let it in again
version_added: 0.1.0
description:
  - The fence of a handover. A client that nobody knows of, with the old configuration, comes with the old login. Once
    that may not log in any more, and its sessions are ended, nothing that such a client still does reaches the data.
  - On PostgreSQL V(disabled) is C(NOLOGIN), followed by the end of the login's sessions in this database.
  - On Cassandra, where no session can be ended, V(disabled) takes from the login its rights to the keyspace and its
    roles, as they are written into the record before, waits until every node refuses a session of it, and is
    C(LOGIN = false) then. V(enabled) gives back what is on record.
  - It depends on the lock of a run, and does nothing where O(run_id) and O(epoch) do not have it.
options:
  login:
    description: The login. Never the one in O(kvs.user), and not one that anything else uses.
    type: str
    required: true
  state:
    description:
      - V(disabled) shuts it out, with the sessions that it has.
      - V(enabled) lets it in again, on condition that the bound is live.
    type: str
    choices: [disabled, enabled]
    required: true
  run_id:
    description: The run that has the service's lock.
    type: str
    required: true
  epoch:
    description: The epoch with which it took the lock.
    type: int
    required: true
  nodes:
    description: The nodes that the login was for. V(disabled) wants a proof of each that it is held and gone.
    type: list
    elements: str
    default: []
  node_proofs:
    description: The proofs that M(atlasdb.timelock.node_offline) returned for each of O(nodes), in this run.
    type: list
    elements: dict
    default: []
  max_proof_age:
    description: How many seconds old a proof may be.
    type: float
    default: 300.0
extends_documentation_fragment:
  - atlasdb.timelock.kvs
  - atlasdb.timelock.attributes
attributes:
  check_mode:
    description: Says what would become of the login and which sessions would be ended, and changes nothing.
    support: full
  diff_mode:
    description: Shows the login, and whether it may log in.
    support: full
seealso:
  - module: atlasdb.timelock.kvs_sessions_info
  - module: atlasdb.timelock.handover_record
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Shut the old login out
  atlasdb.timelock.kvs_login:
    kvs: "{{ orders_kvs }}"
    login: orders
    state: disabled
    run_id: "{{ run_id }}"
    epoch: "{{ lock.epoch }}"
    nodes: "{{ groups['orders'] }}"
    node_proofs: "{{ groups['orders'] | map('extract', hostvars) | map(attribute='offline.proofs') | flatten }}"
"""

RETURN = r"""
before:
  description: The login, and whether it could log in.
  returned: success
  type: dict
  sample:
    login: orders
    enabled: true
after:
  description: The same, read back.
  returned: success
  type: dict
  sample:
    login: orders
    enabled: false
sessions:
  description:
    - Its sessions that were ended, each with C(user), C(application), C(address) and C(port). None on Cassandra.
  returned: success
  type: list
  elements: dict
  sample: []
ended:
  description: The same in words, empty where there was none.
  returned: success
  type: str
  sample: 8 of orders (PostgreSQL JDBC Driver) from 10.0.0.17
code:
  description: What was refused, as one of the collection's codes.
  returned: when refused
  type: str
  sample: fence-denied
found:
  description: What was found, in a sentence with its values.
  returned: when refused
  type: str
  sample: orders is the login that would have to do it.
do:
  description: What to do next, in a sentence.
  returned: when refused
  type: str
  sample: "Give the collection another login with atlasdb_kvs_overrides."
"""

from ..module_utils.operation import run_module
from ..module_utils.operations.kvs_login import ARGUMENT_SPEC, kvs_login


def main():
    """Run the module."""
    run_module(ARGUMENT_SPEC, kvs_login)


if __name__ == "__main__":
    main()
