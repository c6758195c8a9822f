# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts for TimeLock servers, an inventory of them, the playbook run on it, and the timestamps that a client takes."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock.client import TimeLock

from fleet import Run, wait_for
from lab import playbooks
from lab.hosts import network
from lab.hosts.fleet import Hosts
from lab.hosts.timelock import JAVA
from lab.timelock import package

ROOT = "opt/timelock"
VERSIONS = ("0.139.0", "0.408.0", "0.1174.0", "0.1175.0", "0.1176.0")
NAMES = ("tl-1", "tl-2", "tl-3")
OPEN_FILES = 4096
"""Which no server has by itself, and fewer than a machine may allow its containers."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Nothing."""


class Servers:
    """Three hosts that become, or are, a TimeLock cluster."""

    def __init__(self, hosts: Hosts, folder: Path):
        self.hosts = hosts
        self.runs: list[Run] = []
        self._folder = folder
        self._checksums = {version: package.write_package(self.path(version), version) for version in VERSIONS}
        for host in hosts.all.values():
            package.write_java(host.root / JAVA)

    @contextlib.contextmanager
    def web(self) -> Iterator[str]:
        """A server of the web with the packages, in the hosts' network; its URL."""
        handler = functools.partial(_Quiet, directory=self._folder)
        with self.hosts.inside():
            server = ThreadingHTTPServer((network.HUB_ADDRESS, 0), handler)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://{network.HUB_ADDRESS}:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            serving.join(60)

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
            "timelock_server_open_files": OPEN_FILES,
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

    def await_all(self) -> None:
        """Until every server answers."""

        def answer() -> bool:
            with self.hosts.inside(), contextlib.suppress(Refusal):
                return all(node["reachable"] for node in self.client().nodes())
            return False

        wait_for(answer, "every server answers")

    def process(self, name: str) -> str:
        """The server's process there, by its number; 0 for none."""
        return self.hosts[name].run("pgrep", "--full", "lab.timelock.server", check=False).stdout.strip() or "0"

    def open_files(self, name: str) -> list[int]:
        """How many files the server's process there may have open: soft and hard."""
        text = self.hosts[name].run("cat", f"/proc/{self.process(name)}/limits").stdout
        (line,) = (line for line in text.splitlines() if line.startswith("Max open files"))
        return [int(word) for word in line.split()[3:5]]

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
