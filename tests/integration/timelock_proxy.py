# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxies before a TimeLock cluster that alter its answers, for what no real server can be made to say."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Answer = tuple[int, bytes]
Alter = Callable[[str, int, bytes], Answer]
"""From the target of a request, and the status and body of its answer, to what is answered."""

_OF_A_CONNECTION = ("host", "connection", "content-length")


@contextlib.contextmanager
def proxies(urls: list[str], alter: Alter, context: ssl.SSLContext | None = None) -> Iterator[list[str]]:
    """The base URLs of one proxy for each of ``urls``; redirects among these lead to the proxies.

    They serve with TLS where there is a ``context``.
    """
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _Handler) for _url in urls]
    scheme = "https" if context else "http"
    own = [f"{scheme}://127.0.0.1:{server.server_address[1]}" for server in servers]
    for server, url in zip(servers, urls, strict=True):
        server.upstream, server.alter, server.renamed = url, alter, dict(zip(urls, own, strict=True))
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            server.handle_error = lambda *_arguments: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield own
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = http.client.HTTPConnection(urlsplit(self.server.upstream).netloc, timeout=60)
        with contextlib.closing(connection):
            headers = {name: text for name, text in self.headers.items() if name.lower() not in _OF_A_CONNECTION}
            connection.request(self.command, self.path, sent or None, headers)
            answer = connection.getresponse()
            status, body = self.server.alter(self.path, answer.status, answer.read())
        self.send_response(status)
        for name in ("Content-Type", "Location", "Retry-After"):
            value = answer.headers[name]
            if value is not None:
                for real, own in self.server.renamed.items():
                    value = value.replace(real, own)
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _pass_on

    def log_message(self, *_arguments) -> None:
        """Nothing to standard error."""
