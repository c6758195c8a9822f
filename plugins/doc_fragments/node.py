# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation that the node modules share."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  path:
    description: The service's configuration file (install configuration) on the node. Absolute.
    type: path
    required: true
  runtime_path:
    description: Its runtime configuration file, if that is another one.
    type: path
  service_name:
    description: Name of the service that the node belongs to.
    type: str
    required: true
  service:
    description: How the service is started, stopped and seen on the node.
    type: dict
    required: true
    suboptions:
      manager:
        description:
          - V(systemd) for a unit; V(sysvinit) for a script in C(/etc/init.d); V(sls) for a folder with
            C(service/bin/init.sh) and C(var/run/*.pid); V(command) for any commands.
        type: str
        required: true
        choices: [systemd, sysvinit, sls, command]
      unit:
        description:
          - The unit's name for V(systemd), the script's for V(sysvinit), the service's root folder for V(sls), any
            label for V(command).
        type: str
        required: true
      start_command:
        description: Command that starts the service, without a shell. Only for O(service.manager=command), and
          needed there.
        type: str
      stop_command:
        description: Command that stops the service, without a shell. Only for O(service.manager=command), and needed
          there.
        type: str
      pid_file:
        description:
          - File with the number of the service's process. Needed for O(service.manager=command).
          - By default every C(*.pid) in C(var/run) for O(service.manager=sls), and C(/var/run/UNIT.pid) for
            O(service.manager=sysvinit). Not used for V(systemd).
        type: path
      ports:
        description: TCP ports on which the service listens.
        type: list
        elements: int
        default: []
      health_url:
        description:
          - URL on the node that answers 200 when the service is well. Empty to do without. Its certificate is not
            verified - nothing is sent, and the name is seldom that of the node.
        type: str
        default: ""
      stop_timeout:
        description:
          - Seconds to wait until the service is gone. What is left of it after half of them gets a SIGTERM.
        type: int
        default: 120
      start_timeout:
        description: Seconds to wait until the service serves.
        type: int
        default: 300
      stop_kill:
        description:
          - Whether what is left after O(service.stop_timeout) is killed. Without it the module fails and names the
            processes.
        type: bool
        default: false
notes:
  - Where an option is wrong for the node, or something is found that should not be, the module fails with a C(code),
    what was C(found), and what to C(do) in its result.
  - Needs Linux, and a login that may see the service's processes and write beside its configuration, mostly root.
"""

    EFFECTS = r"""
options:
  epoch:
    description:
      - Epoch of the operator's lock under which this run acts. A node obeys no run with a lower epoch than one it
        has obeyed, and refuses with C(operator-lock-lost).
    type: int
    required: true
  run_id:
    description: The run that holds that lock.
    type: str
    required: true
  operator:
    description: Who runs it, for people who find the node held.
    type: str
    required: true
  lock_timeout:
    description: Seconds to wait for another module that works on the same node, before it refuses with
      C(operator-locked).
    type: int
    default: 60
"""
