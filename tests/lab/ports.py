# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Free ports that stay free: a stopped server finds its own port again."""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def _candidates() -> range:
    """Ports that the kernel gives to no outgoing connection, which would keep a stopped server from its own."""
    try:
        low, high = (int(number) for number in _RANGE.read_text(encoding="ascii").split())
    except OSError:
        return range(20000, 32000)
    return range(high + 1, 65536) if 65535 - high > low - 10000 else range(10000, low)


def free_ports(count: int) -> list[int]:
    """So many different ports of 127.0.0.1 that nobody listens on now."""
    held: list[socket.socket] = []
    try:
        candidates = _candidates()
        for port in random.sample(candidates, len(candidates)):
            if len(held) == count:
                break
            with contextlib.suppress(OSError):
                held.append(socket.create_server(("127.0.0.1", port)))
        if len(held) < count:
            raise RuntimeError(f"There are no {count} free ports from {candidates.start} to {candidates.stop - 1}.")
        return [listener.getsockname()[1] for listener in held]
    finally:
        for listener in held:
            listener.close()


def free_port() -> int:
    return free_ports(1)[0]
