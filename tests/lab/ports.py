# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Free ports, from the kernel."""

from __future__ import annotations

import socket


def free_ports(count: int) -> list[int]:
    """So many different ports of 127.0.0.1 that nobody listens on now."""
    held = []
    try:
        for _ignored in range(count):
            held.append(socket.create_server(("127.0.0.1", 0)))
        return [listener.getsockname()[1] for listener in held]
    finally:
        for listener in held:
            listener.close()


def free_port() -> int:
    return free_ports(1)[0]
