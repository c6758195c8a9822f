# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service with an init script, which tells its process in a pid file."""

from __future__ import annotations

import os

from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.interface import Manager, State
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.pid_files import state_of
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.processes import Processes
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.service import Service
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

SCRIPTS = "/etc/init.d"
PID_FILES = "/var/run"


class SysVInit(Manager):
    def __init__(self, service: Service, processes: Processes):
        self._script = os.path.join(SCRIPTS, service.unit)
        self.start = [self._script, "start"]
        self.stop = [self._script, "stop"]
        self._pid_file = service.pid_file or os.path.join(PID_FILES, f"{service.unit}.pid")
        self._processes = processes

    def state(self, remembered: dict | None) -> State:
        if not (os.path.isfile(self._script) and os.access(self._script, os.X_OK)):
            do = "Correct atlasdb_service_manager or atlasdb_service_unit."
            raise Refusal("probe-blind", f"{self._script} cannot be executed: the unit is no init script.", do)
        return state_of([self._pid_file], os.path.dirname(self._pid_file), self._processes, remembered)
