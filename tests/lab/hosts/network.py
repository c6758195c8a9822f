# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of a lab's hosts: a namespace of its own with a bridge, and one for each host, linked to nothing else.

The controller, the stores, and whatever asks the hosts anything run in the hub; it has the bridge's address.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

NAMESPACES = Path("/run/netns")
NETWORK = ipaddress.IPv4Network("10.77.0.0/16")
HUB_ADDRESS = str(NETWORK.broadcast_address - 1)
STORE_ADDRESS, *OTHER_ADDRESSES = (str(NETWORK.broadcast_address - offset) for offset in range(2, 13))
"""Further addresses of the hub, for stores: who loses the controller does not lose them."""

_CLONE_NEWNET = 0x40000000


def ip(*arguments: str) -> None:
    """Raises RuntimeError with what ip(8) said."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def host_address(number: int) -> str:
    """Of the host with this number, counted from 1."""
    return str(NETWORK.network_address + number)


def namespace_path(name: str) -> Path:
    return NAMESPACES / name


def make_hub(hub: str) -> None:
    ip("netns", "add", hub)
    ip("-n", hub, "link", "set", "lo", "up")
    ip("-n", hub, "link", "add", "br0", "type", "bridge")
    for address in (HUB_ADDRESS, STORE_ADDRESS, *OTHER_ADDRESSES):
        ip("-n", hub, "address", "add", f"{address}/{NETWORK.prefixlen}", "dev", "br0")
    ip("-n", hub, "link", "set", "br0", "up")


def make_host(hub: str, name: str, number: int) -> None:
    """A namespace with one link, `eth0`, whose other end `h<number>` is in the hub's bridge."""
    ip("netns", "add", name)
    ip("link", "add", link(number), "netns", hub, "type", "veth", "peer", "name", "eth0", "netns", name)
    ip("-n", hub, "link", "set", link(number), "master", "br0", "up")
    ip("-n", name, "address", "add", f"{host_address(number)}/{NETWORK.prefixlen}", "dev", "eth0")
    ip("-n", name, "link", "set", "lo", "up")
    ip("-n", name, "link", "set", "eth0", "up")


def link(number: int) -> str:
    """The hub's end of a host's link."""
    return f"h{number}"


def namespaces(prefix: str) -> list[str]:
    """Those with such names, the hub and the hosts of a lab."""
    return sorted(path.name for path in NAMESPACES.glob(f"{prefix}*"))


def remove(name: str) -> None:
    ip("netns", "del", name)


def processes_in(name: str) -> list[int]:
    """The pids of what runs in the namespace, ourselves left out."""
    done = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
    return [int(pid) for pid in done.stdout.split() if int(pid) != os.getpid()]


@contextlib.contextmanager
def inside(hub: str) -> Iterator[None]:
    """The calling thread, and whatever it starts in the block, is in the hub's network."""
    with open("/proc/thread-self/ns/net", "rb") as before, open(namespace_path(hub), "rb") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(before.fileno())


def _enter(descriptor: int) -> None:
    # os.setns is there since Python 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
