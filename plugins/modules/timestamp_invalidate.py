#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: timestamp_invalidate
short_description: Invalidate the timestamp bound of a key-value service
version_added: 0.1.0
description:
  - Puts the bound out of use, so that no embedded timestamp service can start on it, and keeps its value, in the very
    bytes that AtlasDB's own migration leaves. This is the point of no return of a handover.
  - It does so in one transaction, on Cassandra in one conditional batch, and only if the bound is still
    O(expected_bound), the run that took the proofs still holds the service's lock, every node is proved offline, and
    TimeLock is proved above the bound.
  - Where the bound has been invalidated at O(expected_bound) before, it succeeds, asks for no proof, and changes
    nothing.
  - When the answer of the database is lost, the store is read again before anything is said of it.
options:
  expected_bound:
    description:
      - What the bound must be, in decimal digits.
    type: str
    required: true
  repair:
    description:
      - Whether to bring a backup that stands in column C(0x7472) of Cassandra's timestamp table, where an old manual
        procedure put it, to where AtlasDB looks for it. Without it such a store is refused with
        C(bound-manual-backup). O(expected_bound) is the number that stands there, and the same proofs are asked for.
    type: bool
    default: false
  fresh_timestamp:
    description:
      - A timestamp that TimeLock has just given out in the service's namespace, in decimal digits. Only where all nodes
        are on TimeLock while the bound is live, as after a backup of the store was restored. It must be above
        O(expected_bound).
      - What clients write down by wall clock (C(_punch)) is above O(expected_bound) then, and must be below this. It is
        refused as C(bound-contradicted) otherwise, since the bound may then be too small.
      - For use by hand, with O(accept_unproven). In a run it is O(timelock_proof) that says it, and only of a service
        on whose record is that a node was started to migrate itself, and has not.
    type: str
  elapsed:
    description: For how many seconds the service has been down.
    type: float
    default: 0.0
  limit:
    description: For how many it may be down while its bound is still active. V(0) is no limit.
    type: float
    default: 0.0
extends_documentation_fragment:
  - atlasdb.timelock.kvs
  - atlasdb.timelock.proofs
  - atlasdb.timelock.attributes
attributes:
  check_mode:
    description: Looks, checks the proofs, and changes nothing.
    support: full
  diff_mode:
    description: Shows state, bound and backup before and after.
    support: full
seealso:
  - module: atlasdb.timelock.timelock_fast_forward
  - module: atlasdb.timelock.timestamp_restore
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Invalidate the bound that TimeLock is now above
  atlasdb.timelock.timestamp_invalidate:
    kvs: "{{ orders_kvs }}"
    expected_bound: "{{ store.bound }}"
    nodes: "{{ groups.orders }}"
    offline_proofs: "{{ offline_proofs }}"
    timelock_proof: "{{ fast_forward.timelock_proof }}"

- name: By hand, without the playbooks
  atlasdb.timelock.timestamp_invalidate:
    kvs: "{{ orders_kvs }}"
    expected_bound: "5000000"
    accept_unproven: CHG-1234, all nodes were shut down and TimeLock was fast-forwarded by hand

- name: Again, where a backup of the store was restored under nodes that are on TimeLock
  atlasdb.timelock.timestamp_invalidate:
    kvs: "{{ orders_kvs }}"
    expected_bound: "{{ store.bound }}"
    fresh_timestamp: "{{ timelock.fresh_timestamp }}"
    accept_unproven: CHG-1236, a backup was restored, and all nodes are on TimeLock

- name: Repair what was done by hand on Cassandra
  atlasdb.timelock.timestamp_invalidate:
    kvs: "{{ orders_kvs }}"
    expected_bound: "{{ store.backup }}"
    repair: true
    accept_unproven: CHG-1235, the service has not started since it was migrated by hand
"""

RETURN = r"""
before:
  description: RV(state), RV(bound) and RV(backup) as they were before.
  returned: success
  type: dict
  sample: {state: active, bound: 5000000, backup: null}
state:
  description: The state, read back.
  returned: success
  type: str
  sample: invalidated
bound:
  description: The live bound, read back, or null.
  returned: success
  type: int
  sample: null
backup:
  description: The kept bound, read back, or null.
  returned: success
  type: int
  sample: 5000000
accepted_unproven:
  description: The reason that was given for going without proofs, or null.
  returned: success
  type: str
code:
  description: What was refused, as one of the collection's codes.
  returned: when refused
  type: str
  sample: bound-moved
found:
  description: What was found, in a sentence with its values.
  returned: when refused
  type: str
  sample: The bound is 6000001, and 5000000 was expected.
do:
  description: What to do next, in a sentence.
  returned: when refused
  type: str
  sample: "A client is still alive: find it and stop it, then run again."
"""

from ..module_utils.operation import run_module
from ..module_utils.operations.timestamp_invalidate import ARGUMENT_SPEC, RULES, timestamp_invalidate


def main():
    """Run the module."""
    run_module(ARGUMENT_SPEC, timestamp_invalidate, **RULES)


if __name__ == "__main__":
    main()
