#!/usr/bin/python
# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_info
short_description: Look at one node of an AtlasDB service
version_added: 0.1.0
description:
  - Reads a node's configuration files, what runs of its service, and what earlier runs of this collection left
    beside the files.
  - Writes nothing and starts nothing. Uses nothing but Python's standard library.
author:
  - the atlasdb.timelock authors (!UNKNOWN)
options:
  library_paths:
    description:
      - Folders with the libraries of the service, to learn the version of AtlasDB from their names.
      - By default C(service/lib) below O(service.unit) for O(service.manager=sls), and none for the others.
    type: list
    elements: path
    default: []
  required_files:
    description: Files that the service will need, such as the trust store for TimeLock.
    type: list
    elements: path
    default: []
extends_documentation_fragment:
  - atlasdb.timelock.node
attributes:
  check_mode:
    support: full
    description: It only looks, in check mode as well.
  diff_mode:
    support: none
    description: Nothing changes.
notes:
  - The result holds the content of configuration files, with their passwords. Use C(no_log) on the task.
"""

EXAMPLES = r"""
- name: Look at the node
  atlasdb.timelock.node_info:
    path: /opt/orders/var/conf/install.yml
    runtime_path: /opt/orders/var/conf/runtime.yml
    service_name: orders
    service:
      manager: systemd
      unit: orders
      ports: [8080]
      health_url: http://localhost:8080/health
  register: node
  no_log: true
"""

RETURN = r"""
files:
  description: The configuration files as they lie there now; C(runtime) is null without O(runtime_path).
  returned: success
  type: dict
  contains:
    install:
      description: >-
        C(path), C(exists), C(error) (a sentence, or null), C(content_b64), C(sha256), C(mode) (like "0640"), C(uid),
        C(gid), C(is_symlink), C(is_mount), C(writable) (C(ok) and C(detail)).
      type: dict
    runtime:
      description: The same for the runtime configuration.
      type: dict
kept_content_b64:
  description: The original configuration of a node that is held; else null.
  returned: success
  type: str
embedded:
  description: >-
    The files that the node had before it was last switched to TimeLock, C(install_b64) and C(runtime_b64), in Base64,
    null where they are not kept; null where it never was.
  returned: success
  type: dict
hold:
  description: The marker of a node that is held, with what was seen before its stop; else null.
  returned: success
  type: dict
hold_intact:
  description: >-
    Whether the node is held and the hold lies unchanged where the configuration was. Also of a hold that was cut short
    before it was put there, while the service of before runs: the next run completes it.
  returned: success
  type: bool
hold_undone:
  description: >-
    Whether the node is held, and what lies where the configuration was is what lay there before, so that nothing keeps
    it down but its service manager at most.
  returned: success
  type: bool
staged:
  description: >-
    What is staged; else null. C(source_sha256), C(sha256), C(with_runtime) (hash of the runtime file that belongs to
    it, or null), C(epoch), C(run_id), C(mode), C(uid), C(gid).
  returned: success
  type: dict
switched:
  description: >-
    The last time that this collection switched a file in or put one back; else null. C(how) (C(switched) to TimeLock,
    C(reversed) from it, or C(put back)), C(sha256) of the file put in place,
    C(was_running) and C(seen) (before the hold that it ended), C(embedded) (hashes of the files before the last switch
    to TimeLock), C(epoch), C(run_id), C(boot_id), C(ticks).
  returned: success
  type: dict
as_switched:
  description: Whether the file at O(path) is, byte for byte, what RV(switched) says was switched in for TimeLock.
  returned: success
  type: bool
epoch:
  description: The run that this node obeyed last, as C(service), C(epoch), C(run_id); else null.
  returned: success
  type: dict
process:
  description: >-
    What runs of the service. C(running), C(pids) (each C(pid), C(start), C(cmd0)), C(listening) (of
    O(service.ports), those that anybody listens on), C(listening_own) (those that the service itself does),
    C(sockets) (its established TCP connections, each C(local) and C(remote) as C(ip:port)),
    C(connected) and C(connected_others) (where the connections lead, as C(ip:port), that the service and that other
    processes have from the host's own network namespace), C(older_than_file) (whether the processes that
      its manager names started before the file at O(path) was last changed or put there), C(boot_id), C(likes),
      C(pid_files).
  returned: success
  type: dict
manager_state:
  description: What the service manager says, in words.
  returned: success
  type: str
health:
  description: Answer of O(service.health_url) as C(ok) and C(detail); null without one.
  returned: success
  type: dict
atlasdb_version:
  description: >-
    C(version) and C(source) (the library whose name says so), both null if unknown; C(conflict) lists the
    versions where several lie together.
  returned: success
  type: dict
missing_files:
  description: Those of O(required_files) that are not there.
  returned: success
  type: list
  elements: str
python:
  description: Version of the Python that ran the module.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.arguments import node_arguments
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.entry import run_module
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.info import look
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.node import Node


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **node_arguments(),
            "library_paths": {"type": "list", "elements": "path", "default": []},
            "required_files": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )

    def work(result: dict) -> None:
        parameters = module.params
        node = Node.from_parameters(parameters)
        result.update(look(node, parameters["library_paths"], parameters["required_files"]))

    run_module(module, work)


if __name__ == "__main__":
    main()
