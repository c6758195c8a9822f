# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripted HTTP servers that answer as a TimeLock cluster does until a test tells them otherwise."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock.client import TimeLock

LOST = "lost"
"""In place of an answer: the connection is closed."""


class ScriptedServer:
    """An HTTP server whose ``answer(method, target)`` gives (status, headers, body), LOST or seconds to stay silent."""

    def __init__(self, answer):
        self.asked = []
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                scripted.asked.append((self.command, self.path))
                scripted.headers = self.headers
                reply = answer(self.command, self.path)
                if isinstance(reply, float):
                    scripted.silence.wait(reply)
                if not isinstance(reply, tuple):
                    self.close_connection = True
                    return
                status, headers, body = reply
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204 and "Content-Length" not in headers and "Connection" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())
                self.close_connection = True

            do_GET = do_POST = do

            def log_message(self, *args):
                """Keep the test's output for the test."""

        self.silence = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        self._thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self):
        self.silence.set()
        self.http.shutdown()
        self.http.server_close()
        self._thread.join()


class ScriptedCluster:
    """Servers of one cluster. ``overrides`` maps (server, end of the path) to answers: the last of a list stays."""

    def __init__(self, count=3, context=""):
        self.context = context
        self.leader = 0
        self.highest = {}
        self.overrides = {}
        self.uuids = [str(uuid.uuid4()) for _index in range(count)]
        self.servers = [ScriptedServer(self._answerer(index)) for index in range(count)]
        self.urls = [f"http://127.0.0.1:{server.port}{context}" for server in self.servers]

    def script(self, index, path, *answers):
        self.overrides[index, path] = list(answers)

    def script_all(self, path, *answers):
        for index in range(len(self.servers)):
            self.script(index, path, *answers)

    def asked(self, *parts):
        """The requests whose path has one of ``parts``, of all servers."""
        requests = [request for server in self.servers for request in server.asked]
        return [target for _method, target in requests if any(part in target for part in parts)]

    def stop(self):
        for server in self.servers:
            server.stop()

    def _answerer(self, index):
        def answer(method, target):
            path = urlsplit(target).path
            for (server, suffix), answers in self.overrides.items():
                if server == index and path.endswith(suffix):
                    reply = answers.pop(0) if len(answers) > 1 else answers[0]
                    return reply(target) if callable(reply) else reply
            return self.proper(index, target)

        return answer

    def proper(self, index, target):
        """What a working server answers."""
        parts = urlsplit(target)
        if not parts.path.startswith(self.context + "/"):
            return 404, {}, ""
        path = parts.path[len(self.context) :]
        if path == "/leader/ping":
            return json_answer(index == self.leader)
        if path == "/leader/uuid":
            return 200, {"Content-Type": "text/plain"}, self.uuids[index]
        if path == "/tl/management/getNamespaces":
            return json_answer(list(self.highest))
        if index != self.leader:
            return redirect(self.urls[self.leader])
        namespace, _slash, rest = path[1:].partition("/")
        self.highest.setdefault(namespace, 0)
        if rest == "timestamp/fresh-timestamp":
            self.highest[namespace] += 1
            return json_answer(self.highest[namespace])
        if rest == "timestamp-management/fast-forward":
            wanted = int(parse_qs(parts.query)["currentTimestamp"][0])
            self.highest[namespace] = max(self.highest[namespace], wanted)
            return 204, {}, ""
        return 200, {"Content-Type": "text/plain"}, "pong"


def json_answer(value):
    return 200, {"Content-Type": "application/json"}, json.dumps(value)


def redirect(url):
    return 308, {"Location": url}, ""


@pytest.fixture
def cluster():
    """A cluster of three that works."""
    made = ScriptedCluster()
    yield made
    made.stop()


@pytest.fixture
def make_cluster():
    """Makes clusters, and stops them after the test."""
    made = []

    def make(count=3, context=""):
        made.append(ScriptedCluster(count, context))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def client():
    """Makes clients that give up soon."""

    def make(urls, deadline=1.6, request_timeout=5.0, **options):
        return TimeLock(urls, deadline=deadline, request_timeout=request_timeout, **options)

    return make


@pytest.fixture
def closed_url():
    """A URL at which nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


@pytest.fixture
def took():
    """Seconds since the test began."""
    began = time.monotonic()
    return lambda: time.monotonic() - began
