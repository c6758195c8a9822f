# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node, as the four modules are told of it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.choice import manager_of
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.interface import Manager
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.names import Beside
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.probe import Probe
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.processes import Processes
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.service import Service
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.sockets import Sockets
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal


@dataclass(frozen=True)
class Node:
    """One node of a service: its configuration file, the runtime one if it has one, its manager, and how to see
    it."""

    install: Beside
    runtime: Beside | None
    service: Service
    manager: Manager
    processes: Processes
    probe: Probe

    @classmethod
    def from_parameters(cls, parameters: dict) -> Node:
        """From the options that all node modules share. Raises Refusal."""
        service = Service.from_options(parameters["service_name"], parameters["service"])
        processes = Processes()
        manager = manager_of(service, processes)
        runtime = parameters["runtime_path"]
        return cls(
            install=_beside(parameters["path"]),
            runtime=_beside(runtime) if runtime and runtime != parameters["path"] else None,
            service=service,
            manager=manager,
            processes=processes,
            probe=Probe(service, manager, processes, Sockets()),
        )


def _beside(path: str) -> Beside:
    if not os.path.isabs(path):
        raise Refusal("config-missing", f"{path!r} is not an absolute path.")
    if not path.isprintable():
        # It would be more than one line of the hold, and of the unit's drop-in.
        raise Refusal("config-missing", f"{path!r} has characters that no path of a configuration has.")
    return Beside(os.path.normpath(path))
