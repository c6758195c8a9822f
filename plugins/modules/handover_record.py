#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: handover_record
short_description: Take, write and give back the record of a service
version_added: 0.1.0
description:
  - The record is one small row per service in a schema C(atlasdb_timelock) of the service's own key-value service. It
    holds the lock that keeps two runs from one service, an epoch that grows with each run that takes it, and what the
    runs wrote down.
  - Every effect of a run depends on its epoch. A run that has lost the lock can have no late effects.
options:
  service:
    description: The name of the service, for what is said to people.
    type: str
    required: true
  state:
    description:
      - V(taken) takes the lock with the next epoch, or keeps it where O(run_id) has it already.
      - V(noted) writes O(changes) while O(run_id) and O(epoch) have the lock.
      - V(released) does the same and gives the lock back. The record stays.
    type: str
    choices: [taken, noted, released]
    required: true
  run_id:
    description: What names this run, and no other.
    type: str
    required: true
  epoch:
    description: The epoch that taking the lock returned. Needed for V(noted) and V(released).
    type: int
  holder:
    description:
      - Who takes the lock, to be shown to whoever finds it taken.
      - By default C(user), C(host), C(pid), C(start), C(boot_id) and C(pid_namespace) of the Ansible process on the
        controller, and the time C(since).
    type: dict
  take_over:
    description:
      - The run to take the lock away from. Make sure that it has ended, since its effects so far stay.
      - A run of the same user on the same boot of the same machine whose process does not exist any more is taken over
        without being named.
    type: str
  obeyed_epoch:
    description:
      - The highest epoch that any node of the service has obeyed, which V(taken) goes beyond. A record that came back
        with an older copy of its store is behind it, and nodes do not obey a lower one.
    type: int
    default: 0
  changes:
    description:
      - What to write into the document, by key. C(numbers) is a dictionary of timestamps that only grow; above the
        largest of them every restored bound ends.
    type: dict
    default: {}
  kvs_identity:
    description:
      - What RV(atlasdb.timelock.timestamp_info#module:identity) said of the key-value service earlier. Another one, or
        the same at an earlier position, is refused as C(kvs-identity), and nothing is written.
    type: dict
extends_documentation_fragment:
  - atlasdb.timelock.kvs
  - atlasdb.timelock.attributes
attributes:
  check_mode:
    description: Says what would be on record, and writes nothing.
    support: full
  diff_mode:
    description: The record is no configuration of the user's; it is returned instead.
    support: none
seealso:
  - module: atlasdb.timelock.timestamp_info
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Take the lock
  atlasdb.timelock.handover_record:
    kvs: "{{ orders_kvs }}"
    service: orders
    state: taken
    run_id: "{{ run_id }}"
  register: lock

- name: Write down what is intended
  atlasdb.timelock.handover_record:
    kvs: "{{ orders_kvs }}"
    service: orders
    state: noted
    run_id: "{{ run_id }}"
    epoch: "{{ lock.epoch }}"
    changes:
      namespace: orders
      numbers:
        bound: "{{ store.bound }}"

- name: Give the lock back
  atlasdb.timelock.handover_record:
    kvs: "{{ orders_kvs }}"
    service: orders
    state: released
    run_id: "{{ run_id }}"
    epoch: "{{ lock.epoch }}"
"""

RETURN = r"""
epoch:
  description: The epoch of the record.
  returned: success
  type: int
  sample: 3
holder:
  description:
    - Who has the lock, or null.
    - When C(operator-locked) was refused, the run that has it.
  returned: success, or when refused for it
  type: dict
  sample:
    run_id: 2026-11-22-orders
    user: alice
    host: controller-1
    pid: 4711
    since: "2026-11-22T16:00:00Z"
document:
  description: What is on record.
  returned: success
  type: dict
  sample:
    namespace: orders
    numbers:
      bound: "5000000"
code:
  description: What was refused, as one of the collection's codes.
  returned: when refused
  type: str
  sample: operator-locked
found:
  description: What was found, in a sentence with its values.
  returned: when refused
  type: str
  sample: "orders is held by run 17 of alice on controller-1 (process 4711) since 2026-11-22T16:00:00Z."
do:
  description: What to do next, in a sentence.
  returned: when refused
  type: str
  sample: "Wait for that run to end."
"""

from ..module_utils.operation import run_module
from ..module_utils.operations.handover_record import ARGUMENT_SPEC, RULES, handover_record


def main():
    """Run the module."""
    run_module(ARGUMENT_SPEC, handover_record, **RULES)


if __name__ == "__main__":
    main()
