# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to a simulated TimeLock exactly as they are written, over connections that stay open."""
from __future__ import annotations

import http.client
import json
import socket
from typing import NamedTuple
from urllib.parse import urlsplit

CURL = {"User-Agent": "curl/7.88.1", "Accept": "*/*"}
ATLAS = {"User-Agent": "probe/1.0.0 atlasdb-http-client/2.0", "Accept": "*/*"}
BEARER = {"User-Agent": "curl/7.88.1", "Accept": "application/json", "Authorization": "Bearer q"}


class Response(NamedTuple):
    """An answer; header names are in lower case."""

    status: int
    headers: dict
    body: str

    @property
    def json(self):
        return json.loads(self.body)


class Connection:
    """A kept-alive connection to one base URL, whose path is put before every target."""

    def __init__(self, url, timeout=20.0):
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._prefix = parts.path
        self._timeout = timeout
        self._socket = None
        self.opened = 0

    def send(self, method, target, headers=None, body=""):
        """Send one request, byte by byte as given; raise OSError or HTTPException when no answer comes."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=self._timeout)
            self.opened += 1
        headers = {"Host": "{}:{}".format(*self._address), **(CURL if headers is None else headers)}
        if body:
            headers["Content-Length"] = str(len(body.encode()))
        lines = [f"{method} {self._prefix}{target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        try:
            self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
            response = http.client.HTTPResponse(self._socket, method=method)
            response.begin()
            text = response.read().decode()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if response.will_close:
            self.close()
        return Response(response.status, {name.lower(): value for name, value in response.getheaders()}, text)

    def close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def fresh(self, namespace):
        """Return a fresh timestamp, or the status if it is not 200."""
        response = self.send("POST", f"/{namespace}/timestamp/fresh-timestamp")
        return int(response.body) if response.status == 200 else -response.status

    def fast_forward(self, namespace, timestamp):
        """Return the status."""
        target = f"/{namespace}/timestamp-management/fast-forward?currentTimestamp={timestamp}"
        return self.send("POST", target).status
