#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: timestamp_info
short_description: Look at the timestamp bound of a key-value service
version_added: 0.1.0
description:
  - Says what the key-value service of an AtlasDB service holds as its timestamp bound, whatever that is, which database
    it really is, and what is on record there.
  - Writes nothing, and starts no embedded service.
  - Fails only if it cannot look. A bound that the collection would not touch is reported with RV(code) and RV(reason).
extends_documentation_fragment:
  - atlasdb.timelock.kvs
  - atlasdb.timelock.attributes
attributes:
  check_mode:
    description: Nothing is written in any mode.
    support: full
  diff_mode:
    description: Nothing is changed, so there is no difference to show.
    support: none
seealso:
  - module: atlasdb.timelock.timestamp_invalidate
  - module: atlasdb.timelock.timestamp_restore
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Look at the bound
  atlasdb.timelock.timestamp_info:
    kvs:
      type: postgres
      hosts: [db.example.com]
      database: orders
      user: orders
      password: "{{ vault_orders_password }}"
  register: store

- name: Say what it is
  ansible.builtin.debug:
    msg: "{{ store.state }} at {{ store.bound or store.backup }}: {{ store.reason or 'nothing to object to' }}"
"""

RETURN = r"""
state:
  description:
    - V(active) where the bound is live, V(invalidated) where AtlasDB or this collection has put it out of use,
      V(absent) where there is none, V(ambiguous) where it cannot be said.
  returned: success
  type: str
  sample: active
bound:
  description: The live bound, or null.
  returned: success
  type: int
  sample: 5000000
backup:
  description: The bound that was kept when it was invalidated, or null.
  returned: success
  type: int
code:
  description: What would be refused, as one of the collection's codes, or null; why it could not look, where it failed.
  returned: always
  type: str
  sample: bound-ambiguous
reason:
  description: The same in words, or null.
  returned: success
  type: str
  sample: public._timestamp has several rows
empty_table:
  description: Whether the table is the right one, and holds no number.
  returned: success
  type: bool
  sample: false
corroboration:
  description: Timestamps that the key-value service holds elsewhere. None may be above the live bound.
  returned: success
  type: list
  elements: dict
  contains:
    source:
      description: Where it was found.
      type: str
      sample: punch table
    number:
      description: The timestamp.
      type: int
identity:
  description: What tells this key-value service from every other, and how far its log has come (C(position)).
  returned: success
  type: dict
  sample:
    type: postgres
    system_identifier: "7711032148059542225"
    timeline: 1
    database: orders
    database_oid: 16385
    schema: public
    table: _timestamp
    position: 32459840
filled:
  description:
    - Where the state has no number, the name of a table of the service that has rows; else null. Such a store is not a
      new service's.
  returned: success
  type: str
missing_rights:
  description: The statements that would give the login what the handover needs; empty where it has all.
  returned: success
  type: list
  elements: str
  sample: [GRANT CREATE ON DATABASE orders TO orders]
record:
  description: What earlier runs wrote down, with C(epoch) and C(holder) of the lock; null where there is none.
  returned: success
  type: dict
found:
  description: Why it could not look, in a sentence with its values.
  returned: when refused
  type: str
  sample: No connection to db.example.com:5432/orders
do:
  description: What to do next, in a sentence.
  returned: when refused
  type: str
"""

from ..module_utils.operation import run_module
from ..module_utils.operations.timestamp_info import ARGUMENT_SPEC, timestamp_info


def main():
    """Run the module."""
    run_module(ARGUMENT_SPEC, timestamp_info)


if __name__ == "__main__":
    main()
