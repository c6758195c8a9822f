# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts for TimeLock servers, an inventory of them, the playbook run on it, and the timestamps that a client takes."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import yaml
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock.client import TimeLock

from fleet import Run
from lab import playbooks
from lab.hosts.fleet import Hosts
from lab.hosts.timelock import JAVA
from lab.timelock import package

ROOT = "opt/timelock"
VERSIONS = ("0.408.0", "0.1174.0", "0.1175.0")
NAMES = ("tl-1", "tl-2", "tl-3")


class Servers:
    """Three hosts that become, or are, a TimeLock cluster."""

    def __init__(self, hosts: Hosts, folder: Path):
        self.hosts = hosts
        self.runs: list[Run] = []
        self._folder = folder
        self._checksums = {version: package.write_package(self.path(version), version) for version in VERSIONS}
        for host in hosts.all.values():
            package.write_java(host.root / JAVA)

    def path(self, version: str) -> Path:
        return self._folder / f"timelock-server-{version}.sls.tgz"

    def begin(self, version: str, *arguments: str, names: tuple[str, ...] = NAMES, **variables: object) -> Run:
        """Start the playbook for the hosts of these names."""
        everything = {
            **self.hosts.connection(),
            "timelock_server_version": version,
            "timelock_server_distribution": str(self.path(version)),
            "timelock_server_checksum": self._checksums[version],
            "timelock_server_lab_ca": True,
            "timelock_server_start_timeout": 60,
            **variables,
        }
        group = {"hosts": {name: {"ansible_host": self.hosts[name].address} for name in names}}
        inventory = self._folder / "inventory.yml"
        inventory.write_text(yaml.safe_dump({"all": {"vars": everything, "children": {"timelock_servers": group}}}))
        number = next(n for n in itertools.count() if not (self._folder / f"run-{n}").exists())
        command = playbooks.command(inventory, "timelock_servers.yml", *arguments)
        with self.hosts.inside():
            self.runs.append(Run(self._folder / f"run-{number}", command, (), {}))
        return self.runs[-1]

    def play(self, version: str, *arguments: str, **settings: object) -> Run:
        return self.begin(version, *arguments, **settings).wait()

    @property
    def urls(self) -> list[str]:
        return [f"https://{self.hosts[name].address}:8421" for name in NAMES]

    def client(self) -> TimeLock:
        return TimeLock(self.urls, ca_path=str(self._folder / "timelock-lab-ca/ca.pem"))

    def fresh(self, namespace: str) -> int:
        with self.hosts.inside():
            return self.client().fresh_timestamp(namespace)

    def process(self, name: str) -> str:
        """The server's process there, by its number; 0 for none."""
        return self.hosts[name].run("systemctl", "show", "--value", "--property=MainPID", "timelock").stdout.strip()

    def processes(self) -> dict[str, str]:
        return {name: self.process(name) for name in NAMES}

    def file(self, name: str, path: str) -> Path:
        """A file below the role's root on that host, as this machine sees it."""
        return self.hosts[name].root / ROOT / path

    def record(self, name: str) -> dict:
        return json.loads(self.file(name, "cluster.json").read_text())

    def configuration(self, name: str) -> dict:
        return yaml.safe_load(self.file(name, "var/conf/timelock.yml").read_text())

    @contextlib.contextmanager
    def load(self, namespace: str) -> Iterator[list[int]]:
        """Timestamps taken one after the other while the block runs, each by a client of its own."""
        taken: list[int] = []
        ended = threading.Event()

        def take() -> None:
            with self.hosts.inside():
                while not ended.is_set():
                    with contextlib.suppress(Refusal):
                        taken.append(self.client().fresh_timestamp(namespace))
                    time.sleep(0.02)

        taker = threading.Thread(target=take)
        taker.start()
        try:
            yield taken
        finally:
            ended.set()
            taker.join(60)
