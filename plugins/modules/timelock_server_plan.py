#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: timelock_server_plan
short_description: Weigh what is to be done with the servers of a TimeLock cluster
version_added: 0.1.0
description:
  - Looks at what was read of all servers, and at nothing else. It connects to nothing and changes nothing.
  - Decides which servers may start as new, and refuses one that has lost its data, one that would be added, and a
    version that may not follow the one before.
options:
  nodes:
    description:
      - For each server a result of M(atlasdb.timelock.timelock_server_info), with C(name), and C(member), its
        V(HOST:PORT).
    type: list
    elements: dict
    required: true
  group:
    description: The names of all servers of the cluster. Each must be among O(nodes).
    type: list
    elements: str
    required: true
  cluster:
    description: What the servers are configured as.
    type: dict
    required: true
    suboptions:
      version:
        description: TimeLock's version.
        type: str
        required: true
      members:
        description: All members, each V(HOST:PORT).
        type: list
        elements: str
        required: true
      data_directory:
        description: The directory of Paxos' files.
        type: str
        required: true
      sqlite_directory:
        description: The directory of the SQLite database.
        type: str
        required: true
      admin_port:
        description: The port of the administration.
        type: int
        required: true
      dangerous_topology:
        description: Whether fewer than three members will do.
        type: bool
        default: false
      tls:
        description: The stores, as C(keystore), C(keystore_type), C(truststore) and C(truststore_type); empty for none.
        type: dict
        default: {}
      settings:
        description: The operator's own part of the configuration.
        type: dict
        default: {}
  accept_old:
    description: Why a version that can issue a timestamp twice may be installed.
    type: str
    default: ""
  distribution:
    description: The package, a path or a URL; needed where a server does not have the version yet.
    type: str
    default: ""
  checksum:
    description: What it adds up to, V(sha256:HEX).
    type: str
    default: ""
  folders:
    description:
      - The folders on the servers that a unit, a command or Java is told of. Refused unless they are absolute, and of
        plain characters.
    type: list
    elements: str
    default: []
  names:
    description: The names there, such as those of a user and a unit. Refused unless they are plain.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - atlasdb.timelock.attributes
attributes:
  check_mode:
    description: Nothing is written in any mode.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
seealso:
  - module: atlasdb.timelock.timelock_server_info
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Weigh the servers
  atlasdb.timelock.timelock_server_plan:
    nodes: "{{ looks }}"
    group: "{{ groups['timelock_servers'] }}"
    cluster:
      version: 0.1175.0
      members: [tl-1:8421, tl-2:8421, tl-3:8421]
      data_directory: /opt/timelock/var/data/paxos
      sqlite_directory: /opt/timelock/var/data/sqlitePaxos
      admin_port: 8422
      tls:
        keystore: /opt/timelock/var/security/keystore.p12
        keystore_type: PKCS12
        truststore: /opt/timelock/var/security/truststore.pem
        truststore_type: PEM
  register: plan
"""

RETURN = r"""
cluster:
  description: The cluster's id; a new one for servers that have never been one.
  returned: success
  type: str
unfinished:
  description: Whether the cluster is being founded, and not all of its servers have started yet.
  returned: success
  type: bool
new:
  description: The names of the servers that start as new.
  returned: success
  type: list
  elements: str
start_first:
  description: The names of those to start at once, since there is no quorum without them.
  returned: success
  type: list
  elements: str
order:
  description: The names of all servers in the order in which they are taken down; those that are down come first.
  returned: success
  type: list
  elements: str
changes:
  description: For each server V(none), V(upgrade) or V(downgrade).
  returned: success
  type: dict
highest:
  description: The highest timestamp on record, in decimal digits; V(0) for none.
  returned: success
  type: str
lines:
  description: What would be done with each, for a person.
  returned: success
  type: list
  elements: str
code:
  description: What was refused, as one of the collection's codes.
  returned: when refused
  type: str
  sample: server-data-lost
found:
  description: What was found, in a sentence with its values.
  returned: when refused
  type: str
do:
  description: What to do next, in a sentence.
  returned: when refused
  type: str
"""

from ..module_utils.operation import run_module
from ..module_utils.operations.timelock_server_plan import ARGUMENT_SPEC, timelock_server_plan


def main():
    """Run the module."""
    run_module(ARGUMENT_SPEC, timelock_server_plan)


if __name__ == "__main__":
    main()
