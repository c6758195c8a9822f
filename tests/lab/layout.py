# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything of a lab lies: its folder, its services' folders, and what is written down about them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

DEFAULT_VERSION = "0.905.0"
MANAGERS = ("sls", "command")
POSTGRES = "postgres"
DEAF = "deaf"
"""While a file of this name is in a service's shared folder, its nodes do not heed a SIGTERM."""

QUORUM = "quorum"
"""While a file of this name is there, its nodes elect no leader before `quorumSize` of them are up, as real ones."""


@dataclass
class NodeSettings:
    """`address`: where the node's connections to Cassandra come from, as if it had a host of its own."""

    name: str
    port: int
    address: str = ""


@dataclass
class ServiceSettings:
    """A service that `up` makes. `manager`: `sls` or `command`; `leader`: several nodes need it, one may do without.

    `store`: POSTGRES, or the name of a Cassandra cluster (clusters.py).
    """

    name: str
    manager: str = "sls"
    version: str = DEFAULT_VERSION
    leader: bool = True
    nodes: list[NodeSettings] = field(default_factory=list)
    password: str = ""
    store: str = POSTGRES


@dataclass
class Settings:
    """What `up` decided, kept in lab.json, so that every later command finds it."""

    lab_id: str
    temporary: str
    postgres: dict = field(default_factory=dict)
    cassandra: dict[str, dict] = field(default_factory=dict)
    timelock_urls: list[str] = field(default_factory=list)
    services: list[ServiceSettings] = field(default_factory=list)


class Layout:
    """The paths of a lab in `folder`, an absolute path."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.settings_file = folder / "lab.json"
        self.lock_file = folder / ".lock"
        self.inventory = folder / "inventory.yml"
        self.journal = folder / "journal"
        self.timelock = folder / "timelock"
        self.trust_store = folder / "security" / "ca.pem"
        self.services = folder / "services"
        self.reports = folder / "timelock-reports"
        self.host_python = folder / "python"

    def shared(self, service: str) -> Path:
        """What a service's nodes share: who leads, and the load that is wanted."""
        return self.services / service / "shared"

    def unit(self, service: str, node: str) -> Path:
        return self.services / service / node

    def read_settings(self) -> Settings:
        """Raises FileNotFoundError where there is no lab."""
        read = json.loads(self.settings_file.read_text())
        services = [
            ServiceSettings(**{**service, "nodes": [NodeSettings(**node) for node in service["nodes"]]})
            for service in read.pop("services")
        ]
        return Settings(**read, services=services)

    def write_settings(self, settings: Settings) -> None:
        write_whole(self.settings_file, json.dumps(asdict(settings), indent=2) + "\n", 0o600)


def write_whole(path: Path, content: str, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old one or the new one."""
    partial = path.with_name(f".{path.name}.partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(content)
    partial.replace(path)
