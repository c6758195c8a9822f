# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one server's answer, or its silence, means."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock import wire
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock.deadline import Deadline
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock.servers import parse_server

FRESH = wire.Request("POST", "/orders/timestamp/fresh-timestamp", 200, wire.parse_long)
JSON = {"Content-Type": "application/json"}
HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture
def answer_to(make_cluster):
    """What the client makes of one scripted reply to a fresh timestamp."""
    cluster = make_cluster(1)

    def ask(reply, seconds=10.0, request=FRESH):
        cluster.script(0, "fresh-timestamp", reply)
        return wire.Wire(None, seconds).ask(parse_server(cluster.urls[0]), request, Deadline(20.0))

    ask.cluster = cluster
    return ask


@pytest.fixture
def raw_server():
    """Serves the pieces given to every connection, with ``pause`` seconds before each but the first, and closes it."""
    listening = socket.create_server(("127.0.0.1", 0))
    script = {}

    def serve():
        while True:
            try:
                connection, _address = listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                for piece in script["pieces"]:
                    connection.sendall(piece)
                    time.sleep(script["pause"])

    threading.Thread(target=serve, daemon=True).start()

    def ask(*pieces, pause=0.0, seconds=10.0):
        script.update(pieces=pieces, pause=pause)
        server = parse_server(f"http://127.0.0.1:{listening.getsockname()[1]}")
        return wire.Wire(None, seconds).ask(server, FRESH, Deadline(20.0))

    yield ask
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


@pytest.mark.parametrize("number", [1, 0, -5, 2**63 - 1, -(2**63), 9007199254740993])
def test_a_64_bit_integer_is_read_exactly(answer_to, number):
    answer = answer_to((200, JSON, f"{number}\n"))
    assert (answer.kind, answer.value) == (wire.ANSWERED, number)
    assert isinstance(answer.value, int)


@pytest.mark.parametrize(
    "body",
    ["1.0", "1e6", "true", "null", '"5"', "", "[5]", "0x10", "+5", "05", "5 6", "1_000", "٥", str(2**63), "9" * 10000],
)
def test_a_body_that_is_no_64_bit_integer_is_not_timelock(answer_to, body):
    answer = answer_to((200, {"Content-Length": str(len(body.encode())), **JSON}, body))
    assert answer.kind == wire.NOT_TIMELOCK
    assert answer.value is None


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 401, 403, 404, 405, 406])
def test_a_status_that_timelock_does_not_give_there_is_not_timelock(answer_to, status):
    assert answer_to((status, {"Location": "https://sso.example/login", **HTML}, "")).kind == wire.NOT_TIMELOCK


def test_a_login_page_is_not_timelock_and_nothing_of_it_is_repeated(answer_to):
    answer = answer_to((200, HTML, "<html><form action='/login?token=hunter2'></html>"))
    assert answer.kind == wire.NOT_TIMELOCK
    assert "text/html" in answer.words
    assert "hunter2" not in answer.words


@pytest.mark.parametrize(
    ("status", "kind"),
    [(503, wire.NOT_LEADING), (429, wire.NOT_LEADING), (500, wire.FAILED), (502, wire.SILENT), (504, wire.SILENT)],
)
def test_a_server_that_cannot_answer_now_may_be_asked_again(answer_to, status, kind):
    assert answer_to((status, HTML, "<html></html>")).kind == kind


def test_the_name_of_timelocks_own_error_is_told(answer_to):
    body = '{"errorCode":"INTERNAL","errorName":"Default:Internal","errorInstanceId":"x","parameters":{}}'
    assert answer_to((500, JSON, body)).words == "answered 500 Default:Internal"


@pytest.mark.parametrize("body", ["<html>", "[]", '{"errorName": 5}', '{"errorName": "a b\\n"}', "5"])
def test_an_error_body_of_another_form_is_not_told(answer_to, body):
    assert answer_to((500, JSON, body)).words == "answered 500"


def test_a_308_names_the_base_of_another_server(answer_to):
    answer = answer_to((308, {"Location": "https://tl-2:8421/timelock/api"}, ""))
    assert answer.kind == wire.REDIRECTED
    assert answer.target == parse_server("https://tl-2:8421/timelock/api")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Location": "/login"},
        {"Location": "https://sso.example/login?token=hunter2"},
        {"Location": "https://user:hunter2@tl-2:8421"},
        {"Location": "https://tl-2:8421/orders/timestamp/fresh-timestamp"},
    ],
)
def test_a_308_that_timelock_would_not_send_is_not_followed(answer_to, headers):
    answer = answer_to((308, headers, ""))
    assert (answer.kind, answer.target) == (wire.NOT_TIMELOCK, None)
    assert "hunter2" not in answer.words


def test_a_server_that_stays_silent_is_left_in_time(answer_to, took):
    assert answer_to(30.0, seconds=0.3).words == "did not answer in time"
    assert took() < 2.0


def test_no_request_is_sent_after_the_deadline(answer_to):
    server = parse_server(answer_to.cluster.urls[0])
    answer = wire.Wire(None, 1.0).ask(server, FRESH, Deadline(0.0))
    assert (answer.kind, answer.words) == (wire.SILENT, "was not asked, for want of time")
    assert answer_to.cluster.asked("") == []


def test_a_body_that_drips_is_left_in_time(raw_server, took):
    answer = raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b"1"] * 100, pause=0.05, seconds=0.3)
    assert answer.words == "did not answer in time"
    assert took() < 2.0


def test_a_body_without_end_is_not_read_to_its_end(raw_server):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
    answer = raw_server(head, *[b" " * 1000000] * 900)
    assert answer.words == "gave no answer (IncompleteRead)"


def test_a_refused_connection_is_silence(closed_url):
    answer = wire.Wire(None, 1.0).ask(parse_server(closed_url), FRESH, Deadline(1.0))
    assert (answer.kind, answer.words) == (wire.SILENT, "gave no answer (Connection refused)")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n5000",
        b"HTTP/1.1 200 OK\r\n\r\n5000",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n5000\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n5000",
    ],
)
def test_half_a_number_is_never_taken_for_a_number(raw_server, sent):
    assert raw_server(sent).kind == wire.SILENT


def test_a_chunked_number_is_read(raw_server):
    answer = raw_server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n5000\r\n3\r\n001\r\n0\r\n\r\n")
    assert answer.value == 5000001


def test_what_does_not_speak_http_is_not_timelock(raw_server):
    assert raw_server(b"SSH-2.0-OpenSSH_9.2\r\n").kind == wire.NOT_TIMELOCK


def test_timelock_is_told_that_its_redirects_are_understood(answer_to):
    answer_to((200, JSON, "1"))
    first, _space, second = answer_to.cluster.servers[0].headers["User-Agent"].partition(" ")
    assert second == "atlasdb-http-client/2.0"
    assert "atlasdb-http-client" not in first


def test_a_proxy_of_the_environment_is_not_used(answer_to, closed_url, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, closed_url)
    assert answer_to((200, JSON, "5")).value == 5


@pytest.mark.parametrize(
    ("parse", "good", "value"),
    [
        (wire.parse_pong, "pong", "pong"),
        (wire.parse_bool, "true", True),
        (wire.parse_bool, "false", False),
        (wire.parse_uuid, '"C30124BE-d44f-48ba-9573-bf4f0464d315"', "c30124be-d44f-48ba-9573-bf4f0464d315"),
        (wire.parse_names, '["tom","alpha"]', ["tom", "alpha"]),
        (wire.parse_nothing, "", None),
    ],
)
def test_a_body_of_the_right_form_is_read(parse, good, value):
    assert parse(good) == value


@pytest.mark.parametrize(
    ("parse", "bad"),
    [
        (wire.parse_pong, "pong!"),
        (wire.parse_pong, ""),
        (wire.parse_bool, "True"),
        (wire.parse_bool, "1"),
        (wire.parse_uuid, "c30124be"),
        (wire.parse_names, '{"tom": 1}'),
        (wire.parse_names, '["tom", 1]'),
        (wire.parse_names, "<html>"),
        (wire.parse_nothing, "ok"),
    ],
)
def test_a_body_of_another_form_is_refused(parse, bad):
    with pytest.raises(ValueError):
        parse(bad)
