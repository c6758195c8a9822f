#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: timelock_info
short_description: Look at a TimeLock cluster
version_added: 0.1.0
description:
  - Says which servers of the list answer as TimeLock, which of them leads, and which namespaces exist.
  - TimeLock creates a namespace as soon as anything is asked of it; nothing is, unless O(fresh_timestamp) is set.
  - Fails with RV(ignore:code) where the servers are not one working TimeLock cluster, which the codes tell apart.
  - One server that is not TimeLock, or whose certificate is refused, is a failure as well, except with
    O(fresh_timestamp), which proves that the others suffice. One that does not answer is reported in RV(nodes).
  - As an action it runs in the controller's own process. Delegated to another host, it runs there as a module.
extends_documentation_fragment: atlasdb.timelock.timelock
options:
  namespace:
    description:
      - The namespace of O(fresh_timestamp). Without that option only its name is checked.
    type: str
  fresh_timestamp:
    description:
      - Whether to ask for O(namespace) through every server until exactly one leads, and then to take its next
        timestamp.
      - This creates the namespace where it does not exist, wakes the election of a cluster that has just been started,
        and consumes one timestamp.
      - In check mode nothing of this is asked.
    type: bool
    default: false
  quiet_since:
    description:
      - An earlier result of this module, with a fresh timestamp of O(namespace) when nobody should use it any more.
      - The module waits until O(quiet_seconds) after its RV(quiet_from), takes another one, and fails with
        C(timelock-not-quiet) where anybody else took one between the two, or the leader changed, which would hide that.
    type: dict
  quiet_seconds:
    description: How long a namespace is looked at that should be quiet. A client takes a timestamp every few seconds.
    type: float
    default: 15
  moved_since:
    description:
      - An earlier result of this module, with a fresh timestamp of O(namespace) when nobody used it yet.
      - The module takes fresh timestamps until somebody else has taken one too, or until O(moved_seconds) are over, and
        says in RV(moved) which of the two. Only what was taken under one leader counts, since a new one leaves
        timestamps out. Not together with O(quiet_since).
    type: dict
  moved_seconds:
    description: For how long a namespace is looked at that should move.
    type: float
    default: 15
  service:
    description:
      - The service that a proof is taken for. With O(run_id), O(epoch) and O(kvs_identity), or none of them.
    type: str
  run_id:
    description: The run that takes the proof.
    type: str
  epoch:
    description: The epoch of the run's lock.
    type: int
  kvs_identity:
    description: The C(identity) of the service's key-value service, as M(atlasdb.timelock.timestamp_info) returns it.
    type: dict
attributes:
  check_mode:
    description: Can run in check mode, and then asks nothing that creates a namespace.
    support: full
  diff_mode:
    description: Nothing is changed, so there is no difference to show.
    support: none
seealso:
  - module: atlasdb.timelock.timelock_fast_forward
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Look at TimeLock
  atlasdb.timelock.timelock_info:
    servers:
      - https://tl-1.example.com:8421
      - https://tl-2.example.com:8421
      - https://tl-3.example.com:8421
    ca_path: /etc/pki/timelock-ca.pem
  register: timelock

- name: Take the next timestamp of a namespace that exists
  atlasdb.timelock.timelock_info:
    servers: "{{ timelock_server_urls }}"
    namespace: orders
    fresh_timestamp: true
  when: "'orders' in timelock.namespaces"
"""

RETURN = r"""
nodes:
  description: What each server says of itself, in the order of the list.
  returned: success
  type: list
  elements: dict
  contains:
    url:
      description: The server, in one form whatever its spelling in the list.
      type: str
      sample: https://tl-1.example.com:8421
    reachable:
      description: Whether it answered as TimeLock.
      type: bool
    is_leader:
      description: Whether it calls itself leader; null where it did not answer.
      type: bool
    uuid:
      description: What the server calls itself in elections; null where it did not say.
      type: str
      sample: c30124be-d44f-48ba-9573-bf4f0464d315
    leader_seen:
      description:
        - With O(fresh_timestamp), the URL of the server that it holds for the leader, itself or the one to which it
          sends clients.
        - Null without, and where it knew none.
      type: str
      sample: https://tl-1.example.com:8421
    code:
      description: Why it counts as not reachable, as one of the collection's codes; null where it does not.
      type: str
      sample: timelock-unreachable
    error:
      description: The same in words; null where it is reachable.
      type: str
      sample: did not answer in time
leader:
  description:
    - The URL of the leader. With O(fresh_timestamp), the server that answered for the namespace with a quorum.
    - Null where none calls itself leader. TimeLock elects none before anything has been asked of any namespace.
  returned: success
  type: str
  sample: https://tl-1.example.com:8421
quorum:
  description: How many servers of the list make a quorum. So many answered, or the module would have failed.
  returned: success
  type: int
  sample: 2
namespaces:
  description: The names of all namespaces, sorted, as they were before a fresh timestamp was asked for.
  returned: success
  type: list
  elements: str
  sample: [billing, orders]
fresh_timestamp:
  description: The timestamp taken; null where none was asked for.
  returned: success
  type: int
  sample: 5000001
requests:
  description:
    - How many requests were sent until one was answered with the timestamp. Those whose answer was lost may have taken
      one too.
  returned: success
  type: int
  sample: 1
moved:
  description: With O(moved_since), whether anybody else took a timestamp since then; null without.
  returned: success
  type: bool
quiet_from:
  description:
    - Since when nobody else has taken a timestamp, as a moment by the clocks of where this ran, for O(quiet_since).
    - With that option it is the one given there, else the moment of the answer.
  returned: success
  type: dict
timelock_proof:
  description:
    - The proof for M(atlasdb.timelock.timestamp_restore) and M(atlasdb.timelock.handover_check), null where none was
      wanted or nothing was asked.
  returned: success
  type: dict
asked:
  description: Whether anything was asked of O(namespace). False in check mode, and without O(fresh_timestamp).
  returned: success
  type: bool
code:
  description:
    - What was refused, one of V(timelock-unreachable), V(timelock-not-timelock), V(timelock-tls),
      V(timelock-clusters-differ), V(timelock-many-leaders), V(timelock-no-leader), V(timelock-client-limit),
      V(timelock-not-quiet), V(timelock-stuck), V(bound-out-of-range), V(config-namespace-illegal) and
      V(inventory-empty).
  returned: failure
  type: str
  sample: timelock-no-leader
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
from ..module_utils.operations.timelock_info import ARGUMENT_SPEC, timelock_info


def main():
    """Run the module."""
    run_module(ARGUMENT_SPEC, timelock_info)


if __name__ == "__main__":
    main()
