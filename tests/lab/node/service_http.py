# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Persistent HTTP connections of a node, to TimeLock or to its own leader."""

from __future__ import annotations

import http.client
import ssl
from collections import deque
from typing import NamedTuple
from urllib.parse import urlsplit

from lab.node.limits import TIMELOCK_CONNECT_TIMEOUT, TIMELOCK_READ_TIMEOUT


class Answer(NamedTuple):
    status: int
    body: bytes
    location: str | None


class Server:
    """One base URL (scheme, host, port, context path) and its connections, which are kept and used again."""

    def __init__(self, base_url: str, tls: ssl.SSLContext | None = None):
        parts = urlsplit(base_url)
        self.base_url = base_url.rstrip("/")
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/")
        self._tls = tls if parts.scheme == "https" else None
        self._idle: deque[http.client.HTTPConnection] = deque()

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMELOCK_CONNECT_TIMEOUT)
        else:
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=TIMELOCK_CONNECT_TIMEOUT, context=self._tls
            )
        connection.connect()
        connection.sock.settimeout(TIMELOCK_READ_TIMEOUT)
        return connection

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
        """One request. A kept connection that the server has closed is replaced by a new one, once.

        Raises OSError or http.client.HTTPException.
        """
        try:
            kept = self._idle.pop()
        except IndexError:
            return self._ask_on(self._connect(), method, path, headers, body)
        try:
            return self._ask_on(kept, method, path, headers, body)
        except (ConnectionError, http.client.BadStatusLine):
            return self._ask_on(self._connect(), method, path, headers, body)

    def _ask_on(self, connection, method, path, headers, body) -> Answer:
        try:
            connection.request(method, self._path + path, body, headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.read(), response.getheader("Location"))
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        return answer
