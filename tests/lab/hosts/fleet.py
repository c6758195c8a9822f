# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a lab: made together, found again, destroyed without trace, a killed run's too."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import processes
from lab.hosts import image, network
from lab.hosts.host import Bind, Host, kill_group

PLACES = Path("/run/atlasdb-lab")
"""Each lab has a file system in memory here; its name is the lab's id."""

SUDOERS = f"{image.LOGIN} ALL=(root) NOPASSWD: /bin/sh -c *\n"
"""As docs/privileges.md has it."""
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_OF_HOSTS = 1024
LIMIT_BEFORE = "inotify"
MANY = 20
"""Beyond this many hosts of all labs, the kernel's default for inotify does not do."""


class Hosts:
    """Hosts by name, in the order of their numbers."""

    def __init__(self, lab_id: str, names: Sequence[str]):
        self.hub = lab_id
        self.place = PLACES / lab_id
        self.key = self.place / "ssh/key"
        self.known_hosts = self.place / "ssh/known_hosts"
        self.all = {name: Host(lab_id, self.place / name, name, number) for number, name in enumerate(names, 1)}

    def __getitem__(self, name: str) -> Host:
        return self.all[name]

    @classmethod
    def make(cls, names: Sequence[str], owned: bool = False) -> Hosts:
        """Networks and roots, in which files can be laid; those whose owner has gone are destroyed first.

        `owned`: they are this process's, and the next `make` destroys them if it has gone. Raises NotAvailable, and
        RuntimeError; nothing is left then.
        """
        destroy_orphans()
        base = image.root()
        hosts = cls(f"lab-{secrets.token_hex(4)}", names)
        try:
            hosts._make(base, owned)
        except BaseException:
            destroy(hosts.hub)
            raise
        return hosts

    @classmethod
    def up(cls, names: Sequence[str], owned: bool = False) -> Hosts:
        """Bare hosts, booted. Raises as `make` and `boot` do; nothing is left then."""
        hosts = cls.make(names, owned)
        try:
            hosts.boot()
        except BaseException:
            hosts.down()
            raise
        return hosts

    def boot(self, binds: tuple[Bind, ...] = ()) -> None:
        """All at once, until all of them are up. Raises RuntimeError where one does not come up."""
        self.each(lambda host: host.boot(binds))
        self.each(Host.wait_booted)

    def _make(self, base: Path, owned: bool) -> None:
        self.place.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "lab", self.place], check=True)
        owner = processes.identify(os.getpid()) if owned else None
        (self.place / "lab.json").write_text(json.dumps({"names": list(self.all), "owner": owner}))
        if _count() > MANY:
            _raise_inotify()
        network.make_hub(self.hub)
        self._make_key(base)
        names = "".join(f"{host.address} {host.name}\n" for host in self.all.values())
        public = self.key.with_suffix(".pub").read_text()

        def make(host: Host) -> None:
            host.make(base)
            host.write("etc/hostname", f"{host.name}\n")
            host.write("etc/hosts", f"127.0.0.1 localhost\n{names}")
            host.write(f"etc/sudoers.d/{image.LOGIN}", SUDOERS, 0o440)
            keys = host.write(f"home/{image.LOGIN}/.ssh/authorized_keys", public, 0o600)
            owner = keys.parents[1].stat()
            for path in (keys, keys.parent):
                os.chown(path, owner.st_uid, owner.st_gid)

        self.each(make)

    def _make_key(self, base: Path) -> None:
        self.key.parent.mkdir(mode=0o700)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.hub, "-f", self.key], check=True)
        kind, key = (base / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2]
        self.known_hosts.write_text("".join(f"{host.address} {kind} {key}\n" for host in self.all.values()))

    @classmethod
    def attach(cls, lab_id: str) -> Hosts:
        """Raises RuntimeError where there are none of that id."""
        try:
            return cls(lab_id, _about(PLACES / lab_id)["names"])
        except FileNotFoundError:
            raise RuntimeError(f"There are no hosts {lab_id}.") from None

    def each(self, do: Callable[[Host], object]) -> None:
        """Side by side; raises the first failure after all have ended."""
        with ThreadPoolExecutor(8) as workers:
            begun = [workers.submit(do, host) for host in self.all.values()]
        for one in begun:
            one.result()

    def inside(self) -> contextlib.AbstractContextManager[None]:
        """The calling thread, and what it starts in the block, is in the network of these hosts."""
        return network.inside(self.hub)

    def connection(self) -> dict[str, object]:
        """The variables by which Ansible reaches them, from inside their network, as a user who is not root."""
        options = (
            f"-F /dev/null -o UserKnownHostsFile={self.known_hosts} -o ControlMaster=auto -o ControlPersist=10s"
            " -o ServerAliveInterval=2 -o ServerAliveCountMax=3"
        )
        return {
            "ansible_user": image.LOGIN,
            "ansible_become": True,
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_remote_tmp": "~/.ansible/tmp",
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_args": options,
            "ansible_control_path_dir": str(self.key.parent),
        }

    def addresses(self) -> dict[str, dict]:
        """The hosts of an inventory."""
        return {name: {"ansible_host": host.address} for name, host in self.all.items()}

    def down(self) -> None:
        destroy(self.hub)


def destroy(lab_id: str) -> None:
    """End the lab's hosts and whatever else runs in their network, and remove all that they had.

    Raises RuntimeError where something cannot be ended.
    """
    place = PLACES / lab_id
    kill_group(image.control_groups() / lab_id)
    for name in network.namespaces(lab_id):
        left = [found for pid in network.processes_in(name) if (found := processes.identify(pid))]
        if left := processes.end(left, grace=0):
            raise RuntimeError(f"These processes in the network {name} cannot be ended: {left}")
        network.remove(name)
    for mounted in reversed(_mounts_below(place)):
        subprocess.run(["umount", "--lazy", mounted], check=True)
    with contextlib.suppress(FileNotFoundError):
        place.rmdir()
    if not _places():
        _lower_inotify()
    with contextlib.suppress(OSError):  # those of other labs are there
        PLACES.rmdir()


def destroy_orphans() -> None:
    """The hosts whose owner has gone. Raises RuntimeError as `destroy` does."""
    for place in _places():
        try:
            owner = _about(place)["owner"]
        except FileNotFoundError:
            continue
        if owner is not None and not processes.is_alive(processes.Process(*owner)):
            destroy(place.name)


def _places() -> list[Path]:
    """Of all labs."""
    return list(PLACES.glob("lab-*"))


def _count() -> int:
    """Hosts of all labs."""
    found = 0
    for place in _places():
        with contextlib.suppress(FileNotFoundError):  # it comes or goes
            found += len(_about(place)["names"])
    return found


def _about(place: Path) -> dict:
    return json.loads((place / "lab.json").read_text())


def _mounts_below(place: Path) -> list[str]:
    mounted = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [path for path in mounted if path == str(place) or path.startswith(f"{place}/")]


def _raise_inotify() -> None:
    """What the limit was stands in a file, until the last lab has gone."""
    before = INOTIFY.read_text()
    if int(before) < INOTIFY_OF_HOSTS:
        (PLACES / LIMIT_BEFORE).write_text(before)
        INOTIFY.write_text(str(INOTIFY_OF_HOSTS))


def _lower_inotify() -> None:
    with contextlib.suppress(FileNotFoundError):
        INOTIFY.write_text((PLACES / LIMIT_BEFORE).read_text())
        (PLACES / LIMIT_BEFORE).unlink()
