#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: kvs_sessions_info
short_description: Look at who has a session at a key-value service
version_added: 0.1.0
description:
  - Lists the sessions that others than this collection have in the database of an AtlasDB service.
  - Where there is none, returns the proof of it that M(atlasdb.timelock.timestamp_invalidate) and
    M(atlasdb.timelock.timestamp_restore) ask for.
  - A standby is refused, since it does not see the service's sessions.
  - Cassandra itself shows CQL clients only, and only from 4.0 on. With O(host_looks) at all hosts of the cluster, every
    connection counts as a session; without them there is no proof.
  - On PostgreSQL the addresses of sessions of other roles are shown only to a login with C(pg_read_all_stats); the
    sessions themselves are always seen.
options:
  ignore_sessions:
    description:
      - Sessions that are known not to be of an AtlasDB client, such as a monitor's. Both user and application name must
        be equal.
    type: list
    elements: dict
    default: []
    suboptions:
      user:
        description: The login of the session.
        type: str
        required: true
      application:
        description: What the session calls itself.
        type: str
        required: true
  host_looks:
    description:
      - For a store that does not show all its sessions itself, what M(atlasdb.timelock.kvs_sockets_info) returned for
        each of its hosts, as the filter P(atlasdb.timelock.host_looks#filter) gives it.
      - The proof is as old as the oldest of those that count.
    type: list
    elements: dict
    default: []
  known_clients:
    description:
      - Clients that are not the service's, as addresses or networks. Their sessions are left out, but not on a store
        that shows all its sessions itself.
    type: list
    elements: str
    default: []
  wait:
    description:
      - For how many seconds to go on looking while there are sessions. Those of a process that has ended may need a
        moment to go.
    type: float
    default: 0.0
  seen_before:
    description:
      - Whether this module saw the service's sessions before its nodes were stopped. Absence proves nothing to a probe
        that could not see them when they were there.
    type: bool
    default: false
  service:
    description: The service, for the proof.
    type: str
  run_id:
    description: The run that looks, for the proof. Without it there is no proof.
    type: str
  epoch:
    description: The epoch of the run's lock, for the proof.
    type: int
  refuse:
    description:
      - Whether to fail where there is a session, and where nobody looked at one of the store's hosts.
    type: bool
    default: false
  accept_unproven:
    description: Why hosts that nobody looked at are no reason for O(refuse) to fail.
    type: str
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
  - module: atlasdb.timelock.kvs_sockets_info
  - module: atlasdb.timelock.node_offline
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: See the nodes while they run
  atlasdb.timelock.kvs_sessions_info:
    kvs: "{{ orders_kvs }}"
  register: running

- name: Prove that they have gone
  atlasdb.timelock.kvs_sessions_info:
    kvs: "{{ orders_kvs }}"
    wait: 10
    refuse: true
    seen_before: "{{ running.sessions | length > 0 }}"
    service: orders
    run_id: "{{ lock.holder.run_id }}"
    epoch: "{{ lock.epoch }}"
    ignore_sessions:
      - user: monitor
        application: postgres_exporter
  register: gone
"""

RETURN = r"""
sessions:
  description: The sessions of others, without those of O(ignore_sessions) and O(known_clients).
  returned: success
  type: list
  elements: dict
  contains:
    user:
      description: The login.
      type: str
      sample: orders
    application:
      description: What the session calls itself.
      type: str
      sample: PostgreSQL JDBC Driver
    address:
      description: Where it comes from; empty for a local socket, and where the login may not see it.
      type: str
      sample: 10.0.0.17
    port:
      description: From which port; -1 for a local socket, null where the login may not see it.
      type: int
      sample: 49114
    at:
      description: The end of the connection at the store, where it was seen by its socket alone.
      type: str
      sample: 10.0.1.1:9160
complete:
  description: Whether every session would have been seen.
  returned: success
  type: bool
unseen:
  description: Which hosts of the store nobody looked at, in sentences; empty where O(host_looks) were at none of them.
  returned: success
  type: list
  elements: str
proof:
  description: >-
    The proof that there was none, or null where there was one, where not all could be seen, and where there is no
    O(run_id).
  returned: success
  type: dict
identity:
  description: Which key-value service was looked at, as M(atlasdb.timelock.timestamp_info) returns it.
  returned: success
  type: dict
code:
  description: What was refused, as one of the collection's codes.
  returned: when refused
  type: str
  sample: kvs-unreachable
found:
  description: What was found, in a sentence with its values.
  returned: when refused
  type: str
  sample: "No connection to db.example.com:5432/orders: connection refused."
do:
  description: What to do next, in a sentence.
  returned: when refused
  type: str
  sample: "Check host, port and TLS of the key-value service, and that it runs."
"""

from ..module_utils.operation import run_module
from ..module_utils.operations.kvs_sessions_info import ARGUMENT_SPEC, kvs_sessions_info


def main():
    """Run the module."""
    run_module(ARGUMENT_SPEC, kvs_sessions_info)


if __name__ == "__main__":
    main()
