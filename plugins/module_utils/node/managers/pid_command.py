# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service that is started and stopped by commands, and tells its process in a pid file."""

from __future__ import annotations

import os

from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.interface import Manager, State
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.pid_files import state_of
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.processes import Processes
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.service import Service


class PidCommand(Manager):
    def __init__(self, service: Service, processes: Processes):
        self.start = service.start_command
        self.stop = service.stop_command
        self._pid_file = service.pid_file
        self._processes = processes

    def state(self, remembered: dict | None) -> State:
        return state_of([self._pid_file], os.path.dirname(self._pid_file), self._processes, remembered)
