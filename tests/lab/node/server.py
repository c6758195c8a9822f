# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's own HTTP port: health, timestamps, and what the other nodes ask of a leader."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from lab.node.failures import AtlasFailure
from lab.node.leader import LeaderTimestamps, NotLeader
from lab.node.timestamps import Timestamps

BIND_SECONDS = 5.0


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        """Without the look-up of the host's name that an HTTPServer does here."""
        socketserver.TCPServer.server_bind(self)


def serve(address: str, port: int, timestamps: Timestamps, take: Callable[[int], tuple[int, int]]) -> None:
    """Listen on address:port in threads of their own. Raises OSError when the port stays taken for BIND_SECONDS.

    GET /health: 200 when a timestamp can be had. POST /timestamp/fresh-timestamp, and /timestamp/fresh-timestamps with
    `number`: as the node's own load takes them. /leader/...: for the other nodes of the service.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/health":
                self._say_health(timestamps.health())
            elif path == "/leader/health" and isinstance(timestamps, LeaderTimestamps):
                self._say_health(timestamps.health_as_leader())
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            number = int(parse_qs(parts.query).get("number", ["1"])[0])
            try:
                if parts.path == "/timestamp/fresh-timestamp":
                    self._answer(200, take(1)[0])
                elif parts.path == "/timestamp/fresh-timestamps":
                    lower, upper = take(number)
                    self._answer(200, {"lowerBound": lower, "upperBound": upper})
                elif parts.path == "/leader/fresh-timestamps" and isinstance(timestamps, LeaderTimestamps):
                    lower, upper = timestamps.fresh_as_leader(number)
                    self._answer(200, {"lower": lower, "upper": upper})
                else:
                    self._answer(404, {})
            except NotLeader as error:
                self._answer(503, str(error))
            except AtlasFailure as error:
                self._answer(500, str(error))

        def _say_health(self, trouble: str | None) -> None:
            self._answer(503 if trouble else 200, {"mode": timestamps.mode, "trouble": trouble})

        def _answer(self, status: int, body: object) -> None:
            content = json.dumps(body).encode()
            self.log_request(status)
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self._headers_buffer.append(b"\r\n" + content)
            self.flush_headers()

    threading.Thread(target=_bind((address, port), Handler).serve_forever, daemon=True).start()


def _bind(place: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> _Server:
    deadline = time.monotonic() + BIND_SECONDS
    while True:
        try:
            return _Server(place, handler)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
