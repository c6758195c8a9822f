# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node in a folder: a configuration, a service, and one of the managers."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shlex
import shutil
import signal
import socket
import stat
import sys
import time
from pathlib import Path

from .in_process import Fault, Running, begin

PASSING = ("since", "seen", "hold_sha256", "boot_id", "ticks")
PARTS = Path(__file__).parent
RUN = {"epoch": 5, "run_id": "run-5", "operator": "alice@ops"}
HANDOVER = {"epoch": 5, "run_id": "run-5", "fresh_timestamp": "12345"}


class Host:
    """One node. ``extra``: more lines of its configuration."""

    def __init__(self, folder: Path, manager: str, port: int, extra: str = ""):
        self.folder = folder
        self.manager = manager
        self.port = port
        for name in ("var/conf", "var/run", "var/log", "service/bin", "service/lib", "units", "state", "bin"):
            (folder / name).mkdir(parents=True)
        self.config = folder / "var/conf/install.yml"
        self.runtime = folder / "var/conf/runtime.yml"
        self.old = f"# kept as it was: é\natlasdb: embedded\nport: {self.port}\n{extra}".encode()
        self.new = f"# kept as it was: é\natlasdb: timelock\nport: {self.port}\n{extra}".encode()
        self.config.write_bytes(self.old)
        self.config.chmod(0o640)
        self.runtime_old = b"atlasdb-runtime: {}\n"
        self.runtime.write_bytes(self.runtime_old)
        self.pid_file = folder / ("state/pid" if manager == "systemd" else "var/run/orders.pid")
        self._install("init.sh", folder / "service/bin/init.sh")
        self._install("systemctl", folder / "bin/systemctl")

    def _install(self, name: str, target: Path) -> None:
        text = (PARTS / name).read_text()
        marks = {
            "@PYTHON@": sys.executable, "@SERVICE@": PARTS / "service.py", "@CONFIG@": self.config,
            "@STATE@": self.folder / "state", "@UNITS@": self.folder / "units",
        }  # fmt: skip
        for mark, value in marks.items():
            text = text.replace(mark, str(value))
        target.write_text(text)
        target.chmod(0o755)

    @property
    def service(self) -> dict:
        common = {
            "manager": self.manager, "ports": [self.port], "health_url": f"http://127.0.0.1:{self.port}/health",
            "stop_timeout": 10, "start_timeout": 10,
        }  # fmt: skip
        if self.manager == "command":
            parts = (sys.executable, "-S", "-E", PARTS / "service.py", self.config, self.pid_file)
            start = shlex.join(map(str, parts))
            stop = shlex.join(map(str, ("/bin/sh", PARTS / "stop.sh", self.pid_file)))
            commands = {"start_command": start, "stop_command": stop, "pid_file": str(self.pid_file)}
            return {**common, "unit": "orders", **commands}
        return {**common, "unit": str(self.folder) if self.manager == "sls" else "orders"}

    def begin(self, module: str, fault: Fault | None = None, check: bool = False, **options) -> Running:
        run = {} if module == "node_info" else RUN
        service = {**self.service, **options.pop("service", {})}
        given = {"path": str(self.config), "service_name": "orders", "service": service, **run, **options}
        before = os.environ["PATH"]
        os.environ["PATH"] = f"{self.folder / 'bin'}:{before}"
        try:
            return begin(module, given, fault, check, str(self.folder / "units"))
        finally:
            os.environ["PATH"] = before

    def call(self, module: str, fault: Fault | None = None, check: bool = False, **options) -> dict:
        return self.begin(module, fault, check, **options).result()

    def info(self, **options) -> dict:
        return self.call("node_info", **options)

    def stage(self, content: bytes | None = None, source: bytes | None = None, **options) -> dict:
        return self.call(
            "node_stage",
            content_b64=base64.b64encode(content or self.new).decode(),
            source_sha256=hashlib.sha256(source or self.old).hexdigest(),
            **options,
        )

    def stage_both(self, runtime: bytes, **options) -> dict:
        return self.stage(
            runtime_path=str(self.runtime),
            runtime_content_b64=base64.b64encode(runtime).decode(),
            runtime_source_sha256=hashlib.sha256(self.runtime_old).hexdigest(),
            **options,
        )

    def offline(self, **options) -> dict:
        return self.call("node_offline", **options)

    def online(self, state: str, **options) -> dict:
        return self.call("node_online", **{"state": state, "handover": HANDOVER, **options})

    def start_by_manager(self) -> int:
        """What cron, a reboot or a colleague does; the exit status."""
        service = self.service
        command = {
            "systemd": f"{shlex.quote(str(self.folder))}/bin/systemctl start orders.service",
            "sls": f"{shlex.quote(str(self.folder))}/service/bin/init.sh start",
            "command": f"setsid {service.get('start_command')} >/dev/null 2>&1 &",
        }[self.manager]
        return os.waitstatus_to_exitcode(os.system(command))

    def up(self) -> Host:
        self.start_by_manager()
        assert wait_for(self.is_serving), "the test's own service did not start"
        return self

    def is_serving(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return b"200" in client.recv(100)
        return False

    def pid(self) -> int:
        return int(self.pid_file.read_text())

    def beside(self, name: str) -> Path:
        return self.config.parent / f".install.yml.timelock-{name}"

    def tree(self) -> dict[str, tuple]:
        """Every file with its bytes, mode, owner and time."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            status = path.lstat()
            data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[str(path)] = (data, status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns)
        return found

    def end_state(self) -> dict:
        """What two ways to the same end must agree on."""
        found = {}
        for path in sorted([*self.config.parent.iterdir(), *(self.folder / "units").rglob("*")]):
            data = path.read_bytes() if path.is_file() else b""
            if path.name.endswith(("-held", "-switched")):
                about = json.loads(data)
                data = {key: about[key] for key in about if key not in PASSING}
            elif path.name.endswith("-lock"):
                data = "lock"
            elif path == self.config and data.startswith(b"# held by"):
                data = "hold"
            found[path.name] = (data, stat.S_IMODE(path.lstat().st_mode))
        found["serving"] = self.is_serving()
        return found

    def save(self) -> None:
        """Keep the files as they are now, for ``restore``."""
        for name in ("var/conf", "units", "state"):
            shutil.copytree(self.folder / name, self.folder / "saved" / name)

    def restore(self) -> None:
        """End the service, and put the files back."""
        self.down()
        for name in ("var/conf", "units", "state"):
            shutil.rmtree(self.folder / name)
            shutil.copytree(self.folder / "saved" / name, self.folder / name)

    def down(self) -> None:
        """End what the test left running."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(self.pid(), signal.SIGKILL)


def wait_for(condition, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False
