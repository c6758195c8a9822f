# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator may list, and what a server's redirect may name."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock.namespace import require_namespace
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock.servers import (
    find_listed,
    in_common,
    majority,
    parse_server,
    parse_servers,
)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://tl-1:8421", "https://tl-1:8421"),
        ("HTTPS://TL-1.Example:8421/", "https://tl-1.example:8421"),
        (" https://tl-1:8421/timelock/api/ ", "https://tl-1:8421/timelock/api"),
        ("https://tl-1", "https://tl-1:443"),
        ("http://tl-1", "http://tl-1:80"),
        ("https://[fd00::1]:8421", "https://[fd00::1]:8421"),
    ],
)
def test_a_server_is_kept_in_one_form(given, kept):
    assert parse_server(given).url == kept


@pytest.mark.parametrize(
    "url",
    [
        "tl-1:8421",
        "tl-1",
        "ftp://tl-1:8421",
        "https://",
        "https://tl-1:port",
        "https://tl-1:70000",
        "https://tl-1:0",
        "https://tl-1:8421/?token=hunter2",
        "https://tl-1:8421#hunter2",
        "https://tl-1:8421/a/../b",
        "https://tl-1:8421//a",
        "https://tl-1:8421/a b",
        "https://tl-1:8421/a\r\nX: y",
        "https://[fd00::1",
        "https://user:hunter2@tl-1:8421",
        "https://user:hunt/er2@tl-1:8421",
        None,
    ],
)
def test_what_is_no_plain_base_url_is_refused_without_repeating_it(url):
    with pytest.raises(Refusal) as refused:
        parse_servers(["https://tl-0:8421", url])
    assert refused.value.code == "timelock-not-timelock"
    assert "Server 2 " in str(refused.value)
    assert "hunt" not in str(refused.value)
    assert "er2" not in str(refused.value)


def test_a_server_listed_twice_is_refused_since_it_would_count_twice_for_a_quorum():
    with pytest.raises(Refusal) as refused:
        parse_servers(["https://tl-1:8421", "https://tl-2:8421", "https://TL-1:8421/"])
    assert refused.value.code == "timelock-clusters-differ"
    assert "https://tl-1:8421 is listed twice" in refused.value.found


def test_an_empty_list_is_refused():
    with pytest.raises(Refusal) as refused:
        parse_servers([])
    assert refused.value.code == "inventory-empty"


@pytest.mark.parametrize(("count", "quorum"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)])
def test_a_quorum_is_more_than_half(count, quorum):
    assert majority(count) == quorum


def test_a_redirect_without_the_context_path_finds_the_listed_server_with_it():
    servers = parse_servers(["https://tl-1:8421/timelock/api", "https://tl-2:8421/timelock/api"])
    assert find_listed(servers, parse_server("https://tl-2:8421")) == servers[1]


def test_a_redirect_by_another_name_of_the_same_address_finds_the_listed_server():
    servers = parse_servers(["http://127.0.0.1:8421", "http://127.0.0.1:8422"])
    assert find_listed(servers, parse_server("http://localhost:8422")) == servers[1]


def test_a_redirect_to_an_unlisted_port_or_host_finds_none():
    servers = parse_servers(["http://127.0.0.1:8421", "http://127.0.0.1:8422"])
    assert find_listed(servers, parse_server("http://127.0.0.1:8423")) is None
    assert find_listed(servers, parse_server("http://127.0.0.2:8421")) is None
    assert find_listed(servers, parse_server("http://no-such-host.invalid:8421")) is None


def test_a_redirect_that_fits_two_listed_servers_finds_none():
    servers = parse_servers(["https://proxy:443/one", "https://proxy:443/two"])
    assert find_listed(servers, parse_server("https://proxy:443")) is None
    assert find_listed(servers, parse_server("https://proxy:443/two")) == servers[1]


@pytest.mark.parametrize("name", ["orders", "A-b_9", "-", "1", "tl2", "x" * 100, "client"])
def test_a_name_that_timelock_serves_is_kept(name):
    assert require_namespace(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a.b",
        "a b",
        "a/b",
        "a;b",
        "a%2Fb",
        "é",
        "a\n",
        "..",
        "tl",
        "lw",
        "lk",
        "leader",
        "leaderPaxos",
        "x" * 101,
        None,
    ],
)
def test_a_name_that_timelock_does_not_serve_or_reads_as_another_is_refused(name):
    with pytest.raises(Refusal) as refused:
        require_namespace(name)
    assert refused.value.code == "config-namespace-illegal"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("https://tl-1:8421", True),
        ("http://TL-1:8421/", True),
        ("https://tl-1:8422", False),
        ("https://tl-1:8421/timelock", False),
        ("https://tl-2:8421", False),
        ("https://user:secret@tl-1:8421", False),
        (None, False),
    ],
)
def test_two_lists_have_a_server_in_common_however_it_is_spelt(other, same):
    assert bool(in_common(["https://tl-0:8421", "https://tl-1:8421"], [other])) == same
