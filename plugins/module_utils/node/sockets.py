# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TCP sockets, as /proc/net/tcp and /proc/net/tcp6 tell them (proc(5))."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from dataclasses import dataclass

_ESTABLISHED = "01"
_LISTEN = "0A"


@dataclass(frozen=True)
class Socket:
    """``local`` and ``remote`` are written ``ip:port``, IPv6 in brackets, IPv4 in IPv6 as IPv4."""

    local: str
    remote: str
    port: int
    inode: int


class Sockets:
    """The TCP sockets that a network namespace has. ``root`` is where proc(5) is mounted."""

    def __init__(self, root: str = "/proc"):
        self._root = root

    def listening(self) -> list[Socket]:
        """Every listening socket of our own network namespace."""
        return self._of("self", _LISTEN)

    def established(self, pid: int) -> list[Socket]:
        """Every established socket of the network namespace of process ``pid``, whoever holds it."""
        return self._of(str(pid), _ESTABLISHED)

    def _of(self, pid: str, state: str) -> list[Socket]:
        found = []
        for name in ("tcp", "tcp6"):
            try:
                with open(os.path.join(self._root, pid, "net", name), encoding="ascii") as file:
                    found += parse(file.read(), state)
            except OSError:
                continue  # no IPv6 here, or the process has just ended
        return found


def parse(text: str, state: str) -> list[Socket]:
    """The sockets in ``state`` (two hexadecimal digits) of the text of /proc/net/tcp or tcp6."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if fields[3] == state:
            local, port = _address(fields[1])
            remote, remote_port = _address(fields[2])
            found.append(Socket(endpoint(local, port), endpoint(remote, remote_port), port, int(fields[9])))
    return found


def _address(text: str) -> tuple[str, int]:
    address, port = text.split(":")
    words = [int(address[at:at + 8], 16) for at in range(0, len(address), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, packed), int(port, 16)


def endpoint(address: str, port: int) -> str:
    """``ip:port`` in one spelling."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return f"[{parsed.compressed}]:{port}"
        parsed = parsed.ipv4_mapped
    return f"{parsed.compressed}:{port}"


def resolve(endpoints: list[str]) -> set[str]:
    """Every address of every ``host:port``, as this host resolves it; names that do not resolve are left out."""
    found = set()
    for text in endpoints:
        host, dummy, port = text.rpartition(":")
        try:
            answers = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        except OSError:
            continue
        found |= {endpoint(answer[4][0].split("%")[0], answer[4][1]) for answer in answers}
    return found
