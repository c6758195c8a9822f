#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: timelock_server_info
short_description: Look at what lies on a TimeLock server
version_added: 0.1.0
description:
  - Reads which versions are installed, what this collection has recorded there, whether the data directories hold
    anything, whether the server listens, and where Java is.
  - Writes nothing and starts nothing but C(java -version). Uses nothing but Python's standard library.
options:
  root:
    description: The folder that the role timelock_server installs into.
    type: path
    required: true
  data_directory:
    description: TimeLock's data directory, the files of Paxos.
    type: path
    required: true
  sqlite_directory:
    description: The directory of its SQLite database.
    type: path
    required: true
  files:
    description: Files that a running server has read at its start.
    type: list
    elements: path
    default: []
  address:
    description: The address that it listens on.
    type: str
    required: true
  port:
    description: The port that it listens on.
    type: int
    required: true
  java_home:
    description: Java's folder. By default that of C(JAVA_HOME), of C(java) on the path, and those of C(/usr/lib/jvm).
    type: path
attributes:
  check_mode:
    description: It only looks, in check mode as well.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
seealso:
  - module: atlasdb.timelock.timelock_server_plan
author:
  - the atlasdb.timelock authors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Look at the server
  atlasdb.timelock.timelock_server_info:
    root: /opt/timelock
    data_directory: /opt/timelock/var/data/paxos
    sqlite_directory: /opt/timelock/var/data/sqlitePaxos
    address: tl-1.example.com
    port: 8421
  register: server
"""

RETURN = r"""
version:
  description: The version that the link C(current) names; null without one.
  returned: success
  type: str
  sample: 0.1175.0
versions:
  description: For each version that is unpacked entirely, the checksum of its package.
  returned: success
  type: dict
record:
  description: What M(atlasdb.timelock.timelock_server_record) wrote last, without the hashes; null for nothing.
  returned: success
  type: dict
paxos:
  description: What there is of O(data_directory), V(absent), V(empty) (folders at most) or V(present).
  returned: success
  type: str
paxos_directory:
  description: O(data_directory).
  returned: success
  type: str
sqlite:
  description: The same of O(sqlite_directory).
  returned: success
  type: str
sqlite_directory:
  description: O(sqlite_directory).
  returned: success
  type: str
changed_files:
  description: Those of O(files) that are not as they were at the start that is on record.
  returned: success
  type: list
  elements: str
listening:
  description: Whether anything accepts connections there.
  returned: success
  type: bool
java:
  description: C(home) and C(version) of Java; null where there is none.
  returned: success
  type: dict
java_looked:
  description: Where Java was looked for.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.atlasdb.timelock.plugins.module_utils.server.look import look


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "root": {"type": "path", "required": True},
            "data_directory": {"type": "path", "required": True},
            "sqlite_directory": {"type": "path", "required": True},
            "files": {"type": "list", "elements": "path", "default": []},
            "address": {"type": "str", "required": True},
            "port": {"type": "int", "required": True},
            "java_home": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(changed=False, **look(module.params))
    except (OSError, ValueError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
