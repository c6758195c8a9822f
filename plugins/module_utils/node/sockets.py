# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TCP sockets, as /proc/net/tcp and /proc/net/tcp6 tell them (proc(5))."""

from __future__ import annotations

import functools
import ipaddress
import os
import socket
import struct
from dataclasses import dataclass

from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

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

    def all_established(self) -> list[Socket]:
        """Every established socket of our own network namespace, whoever holds it."""
        return self._of("self", _ESTABLISHED)

    def outgoing(self) -> list[Socket]:
        """Those of our own network namespace that nothing which listens there took in."""
        listening = {found.local for found in self.listening()}
        return [
            found
            for found in self.all_established()
            if not listening & {found.local, f"0.0.0.0:{found.port}", f"[::]:{found.port}"}
        ]

    def incoming(self, ports: list[int]) -> list[Socket]:
        """Those of our own network namespace whose local port is one of ``ports``."""
        return [found for found in self.all_established() if found.port in ports]

    def addresses(self) -> list[str]:
        """The addresses that our own network namespace has, without those of the loopback interface's network."""
        found = set()
        for name, read in (("fib_trie", own_ipv4), ("if_inet6", own_ipv6)):
            try:
                found |= read(self._read(f"self/net/{name}"))
            except OSError:
                continue  # no such protocol here, or the kernel does not tell
        return sorted(address for address in found if not ipaddress.ip_address(address).is_loopback)

    def _of(self, pid: str, state: str) -> list[Socket]:
        found = []
        for name in ("tcp", "tcp6"):
            try:
                found += parse(self._read(f"{pid}/net/{name}"), state)
            except OSError as error:
                if (pid, name) == ("self", "tcp"):
                    raise Refusal("probe-blind", f"The sockets of this host cannot be read: {error}.") from error
                continue  # no IPv6 here, or the process has just ended
        return found

    def _read(self, name: str) -> str:
        with open(os.path.join(self._root, name), encoding="ascii") as file:
            return file.read()


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


def own_ipv4(text: str) -> set[str]:
    """The addresses of the host by the text of /proc/net/fib_trie."""
    found = set()
    address = ""
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            address = words[1]
        elif words[-2:] == ["host", "LOCAL"] and words[0] == "/32":
            found.add(address)
    return found


def own_ipv6(text: str) -> set[str]:
    """The addresses of the host by the text of /proc/net/if_inet6."""
    return {ipaddress.IPv6Address(int(line.split()[0], 16)).compressed for line in text.splitlines()}


def _address(text: str) -> tuple[str, int]:
    address, port = text.split(":")
    words = [int(address[at:at + 8], 16) for at in range(0, len(address), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, packed), int(port, 16)


def endpoint(address: str, port: int) -> str:
    """``ip:port`` in one spelling."""
    return f"{_spelling(address)}:{port}"


@functools.lru_cache(maxsize=4096)
def _spelling(address: str) -> str:
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return f"[{parsed.compressed}]"
        parsed = parsed.ipv4_mapped
    return parsed.compressed


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
