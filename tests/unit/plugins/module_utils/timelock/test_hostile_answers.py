# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever answers in TimeLock's place: what is said of it is short, can be printed, and holds nothing of its body."""

from __future__ import annotations

import http.client
import io

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.bound import MAX_LONG
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock import client, wire
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock.servers import parse_server
from ansible_collections.atlasdb.timelock.tests.unit.hostile import NASTY, TEXTS
from hypothesis import example, given
from hypothesis import strategies as st

SERVER = parse_server("https://tl-1:8421")
FRESH = wire.Request("POST", "/orders/timestamp/fresh-timestamp", 200, wire.parse_long)
REQUESTS = [
    client._LEADER_PING, client._LEADER_UUID, client._NAMESPACES, FRESH,
    wire.Request("POST", "/orders/timestamp-management/fast-forward?currentTimestamp=1", 204, wire.parse_nothing),
    wire.Request("GET", "/orders/timestamp-management/ping", 200, wire.parse_pong),
]  # fmt: skip
STATUSES = st.one_of(st.sampled_from([200, 204, 301, 308, 401, 404, 429, 500, 502, 503, 504]), st.integers(100, 599))
LINES = TEXTS.map(lambda text: text.encode("utf-8", "replace").replace(b"\r", b"").replace(b"\n", b"")[:60_000])
BODIES = st.one_of(
    st.binary(),
    TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.builds(lambda text: b'{"errorName": "' + text + b'"}', LINES),
    st.sampled_from([b"x" * 1_000_000, b"[" * 100_000, b'["\\ud800"]', b"9" * 100_000, b"true\0", b"\xef\xbb\xbf5"]),
)


def headers(location: bytes, content_type: bytes):
    """As http.client reads them."""
    return http.client.parse_headers(io.BytesIO(b"Location: %b\nContent-Type: %b\n\n" % (location, content_type)))


@given(st.sampled_from(REQUESTS), STATUSES, LINES, LINES, BODIES)
@example(FRESH, 200, b"", b"a\x1b[2J/b", b"x")
@example(FRESH, 418, b"", b"a/" + b"b" * 60_000, b"x")
@example(client._NAMESPACES, 200, b"", b"text/html", b"[" * 100_000)
def test_an_answer_is_told_in_few_words_that_can_be_printed(request_, status, location, content_type, body):
    answer = wire._judge(SERVER, request_, status, headers(location, content_type), body)
    assert answer.words.isprintable()
    target = len(answer.target.url) if answer.target else 0
    assert len(answer.words) < 250 + target
    if answer.kind == wire.ANSWERED:
        assert status == request_.success
        assert request_ is not FRESH or -MAX_LONG - 1 <= answer.value <= MAX_LONG
    else:
        assert answer.value is None


@pytest.mark.parametrize("nasty", [text for text in NASTY if text.isascii() and "\n" not in text and "\0" not in text])
def test_nothing_that_a_server_says_reaches_a_message_but_what_timelock_says(make_cluster, client, nasty):
    cluster = make_cluster(3)
    reply = (200, {"Content-Type": f"text/{nasty}", "Server": nasty}, f"{nasty} hunter2 {{{{ 7 * 7 }}}}")
    cluster.script_all("/leader/ping", reply)
    with pytest.raises(Refusal) as raised:
        client(cluster.urls, deadline=0.5).nodes()
    said = str(raised.value)
    assert raised.value.code == "timelock-not-timelock" and said.isprintable()
    assert "hunter2" not in said and "7 * 7" not in said and len(said) < 1500


def test_names_of_namespaces_are_data(make_cluster, client):
    cluster = make_cluster(1)
    cluster.highest = dict.fromkeys(NASTY, 0)
    assert client(cluster.urls).namespaces() == sorted(NASTY)


def test_a_body_of_megabytes_is_no_name_and_no_number(make_cluster, client):
    cluster = make_cluster(1)
    cluster.script(0, "/leader/ping", (200, {"Content-Type": "text/plain"}, "true" * 500_000))
    with pytest.raises(Refusal) as raised:
        client(cluster.urls, deadline=0.5).nodes()
    assert len(str(raised.value)) < 500
