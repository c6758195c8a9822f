# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loopback addresses that a cluster has to itself, and whether Cassandra answers on one."""

from __future__ import annotations

import contextlib
import random
import socket
import ssl

CQL_PORT = 9042
THRIFT_PORT = 9160
STORAGE_PORT = 7000

_PROBE_SECONDS = 2
# A request for the options, which any version answers without a login.
_OPTIONS = bytes((3, 0, 0, 0, 5, 0, 0, 0, 0))


def free_block(count: int) -> list[str]:
    """127.A.B.1 and so on, none of whose ports that Cassandra uses is taken. Raises RuntimeError."""
    for _attempt in range(100):
        prefix = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}"
        block = [f"{prefix}.{number}" for number in range(1, count + 1)]
        if all(map(_is_free, block)):
            return block
    raise RuntimeError(f"The ports {CQL_PORT}, {THRIFT_PORT} and {STORAGE_PORT} seem to be taken on all of 127.*.")


def _is_free(address: str) -> bool:
    with contextlib.ExitStack() as held:
        try:
            for port in (CQL_PORT, THRIFT_PORT, STORAGE_PORT):
                held.enter_context(socket.create_server((address, port)))
        except OSError:
            return False
    return True


def answers(address: str, tls: ssl.SSLContext | None = None) -> bool:
    """Whether a node speaks CQL there, with `tls` in it."""
    try:
        with contextlib.ExitStack() as opened:
            connection = opened.enter_context(socket.create_connection((address, CQL_PORT), _PROBE_SECONDS))
            if tls:
                connection = opened.enter_context(tls.wrap_socket(connection, server_hostname=address))
            connection.sendall(_OPTIONS)
            return bool(connection.recv(1))
    except OSError:
        return False
