#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: timelock_fast_forward
short_description: Bring a TimeLock namespace above a timestamp
version_added: 0.1.0
description:
  - Asks for the namespace through every server until exactly one leads, and takes a timestamp. Where that is not above
    O(timestamp), fast-forwards the namespace. Then takes two more timestamps, which must be above O(timestamp) and
    increase.
  - A fast-forward only ever moves a namespace up, and cannot be taken back.
  - TimeLock creates a namespace as soon as anything is asked of it, so a mistyped O(namespace) is created.
  - An answer that was lost is asked for again, since a repeated fast-forward does no harm.
  - As an action it runs in the controller's own process. Delegated to another host, it runs there as a module.
extends_documentation_fragment: atlasdb.timelock.timelock
options:
  namespace:
    description:
      - The namespace.
    type: str
    required: true
  timestamp:
    description:
      - The timestamp that the namespace must be above, in decimal digits. It is a string, since a number could have
        been rounded on its way here.
      - Refused where it would leave no headroom, since TimeLock could then issue no more timestamps in this namespace.
    type: str
    required: true
  service:
    description:
      - The service that RV(timelock_proof) is for.
    type: str
  run_id:
    description:
      - The run that RV(timelock_proof) is for.
    type: str
  epoch:
    description:
      - The epoch of that run's lock.
    type: int
  kvs_identity:
    description:
      - The identity of the key-value service that O(timestamp) was read from, as
        M(atlasdb.timelock.timestamp_info) returns it.
    type: dict
attributes:
  check_mode:
    description:
      - Can run in check mode, and then asks nothing that creates a namespace. Whether the namespace is above
        O(timestamp) already is not known then, and RV(changed) means that it may change.
    support: full
  diff_mode:
    description: There is no difference to show beside RV(before) and RV(fresh_timestamp).
    support: none
seealso:
  - module: atlasdb.timelock.timelock_info
  - module: atlasdb.timelock.timestamp_invalidate
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Bring the namespace above the bound
  atlasdb.timelock.timelock_fast_forward:
    servers:
      - https://tl-1.example.com:8421/timelock/api
      - https://tl-2.example.com:8421/timelock/api
      - https://tl-3.example.com:8421/timelock/api
    ca_path: /etc/pki/timelock-ca.pem
    namespace: orders
    timestamp: "5000000"

- name: The same, with the proof that invalidating the bound depends on
  atlasdb.timelock.timelock_fast_forward:
    servers: "{{ timelock_server_urls }}"
    namespace: orders
    timestamp: "{{ bound.bound | string }}"
    service: orders
    run_id: 20261122T160000-5f1c
    epoch: 3
    kvs_identity: "{{ bound.identity }}"
  register: forwarded
"""

RETURN = r"""
changed:
  description: Whether a fast-forward was sent. Taking timestamps as proof is no change.
  returned: always
  type: bool
before:
  description: The timestamp taken before; null in check mode.
  returned: success
  type: int
  sample: 1
fresh_timestamp:
  description: The last timestamp taken afterwards, above O(timestamp); null in check mode.
  returned: success
  type: int
  sample: 5000002
leader:
  description: The URL of the leader; null in check mode where none calls itself leader.
  returned: success
  type: str
  sample: https://tl-1.example.com:8421/timelock/api
asked:
  description: Whether anything was asked of O(namespace). False in check mode.
  returned: success
  type: bool
timelock_proof:
  description:
    - What M(atlasdb.timelock.timestamp_invalidate) wants to be given.
    - Null in check mode, and unless O(service), O(run_id), O(epoch) and O(kvs_identity) are given.
  returned: success
  type: dict
  contains:
    kind:
      description: Always V(timelock).
      type: str
    service:
      description: As given.
      type: str
    run_id:
      description: As given.
      type: str
    epoch:
      description: As given.
      type: int
    kvs_identity:
      description: As given.
      type: dict
    servers:
      description: The servers, each in one form whatever its spelling in the list.
      type: list
      elements: str
    namespace:
      description: As given.
      type: str
    fresh_timestamp:
      description: As RV(fresh_timestamp).
      type: int
    taken:
      description: When the timestamps afterwards began to be taken, on the clocks of where the module ran.
      type: dict
code:
  description:
    - What was refused, one of V(bound-out-of-range), V(timelock-behind), V(timelock-went-backwards) and those of
      M(atlasdb.timelock.timelock_info).
  returned: failure
  type: str
  sample: timelock-behind
found:
  description: What was found, in a sentence.
  returned: failure
  type: str
do:
  description: What to do next, in a sentence.
  returned: failure
  type: str
"""

from ..module_utils.operation import run_module
from ..module_utils.operations.timelock_fast_forward import ARGUMENT_SPEC, timelock_fast_forward


def main():
    """Run the module."""
    run_module(ARGUMENT_SPEC, timelock_fast_forward)


if __name__ == "__main__":
    main()
