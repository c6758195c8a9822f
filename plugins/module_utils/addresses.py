# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IP addresses and TCP endpoints, whatever their spelling."""

from __future__ import annotations

import ipaddress
import socket


def spelled(address: str) -> str:
    """``address`` in one spelling, IPv4 in IPv6 as IPv4. Raises ValueError for what is none."""
    parsed = ipaddress.ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).compressed


def split(endpoint: str) -> tuple:
    """Address and port of ``ip:port``, an IPv6 address without its brackets."""
    address, dummy, port = endpoint.rpartition(":")
    return address.strip("[]"), int(port)


def addresses_of(host: str) -> list:
    """Every address of ``host``, a name or an address, as this machine resolves it; none where it does not."""
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return sorted({spelled(answer[4][0].split("%")[0]) for answer in answers})


class AddressSet:
    """Those that are named, and those in a network that is named: ``10.0.0.5``, ``10.1.0.0/16``."""

    def __init__(self, named: list):
        """Raises ValueError for what is neither an address nor a network."""
        self._addresses = {spelled(text) for text in named if "/" not in text}
        self._networks = [ipaddress.ip_network(text, strict=False) for text in named if "/" in text]

    def __contains__(self, address: str) -> bool:
        one = spelled(address)
        if one in self._addresses:
            return True
        return bool(self._networks) and any(ipaddress.ip_address(one) in network for network in self._networks)


class Endpoints:
    """Every one of ``ports`` at every one of ``addresses``; at any address where none is named."""

    def __init__(self, addresses: list, ports: list):
        """Raises ValueError for an address that is none."""
        self._texts = addresses
        self._addresses = AddressSet(addresses)
        self._ports = set(ports)

    def __contains__(self, endpoint: str) -> bool:
        """Whether ``endpoint``, written ``ip:port`` as node.sockets writes it, is one of them."""
        address, port = split(endpoint)
        return port in self._ports and (not self._texts or address in self._addresses)

    def __str__(self) -> str:
        ports = ", ".join(str(port) for port in sorted(self._ports))
        return f"port {ports} of {', '.join(self._texts) or 'any host'}"
