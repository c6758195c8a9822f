# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service in the layout of Palantir's SLS distributions: ``service/bin/init.sh``, ``service/lib``,
``var/run/*.pid``."""

from __future__ import annotations

import glob
import os

from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.interface import Manager, State
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.pid_files import state_of
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.processes import Processes
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.service import Service
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal


class Sls(Manager):
    def __init__(self, service: Service, processes: Processes):
        self.folder = service.unit
        self._script = os.path.join(service.unit, "service", "bin", "init.sh")
        self.start = [self._script, "start"]
        self.stop = [self._script, "stop"]
        self._pid_file = service.pid_file
        self._processes = processes

    def state(self, remembered: dict | None) -> State:
        if not os.access(self._script, os.X_OK):
            raise Refusal("probe-blind", f"{self._script} cannot be executed: the unit is no SLS service.")
        run_folder = glob.escape(os.path.join(self.folder, "var", "run"))
        paths = [self._pid_file] if self._pid_file else sorted(glob.glob(os.path.join(run_folder, "*.pid")))
        return state_of(paths, self.folder, self._processes, remembered)
