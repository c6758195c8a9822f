#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: timestamp_restore
short_description: Make the timestamp bound of a key-value service live again
version_added: 0.1.0
description:
  - Makes the bound live, so that an embedded timestamp service can start on it, at O(at_least) or higher. It ends above
    the kept bound, above every number on record, and not below the timestamp of O(timelock_proof).
  - An active bound below O(at_least) is raised; that asks for no proof of TimeLock. One that is not below it is left
    alone, and the module succeeds unchanged. No bound is ever lowered, and none is put back to a number that it had,
    since a process left over from before would go on at that very number.
  - It does so in one transaction, and only if the run that took the proofs still holds the service's lock, and every
    node is proved offline.
  - When the answer of the database is lost, the store is read again before anything is said of it.
options:
  at_least:
    description:
      - What the bound must not be below afterwards, in decimal digits.
    type: str
    required: true
  raise_only:
    description:
      - Whether an invalidated bound is refused with C(bound-moved), and not made live again. For raising a live one, so
        that an invalidation which is still under way never applies.
    type: bool
    default: false
  guarded:
    description:
      - Whether to leave the store as AtlasDB's own migration refuses it, while its embedded service works with it (on
        PostgreSQL a second column without a value, on Cassandra the kept bound beside the live one). So a node that
        still starts on TimeLock cannot migrate it again. Wants a proof V(configured) of each of O(nodes) in
        O(node_proofs).
      - Without it a store that is guarded is opened for a later migration, and that wants a proof V(serving) of each
        of O(nodes), and none in O(offline_proofs). Its bound is not changed.
    type: bool
    default: false
  node_proofs:
    description:
      - What M(atlasdb.timelock.node_online) returned of the nodes as RV(atlasdb.timelock.node_online#module:proofs).
    type: list
    elements: dict
    default: []
  timelock_lost:
    description:
      - Whether TimeLock is lost, so that O(timelock_proof) cannot be had, and O(at_least) is all that says what it gave
        out. Every other proof is wanted all the same.
    type: bool
    default: false
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
  - module: atlasdb.timelock.timestamp_invalidate
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Give the counter back to the embedded service
  atlasdb.timelock.timestamp_restore:
    kvs: "{{ orders_kvs }}"
    at_least: "{{ timelock_now.timelock_proof.fresh_timestamp }}"
    nodes: "{{ groups.orders }}"
    offline_proofs: "{{ offline_proofs }}"
    timelock_proof: "{{ timelock_now.timelock_proof }}"
"""

RETURN = r"""
before:
  description: RV(state), RV(bound) and RV(backup) as they were before.
  returned: success
  type: dict
  sample: {state: invalidated, bound: null, backup: 5000000}
state:
  description: The state, read back.
  returned: success
  type: str
  sample: active
bound:
  description: The live bound, read back, or null.
  returned: success
  type: int
  sample: 7000001
backup:
  description: The kept bound, read back, or null.
  returned: success
  type: int
  sample: null
guarded:
  description: Whether AtlasDB's own migration refuses the store, and its embedded service works with it; read back.
  returned: success
  type: bool
accepted_unproven:
  description: The reason that was given for going without proofs, or null.
  returned: success
  type: str
code:
  description: What was refused, as one of the collection's codes.
  returned: when refused
  type: str
  sample: timelock-behind
found:
  description: What was found, in a sentence with its values.
  returned: when refused
  type: str
  sample: TimeLock's fresh timestamp 4000000 is not above the bound 5000000.
do:
  description: What to do next, in a sentence.
  returned: when refused
  type: str
  sample: "Start nothing; look at the TimeLock servers before running again."
"""

from ..module_utils.operation import run_module
from ..module_utils.operations.timestamp_restore import ARGUMENT_SPEC, timestamp_restore


def main():
    """Run the module."""
    run_module(ARGUMENT_SPEC, timestamp_restore)


if __name__ == "__main__":
    main()
