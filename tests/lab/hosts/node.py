# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service's node on a host of its own: its files, what starts it, what it says."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from lab import templates
from lab.hosts import programs
from lab.hosts.host import Host
from lab.layout import Layout, ServiceSettings
from lab.processes import Process
from lab.service import Node

PORT = 8080
JOURNAL = "/var/lab/journal"
SHARED = "/var/lab/services"
TRUST_STORE = "/etc/atlasdb/ca.pem"
SMALL_DISK = 256 * 1024

UNIT = """\
[Unit]
Description={service}
After=network.target
StartLimitIntervalSec=0
[Service]
User={user}
WorkingDirectory={folder}
{environment}
ExecStart={command}
Restart=always
RestartSec=1
SuccessExitStatus=143
[Install]
WantedBy=multi-user.target
"""


INIT_HEADER = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides:          {service}
# Required-Start:    $network
# Required-Stop:     $network
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: {service}
### END INIT INFO
"""
CRON = """\
@reboot root {start}
* * * * * root {start}
"""
"""How a service without a manager of its own comes up after a reboot, and stays up."""


class HostNode(Node):
    """As a node of the lab, but on a host, managed as there, and asked at the host's address.

    `folder`, `install`, `runtime` and `script` are paths on the host; `config_path` and `runtime_path` the same files
    as this machine sees them.
    """

    def __init__(self, layout: Layout, service: ServiceSettings, host: Host):
        settings = next(node for node in service.nodes if node.name == host.name)
        super().__init__(layout, "", service, settings)
        self.on = host
        self.host = host.address
        self.url = f"http://{host.address}:{settings.port}"
        self.folder = f"/opt/{service.name}"
        self.install = f"{self.folder}/var/conf/install.yml"
        self.runtime = f"{self.folder}/var/conf/runtime.yml"
        self.root, self.runtime_root = "atlas", "atlasDbRuntime"
        self.kvs_stores = Path(f"{self.folder}/var/security/kvs-ca.pem"), Path(f"{self.folder}/var/security/kvs.pem")
        self.config_path = host.root / self.install.lstrip("/")
        self.runtime_path = host.root / self.runtime.lstrip("/")
        self.pid_file = Path(f"{self.folder}/var/run/{service.name}.pid")
        self.script = {
            "systemd": "", "sysvinit": f"/etc/init.d/{service.name}", "sls": f"{self.folder}/service/bin/init.sh",
            "command": f"{self.folder}/bin/{service.name}",
        }[service.manager]  # fmt: skip
        if service.manager == "sysvinit":
            self.pid_file = Path(f"/run/{service.name}.pid")

    def lay_out(self, key_value_service: str, service_urls: list[str], stores: tuple[Path, Path] | None = None) -> None:
        """Its folder, configuration and whatever starts it, before the host boots.

        `stores`, of this machine: for trust and its own keys, where its key-value service speaks TLS.
        """
        service = self.service.name
        leader = templates.leader_block(service_urls, self.url, TRUST_STORE) if self.service.leader else ""
        install = templates.INSTALL.format(
            node=self.name, port=self.port, service=service, root=self.root, leader=leader,
            key_value_service=key_value_service,
        )  # fmt: skip
        user = programs.add_user(self.on)
        self.on.write(self.install, install, 0o600)
        self.on.write(self.runtime, templates.RUNTIME.format(root=self.runtime_root), 0o600)
        for source, target in zip(stores or (), self.kvs_stores, strict=False):
            self.on.write(str(target), source.read_text(), 0o600)
        for folder in ("run", "log"):
            (self.on.root / self.folder.lstrip("/") / "var" / folder).mkdir()
        programs.give(self.on, self.folder, user)
        if self.service.manager == "systemd":
            unit = UNIT.format(
                service=service, user=programs.USER, folder=self.folder, environment=programs.environment(),
                command=self.command(),
            )  # fmt: skip
            programs.add_unit(self.on, f"{service}.service", unit, "multi-user.target")
        else:
            self._write_script()

    def give_small_disk(self) -> None:
        """Its configuration has a disk of its own; before it is written."""
        place = self.config_path.parent
        place.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "lab", place], check=True)

    def fill_disk(self) -> None:
        fill = f"head -c {SMALL_DISK} /dev/zero > {self._fill}"
        self.on.run("sh", "-c", fill, check=False)

    def free_disk(self) -> None:
        self.on.run("rm", "--force", self._fill)

    @property
    def _fill(self) -> str:
        return f"{self.folder}/var/conf/fill"

    def _write_script(self) -> None:
        script = templates.SCRIPT.format(
            node=self.name, service=self.service.name, unit=self.folder, pid_file=self.pid_file,
            python_path=programs.PYTHON_PATH, lab_variable="LAB_HOST", lab_id=self.name, command=self.command(),
        )  # fmt: skip
        if self.service.manager == "sysvinit":
            script = script.replace("#!/bin/sh\n", INIT_HEADER.format(service=self.service.name), 1)
        else:
            self.on.write(f"/etc/cron.d/{self.service.name}", CRON.format(start=self.start_command))
        self.on.write(self.script, script, 0o755)
        if self.service.manager == "sysvinit":
            subprocess.run(["chroot", self.on.root, "update-rc.d", self.service.name, "defaults"], check=True)
        if self.service.manager == "sls":
            self.on.write(f"{self.folder}/service/lib/atlasdb-client-{self.service.version}.jar", "")

    def variables(self) -> dict[str, object]:
        """What an inventory says of it."""
        manager, service = self.service.manager, self.service.name
        variables = {
            "atlasdb_service_manager": manager, "atlasdb_config_path": self.install,
            "atlasdb_service_unit": self.folder if manager == "sls" else service,
            "atlasdb_runtime_config_path": self.runtime, "atlasdb_service_ports": [self.port],
            "atlasdb_health_url": f"http://127.0.0.1:{self.port}/health",
        }  # fmt: skip
        if manager != "sls":
            variables["atlasdb_version"] = self.service.version
        if manager == "command":
            variables |= {
                "atlasdb_start_command": self.start_command, "atlasdb_stop_command": self.stop_command,
                "atlasdb_pid_file": str(self.pid_file),
            }  # fmt: skip
        return variables

    def command(self, config_path: str | None = None) -> str:
        return templates.node_command(
            {
                "config": config_path or self.install, "runtime": self.runtime, "root": self.root,
                "runtime-root": self.runtime_root, "service": self.service.name, "node": self.name,
                "shared": f"{SHARED}/{self.service.name}/shared", "journal": JOURNAL,
                "atlasdb-version": self.service.version, "listen": "0.0.0.0",
            },
            python="/usr/bin/python3",
        )  # fmt: skip

    def _words(self, what: str) -> list[str]:
        return ["systemctl", what, self.service.name] if self.service.manager == "systemd" else [self.script, what]

    @property
    def start_command(self) -> str:
        return shlex.join(self._words("start"))

    @property
    def stop_command(self) -> str:
        return shlex.join(self._words("stop"))

    def start(self) -> None:
        """As a person on the host does it."""
        self.on.run(*self._words("start"))

    def stop(self) -> None:
        self.on.run(*self._words("stop"))

    def process(self) -> Process | None:
        """As the host counts processes."""
        found = self.on.run("pgrep", "--full", f"lab[.]node .*--node {self.name}", check=False).stdout.split()
        return Process(int(found[0]), 0) if found else None

    def log(self) -> str:
        if self.service.manager == "systemd":
            return programs.log(self.on, self.service.name)
        path = f"{self.folder}/var/log/{self.service.name}.log"
        return self.on.run("tail", "-n40", path, check=False).stdout
