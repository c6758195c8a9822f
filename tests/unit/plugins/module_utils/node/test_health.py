# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import threading

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.health import health


@pytest.mark.parametrize(
    ("answer", "ok"), [("200 OK", True), ("204 No", False), ("302 Found", False), ("500 X", False)]
)
def test_only_200_is_well(answer, ok):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            client = server.accept()[0]
            with client:
                client.recv(1000)
                client.sendall(f"HTTP/1.1 {answer}\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".encode())

        thread = threading.Thread(target=serve)
        thread.start()
        found = health(f"http://127.0.0.1:{server.getsockname()[1]}/health?deep=1")
        thread.join()
    assert found["ok"] is ok
    assert answer.split()[0] in found["detail"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "not a url", "http://127.0.0.1:notaport/", "http://no.such.host.invalid/"]
)
def test_what_does_not_answer_is_not_well(url):
    assert not health(url)["ok"]


def test_without_a_url_there_is_nothing_to_say():
    assert health("") is None
