# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service's nodes as a test sees them: files, start and stop, faults."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

from lab import processes, templates
from lab.layout import Layout, NodeSettings, ServiceSettings, write_whole
from lab.processes import Process

TESTS = str(Path(__file__).resolve().parent.parent)
HEALTH_SECONDS = 30.0
MOVE_SECONDS = 60.0
"""Longer than a node tries to move its bound (limits.py), which it may have to for a range."""


class Node:
    """One node. `unit` is its folder, `config_path` its install file, `runtime_path` a second one or None."""

    def __init__(self, layout: Layout, lab_id: str, service: ServiceSettings, settings: NodeSettings):
        self._lab_id = lab_id
        self._journal = layout.journal
        self._shared = layout.shared(service.name)
        self.service = service
        self.name = settings.name
        self.port = settings.port
        self.address = settings.address
        self.host = "127.0.0.1"
        self.url = f"http://{self.host}:{settings.port}"
        self.unit = layout.unit(service.name, settings.name)
        self.config_path = self.unit / "var/conf/install.yml"
        sls = service.manager == "sls"
        self.runtime_path = None if sls else self.unit / "var/conf/runtime.yml"
        self.root = "atlasdb" if sls else "atlas"
        self.runtime_root = "atlasdb-runtime" if sls else "atlasDbRuntime"
        self.script = self.unit / ("service/bin/init.sh" if sls else f"bin/{service.name}")
        self.pid_file = self.unit / f"var/run/{service.name}.pid"
        self.log_path = self.unit / f"var/log/{service.name}.log"

    def write(self, key_value_service: str, service_urls: list[str], trust_store: Path) -> None:
        """Its folder, configuration and start script, as before a migration; `key_value_service`: that block."""
        for folder in ("var/conf", "var/run", "var/log", "var/data/paxos"):
            (self.unit / folder).mkdir(parents=True)
        self.script.parent.mkdir(parents=True)
        if self.service.manager == "sls":
            library = self.unit / "service/lib"
            library.mkdir()
            (library / f"atlasdb-client-{self.service.version}.jar").touch()
        leader = templates.leader_block(service_urls, self.url, trust_store) if self.service.leader else ""
        install = templates.INSTALL.format(
            node=self.name, port=self.port, service=self.service.name, root=self.root, leader=leader,
            key_value_service=key_value_service,
        )  # fmt: skip
        runtime = templates.RUNTIME.format(root=self.runtime_root)
        if self.runtime_path is None:
            install += "\n" + runtime
        else:
            write_whole(self.runtime_path, runtime, 0o600)
        write_whole(self.config_path, install, 0o600)
        script = templates.SCRIPT.format(
            node=self.name, service=self.service.name, unit=shlex.quote(str(self.unit)),
            pid_file=shlex.quote(str(self.pid_file)),
            python_path=shlex.quote(_python_path()), lab_variable=processes.LAB_VARIABLE, lab_id=self._lab_id,
            command=self.command(),
        )  # fmt: skip
        write_whole(self.script, script, 0o755)

    def command(self, config_path: Path | None = None) -> str:
        """The command line of the node's process, by default with its own install file."""
        options = {
            "config": str(config_path or self.config_path),
            "root": self.root, "runtime-root": self.runtime_root,
            "service": self.service.name, "node": self.name, "shared": str(self._shared),
            "journal": str(self._journal), "atlasdb-version": self.service.version,
        }  # fmt: skip
        if self.address:
            options["address"] = self.address
        if self.runtime_path is not None:
            options["runtime"] = str(self.runtime_path)
        return templates.node_command(options)

    @property
    def start_command(self) -> str:
        return shlex.join([str(self.script), "start"])

    @property
    def stop_command(self) -> str:
        return shlex.join([str(self.script), "stop"])

    def start(self) -> None:
        """Through its start script, which does not wait. Raises CalledProcessError."""
        subprocess.run([self.script, "start"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        """Through its start script, which waits until the process is gone. Raises CalledProcessError."""
        process = self.process()
        subprocess.run([self.script, "stop"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        if process is not None:
            # The script does not see that the first thread is gone and another is not.
            processes.wait_gone([process], 5)

    def start_with(self, config_path: Path, log_path: Path) -> subprocess.Popen:
        """The node's process with another install file (a copy of the old one), past the start script.

        The pid file does not know of it; it is one of the lab's processes all the same.
        """
        with open(log_path, "ab") as log:
            return subprocess.Popen(
                ["/bin/sh", "-c", f"exec {self.command(config_path)}"], cwd=self.unit, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PYTHONPATH": _python_path(), processes.LAB_VARIABLE: self._lab_id, "PATH": "/usr/bin:/bin"},
            )  # fmt: skip

    def process(self) -> Process | None:
        """The process that the pid file names, if it runs."""
        try:
            return processes.identify(int(self.pid_file.read_text()))
        except (OSError, ValueError):
            return None

    def _signal(self, number: signal.Signals) -> None:
        process = self.process()
        if process is None or not processes.send(process, number):
            raise RuntimeError(f"{self.name} does not run")
        if number == signal.SIGKILL:
            processes.wait_gone([process], 5)

    def kill(self) -> None:
        """SIGKILL. Raises RuntimeError if it does not run, as the other faults do."""
        self._signal(signal.SIGKILL)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def health(self) -> str | None:
        """None if it is healthy, else what is wrong."""
        try:
            status, body = self._ask("GET", "/health", 2)
        except (OSError, http.client.HTTPException) as error:
            return str(error)
        return None if status == 200 else str(json.loads(body)["trouble"])

    def mode(self) -> str | None:
        """`embedded`, `leader` or `timelock`; None if it does not answer."""
        try:
            return json.loads(self._ask("GET", "/health", 2)[1])["mode"]
        except (OSError, http.client.HTTPException):
            return None

    def wait_healthy(self, seconds: float = HEALTH_SECONDS) -> None:
        """Raises RuntimeError with the end of its log when it does not get healthy in time."""
        deadline = time.monotonic() + seconds
        while (trouble := self.health()) is not None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: {trouble}\n{self.log()[-2000:]}")
            time.sleep(0.02)

    def fresh(self, timeout: float = 20) -> int:
        """One timestamp, taken as the node's own load takes one. Raises RuntimeError, or TimeoutError when it hangs."""
        status, body = self._ask("POST", "/timestamp/fresh-timestamp", timeout)
        if status != 200:
            raise RuntimeError(json.loads(body))
        return json.loads(body)

    def fresh_range(self, count: int) -> tuple[int, int]:
        """Up to `count` timestamps: lowest and highest. Raises RuntimeError."""
        status, body = self._ask("POST", f"/timestamp/fresh-timestamps?number={count}", MOVE_SECONDS)
        if status != 200:
            raise RuntimeError(json.loads(body))
        answer = json.loads(body)
        return answer["lowerBound"], answer["upperBound"]

    def _ask(self, method: str, path: str, timeout: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


def _python_path() -> str:
    """Where a node finds this package, and whatever our own user finds by PYTHONPATH."""
    return os.pathsep.join(dict.fromkeys([TESTS, *os.environ.get("PYTHONPATH", "").split(os.pathsep)])).strip(
        os.pathsep
    )


class Service:
    """All nodes of one service."""

    def __init__(self, layout: Layout, lab_id: str, settings: ServiceSettings):
        self._layout = layout
        self.settings = settings
        self.name = settings.name
        self.nodes = [Node(layout, lab_id, settings, node) for node in settings.nodes]

    def write(self, key_value_service: str) -> None:
        self._layout.shared(self.name).mkdir(parents=True)
        for node in self.nodes:
            node.write(key_value_service, [other.url for other in self.nodes], self._layout.trust_store)

    def start(self) -> None:
        for node in self.nodes:
            node.start()

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def wait_healthy(self) -> None:
        for node in self.nodes:
            node.wait_healthy()

    def load(self, rate: float, span: int) -> None:
        """`rate` requests a second for each node (0: none), every other one for a range of `span` timestamps."""
        write_whole(self._layout.shared(self.name) / "load.json", json.dumps({"rate": rate, "span": span}))

    def leader(self) -> Node | None:
        """The node that leads now, by the name that the last leader has left."""
        try:
            url = (self._layout.shared(self.name) / "leader").read_text()
        except FileNotFoundError:
            return None
        return next((node for node in self.nodes if node.url == url), None)
