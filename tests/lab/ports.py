# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Free ports that stay free: a stopped server finds its own port again."""

from __future__ import annotations

import collections
import contextlib
import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_KEPT_AT_MOST = 200

_kept: collections.deque[socket.socket] = collections.deque()


def _candidates() -> range:
    """Ports that the kernel gives to no outgoing connection, which would keep a stopped server from its own."""
    try:
        low, high = (int(number) for number in _RANGE.read_text(encoding="ascii").split())
    except OSError:
        return range(20000, 32000)
    return range(high + 1, 65536) if 65535 - high > low - 10000 else range(10000, low)


def free_ports(count: int) -> list[int]:
    """So many different ports of 127.0.0.1 that nobody has now, or had lately: of a server that is down as well."""
    found: list[int] = []
    candidates = _candidates()
    for port in random.sample(candidates, len(candidates)):
        if len(found) == count:
            break
        with contextlib.suppress(OSError):
            _take(port)
            found.append(port)
    if len(found) < count:
        raise RuntimeError(f"There are no {count} free ports from {candidates.start} to {candidates.stop - 1}.")
    return found


def _take(port: int) -> None:
    """Keep a port that nobody has from all who ask as here, and not from a server; raises OSError where somebody has
    it.

    Of two sockets at one port both must have been bound with SO_REUSEADDR, and one may listen (socket(7)).
    """
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", port))
    keeping = socket.socket()
    keeping.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeping.bind(("127.0.0.1", port))
    _kept.append(keeping)
    while len(_kept) > _KEPT_AT_MOST:
        _kept.popleft().close()


def free_port() -> int:
    return free_ports(1)[0]
