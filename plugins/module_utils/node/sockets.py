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


@dataclass(frozen=True)
class Table:
    """The TCP sockets of a network namespace at one moment, whoever holds them."""

    listening: list[Socket]
    established: list[Socket]

    def outgoing(self) -> list[Socket]:
        """The established ones that nothing which listens here took in."""
        listening = {found.local for found in self.listening}
        return [
            found
            for found in self.established
            if not listening & {found.local, f"0.0.0.0:{found.port}", f"[::]:{found.port}"}
        ]

    def incoming(self, ports: list[int]) -> list[Socket]:
        """The established ones whose local port is one of ``ports``."""
        return [found for found in self.established if found.port in ports]


class Sockets:
    """What proc(5), mounted at ``root``, tells of TCP sockets.

    The kernel walks through its whole table for each reading, which takes it some ten milliseconds.
    """

    def __init__(self, root: str = "/proc"):
        self._root = root

    def table(self) -> Table:
        """Of our own network namespace. Raises Refusal probe-blind where it cannot be read."""
        return self._table("self")

    def table_of(self, pid: int, own: Table) -> Table:
        """Of the network namespace of process ``pid``: ``own``, where it is ours."""
        ours, its = self._namespace("self"), self._namespace(str(pid))
        return own if ours and ours == its else self._table(str(pid))

    def _namespace(self, pid: str) -> str | None:
        try:
            return os.readlink(os.path.join(self._root, pid, "ns/net"))
        except OSError:
            return None  # it has ended, or is not ours to look at

    def addresses(self) -> list[str]:
        """The addresses that our own network namespace has, without those of the loopback interface's network."""
        found = set()
        for name, read in (("fib_trie", own_ipv4), ("if_inet6", own_ipv6)):
            try:
                found |= read(self._read(f"self/net/{name}"))
            except OSError:
                continue  # no such protocol here, or the kernel does not tell
        return sorted(address for address in found if not ipaddress.ip_address(address).is_loopback)

    def _table(self, pid: str) -> Table:
        found = []
        for name in ("tcp", "tcp6"):
            try:
                found += parse(self._read(f"{pid}/net/{name}"))
            except OSError as error:
                if (pid, name) == ("self", "tcp"):
                    raise Refusal("probe-blind", f"The sockets of this host cannot be read: {error}.") from error
                continue  # no IPv6 here, or the process has just ended
        return Table(*([one for state, one in found if state == wanted] for wanted in (_LISTEN, _ESTABLISHED)))

    def _read(self, name: str) -> str:
        with open(os.path.join(self._root, name), encoding="ascii") as file:
            return file.read()


def parse(text: str) -> list[tuple[str, Socket]]:
    """The sockets that listen or are established, by the text of /proc/net/tcp or tcp6, each with its state (two
    hexadecimal digits)."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if fields[3] in (_LISTEN, _ESTABLISHED):
            local, port = _address(fields[1])
            remote, remote_port = _address(fields[2])
            socket_of_line = Socket(endpoint(local, port), endpoint(remote, remote_port), port, int(fields[9]))
            found.append((fields[3], socket_of_line))
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
