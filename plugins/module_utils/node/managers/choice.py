# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which manager a service has."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.interface import Manager
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.pid_command import PidCommand
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.sls import Sls
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.systemd import Systemd
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.sysvinit import SysVInit
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.processes import Processes
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.service import Service

MANAGERS = {"systemd": Systemd, "sysvinit": SysVInit, "sls": Sls, "command": PidCommand}


def manager_of(service: Service, processes: Processes) -> Manager:
    """The manager that the inventory names."""
    return MANAGERS[service.manager](service, processes)
