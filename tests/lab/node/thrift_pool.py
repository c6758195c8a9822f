# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections that AtlasDB holds to Cassandra's Thrift port."""

from __future__ import annotations

import contextlib
import socket
import ssl

from lab.node.key_value_service import Host
from lab.node.limits import THRIFT_CONNECT_TIMEOUT, THRIFT_CONNECTIONS


class ThriftPool:
    """Idle connections to each host, of which some are there and nothing is ever said: what is asked is asked in CQL.

    They come from `address`, as those of a node on a host of its own would.
    """

    def __init__(self, hosts: tuple[Host, ...], address: str, tls: ssl.SSLContext | None = None):
        self._address = address
        self._tls = tls
        self._connections: dict[Host, list[socket.socket]] = {host: [] for host in hosts}

    def fill(self) -> None:
        """Open what is missing, on the hosts that answer."""
        for host, connections in self._connections.items():
            connections[:] = [connection for connection in connections if _is_open(connection)]
            with contextlib.suppress(OSError):
                while len(connections) < THRIFT_CONNECTIONS:
                    connections.append(self._connect(host))

    def _connect(self, host: Host) -> socket.socket:
        connection = socket.create_connection(host, THRIFT_CONNECT_TIMEOUT, (self._address, 0))
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_hostname=host[0])
        connection.setblocking(False)
        return connection

    def close(self) -> None:
        for connections in self._connections.values():
            while connections:
                connections.pop().close()


def _is_open(connection: socket.socket) -> bool:
    """Whether the server has not closed it; else it is closed here too."""
    try:
        # Past TLS, which takes no flags.
        if socket.socket.recv(connection, 1, socket.MSG_PEEK):
            return True
    except BlockingIOError:
        return True
    except OSError:
        pass
    connection.close()
    return False
