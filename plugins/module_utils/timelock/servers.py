# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The servers of a TimeLock cluster, as the operator lists them and as the servers name each other."""

from __future__ import annotations

import contextlib
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..refusal import Refusal

_FORM = "https://HOST:PORT or https://HOST:PORT/CONTEXT"
_HOST = re.compile(r"^[a-z0-9._:-]+\Z")
_PATH = re.compile(r"^(/[A-Za-z0-9._~-]+)*\Z")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Server:
    """One server's base: ``scheme`` http or https, ``host`` in lower case, ``port``, ``path`` "" or "/CONTEXT"."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def parse_server(url: str) -> Server:
    """The server that ``url`` names.

    Raises ValueError with a reason that repeats nothing of ``url``, which may hold a password.
    """
    if not isinstance(url, str):
        raise ValueError("it is no string")
    if "@" in url:
        raise ValueError("it carries a user name or password, which TimeLock does not have")
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise ValueError(f"it is not of the form {_FORM}") from None
    path = parts.path.rstrip("/")
    if parts.scheme not in _DEFAULT_PORTS or not _HOST.match(host) or port == 0 or "?" in url or "#" in url:
        raise ValueError(f"it is not of the form {_FORM}")
    if not _PATH.match(path) or ".." in path.split("/"):
        raise ValueError("its path is not a plain context path")
    return Server(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], path)


def parse_servers(urls: list) -> tuple[Server, ...]:
    """The servers listed, in their order.

    Raises Refusal: ``inventory-empty`` for none, ``timelock-not-timelock`` for what is no server's URL,
    ``timelock-clusters-differ`` for one that is listed twice (a quorum of such a list is none).
    """
    if not urls:
        raise Refusal("inventory-empty", "No TimeLock server is listed.")
    servers = []
    for number, url in enumerate(urls, start=1):
        try:
            server = parse_server(url)
        except ValueError as error:
            raise Refusal(
                "timelock-not-timelock",
                f"Server {number} of the list cannot be asked: {error}.",
                f"List it as {_FORM}.",
            ) from None
        if server in servers:
            raise Refusal("timelock-clusters-differ", f"{server.url} is listed twice.", "List each server once.")
        servers.append(server)
    return tuple(servers)


def in_order(urls: list) -> list:
    """The URLs of servers such that two lists of the same ones are the same: sorted, and without a slash at the end."""
    return sorted(url.rstrip("/") for url in urls)


def in_common(urls: list, others: list) -> set:
    """HOST, PORT and context path of the servers that two lists of URLs have both, however they are spelt.

    What cannot be asked is in neither; whether it is asked with TLS makes no other server of it.
    """
    return _places(urls) & _places(others)


def _places(urls: list) -> set:
    found = set()
    for url in urls:
        with contextlib.suppress(ValueError):
            server = parse_server(url)
            found.add((server.host, server.port, server.path))
    return found


def majority(count: int) -> int:
    """How many of ``count`` servers are a quorum."""
    return count // 2 + 1


def _addresses(server: Server) -> set:
    try:
        return {entry[4][:2] for entry in socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)}
    except OSError:
        return set()


def find_listed(servers: tuple[Server, ...], named: Server) -> Server | None:
    """The listed server that another one calls ``named``, or None.

    A server names the others by host and port as its own cluster configuration has them, with a context path
    only if that configuration has one (RedirectRetryTargeter.java, 0.1175.0). So the listed path counts, and
    a host may go by another name that has the same address. What is not listed is never asked.
    """
    if named in servers:
        return named
    here = [server for server in servers if (server.host, server.port) == (named.host, named.port)]
    if not here:
        addresses = _addresses(named)
        here = [server for server in servers if addresses & _addresses(server)]
    return here[0] if len(here) == 1 else None
