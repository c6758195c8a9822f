# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host: booted, rebooted, run on, cut off."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lab.hosts import image, network

BOOT_SECONDS = 120.0
END_SECONDS = 30.0


@dataclass(frozen=True)
class Bind:
    """A folder of this machine that the host sees."""

    source: str
    target: str
    writable: bool = False

    @property
    def option(self) -> str:
        return f"--bind{'' if self.writable else '-ro'}={self.source}:{self.target}"


class Host:
    """A host by its name in the lab `lab_id`, whose files lie in `folder`. It need not exist yet."""

    def __init__(self, lab_id: str, folder: Path, name: str, number: int):
        self.name = name
        self.number = number
        self.address = network.host_address(number)
        self.hub = lab_id
        self.namespace = f"{lab_id}-{name}"
        self.folder = folder
        self.root = folder / "root"
        """The host's file system as this machine sees it; its /run and /tmp are elsewhere."""
        self._group = image.control_groups() / lab_id / name
        self._log = folder / "console.log"
        self._binds: tuple[Bind, ...] = ()

    def make(self, base: Path) -> None:
        """Its network and its root, in which files can be laid before it boots."""
        network.make_host(self.hub, self.namespace, self.number)
        for part in ("upper", "work", "root"):
            (self.folder / part).mkdir(parents=True)
        options = f"lowerdir={base},upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "lab", "-o", options, self.root], check=True)

    def boot(self, binds: tuple[Bind, ...] | None = None) -> None:
        """Start its first process; `wait_booted` waits for the rest. By default with the binds of the boot before."""
        if binds is not None:
            self._binds = binds
        self._group.mkdir(parents=True, exist_ok=True)
        command = [
            "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--resolv-conf=off", "--timezone=off",
            "--link-journal=no", f"--network-namespace-path={network.namespace_path(self.namespace)}",
            "-D", str(self.root), "-M", self.name, f"--hostname={self.name}",
            *(bind.option for bind in self._binds), "--boot",
        ]  # fmt: skip
        with open(self._log, "ab") as log:
            # The shell enters the control group and becomes the container, which so has it from its beginning.
            subprocess.Popen(
                ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', self._group / "cgroup.procs", *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={"PATH": os.environ["PATH"], "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )  # fmt: skip

    def wait_booted(self, all_well: bool = True) -> None:
        """Until every unit of the boot has ended; `all_well`: and none has failed. Raises RuntimeError."""
        deadline = time.monotonic() + BOOT_SECONDS
        while (state := self._state()) != "running":
            if state == "degraded":
                if not all_well:
                    return
                raise RuntimeError(f"{self.name}: {self.run('systemctl', '--failed', '--no-legend').stdout}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not boot ({state}): {self._console()}")
            time.sleep(0.1)

    def _state(self) -> str:
        try:
            return self.run("systemctl", "is-system-running", "--wait", check=False).stdout.strip()
        except RuntimeError as error:
            return str(error)

    def _console(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    def leader(self) -> int | None:
        """The pid of its first process, as this machine counts; None while it is down."""
        try:
            return int((self._group / "payload/init.scope/cgroup.procs").read_text().split()[0])
        except (OSError, IndexError):
            return None

    def run(
        self, *command: str, check: bool = True, stdin: str | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the host, as its root. Raises RuntimeError where it fails or the host is down."""
        leader = self.leader()
        if leader is None:
            raise RuntimeError(f"{self.name} is down")
        done = subprocess.run(
            ["nsenter", f"--target={leader}", "--all", "--", *command],
            input=stdin if stdin is not None else "", capture_output=True, text=True, timeout=timeout, check=False,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def write(self, path: str, content: str, mode: int = 0o644) -> Path:
        """A file of its root, also before it boots; its place as this machine sees it."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        place.chmod(mode)
        return place

    def power_off(self) -> None:
        """At once, as if its power had failed; its disk keeps what it has."""
        kill_group(self._group)

    def cut_off(self) -> None:
        """Nothing reaches it any more, and it reaches nothing."""
        network.ip("-n", self.hub, "link", "set", network.link(self.number), "down")

    def link_up(self) -> None:
        network.ip("-n", self.hub, "link", "set", network.link(self.number), "up")

    def forget(self, address: str) -> None:
        """It reaches that address no more."""
        self.run("ip", "route", "add", "blackhole", f"{address}/32")

    def remember(self, address: str) -> None:
        self.run("ip", "route", "del", "blackhole", f"{address}/32")


def kill_group(group: Path) -> None:
    """End all processes of a control group and of those below, and remove these. Raises RuntimeError."""
    if not group.exists():
        return
    (group / "cgroup.kill").write_text("1")
    deadline = time.monotonic() + END_SECONDS
    while "populated 1" in (group / "cgroup.events").read_text():
        if time.monotonic() > deadline:
            raise RuntimeError(f"What runs in {group} cannot be ended.")
        time.sleep(0.01)
    for folder, _folders, _files in os.walk(group, topdown=False):
        os.rmdir(folder)
