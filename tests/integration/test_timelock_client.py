# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TimeLock client against a simulated cluster, and what it does when that fails under it."""

from __future__ import annotations

import http.client
import threading
import time
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock.advance import bring_above
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock.client import TimeLock
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock.survey import look

from lab.timelock.cluster import Cluster

FLAVOURS = [
    pytest.param({"flavour": "dropwizard"}, id="dropwizard"),
    pytest.param({"flavour": "undertow", "context_path": "/timelock/api"}, id="undertow"),
    pytest.param({"flavour": "undertow", "context_path": "/timelock/api", "tls": True}, id="undertow-tls"),
]


@pytest.fixture
def start(tmp_path):
    """Starts clusters, and stops them after the test."""
    started = []

    def make(**settings):
        cluster = Cluster(tmp_path / f"timelock-{len(started)}", **settings)
        started.append(cluster)
        cluster.start()
        return cluster

    yield make
    for cluster in started:
        cluster.stop()


@pytest.fixture
def cluster(start):
    return start()


def client(cluster, **options):
    return TimeLock(cluster.urls, ca_path=cluster.ca_path, **options)


def refusal(call, *args, **kwargs):
    with pytest.raises(Refusal) as refused:
        call(*args, **kwargs)
    return refused.value


def after(seconds, call, *args):
    """Call in the background, and return what waits for its end."""
    timer = threading.Timer(seconds, call, args)
    timer.start()
    return timer.join


@pytest.mark.parametrize("settings", FLAVOURS)
def test_a_cluster_is_looked_at_woken_and_fast_forwarded(start, settings):
    cluster = start(**settings)
    seen = look(client(cluster))
    assert seen["leader"] is None
    assert [node["is_leader"] for node in seen["nodes"]] == [False] * 3
    assert len({node["uuid"] for node in seen["nodes"]}) == 3
    assert seen["namespaces"] == []

    moved = bring_above(client(cluster), "orders", 5_000_000)
    assert (moved["changed"], moved["before"], moved["fresh_timestamp"]) == (True, 1, 5_000_002)
    assert moved["leader"] == cluster.urls[cluster.leader()]

    seen = look(client(cluster), "orders", fresh=True)
    assert seen["leader"] == moved["leader"]
    assert seen["namespaces"] == ["orders"]
    assert seen["fresh_timestamp"] == 5_000_003
    assert bring_above(client(cluster), "orders", 5_000_000)["changed"] is False


@pytest.mark.parametrize("settings", FLAVOURS[:2])
def test_looking_and_check_mode_create_no_namespace(start, settings):
    cluster = start(**settings)
    cluster.wake("billing")
    look(client(cluster), "orders")
    bring_above(client(cluster), "orders", 5_000_000, check_mode=True)
    assert client(cluster).namespaces() == ["billing"]
    assert [request for request in cluster.requests() if "orders" in request["target"]] == []


@pytest.mark.parametrize("settings", FLAVOURS)
def test_a_followers_redirect_is_sent_to_the_leader_with_its_own_path(start, settings):
    cluster = start(**settings)
    cluster.wake("orders")
    leader = cluster.leader()
    followers = [index for index in range(3) if index != leader]
    reordered = [cluster.urls[index] for index in (*followers, leader)]
    TimeLock(reordered, ca_path=cluster.ca_path).fast_forward("orders", 77)
    asked = [request for request in cluster.requests() if "fast-forward" in request["target"]]
    assert [(request["node"], request["status"]) for request in asked] == [(followers[0], 308), (leader, 204)]
    assert asked[0]["target"] == asked[1]["target"]
    assert asked[1]["target"].endswith("/orders/timestamp-management/fast-forward?currentTimestamp=77")


def test_a_leader_killed_before_a_fast_forward_is_replaced(cluster):
    timelock = client(cluster)
    timelock.ping("orders")
    first = timelock.fresh_timestamp("orders")
    cluster.kill(cluster.leader())
    timelock.fast_forward("orders", 5_000_000)
    assert timelock.fresh_timestamp("orders") > 5_000_000 > first


def test_a_leader_killed_while_it_fast_forwards_is_replaced(cluster):
    timelock = client(cluster)
    leader = cluster.urls.index(timelock.ping("orders")["leader"])
    cluster.slow(leader, 1.0)
    wait = after(0.4, cluster.kill, leader)
    moved = bring_above(timelock, "orders", 5_000_000)
    wait()
    assert moved["fresh_timestamp"] > 5_000_000
    assert moved["leader"] is not None
    assert cluster.leader() != leader


def test_a_paused_leader_is_replaced_and_its_return_changes_nothing(cluster):
    timelock = client(cluster, request_timeout=1.0)
    leader = cluster.urls.index(timelock.ping("orders")["leader"])
    before = timelock.fresh_timestamp("orders")
    cluster.pause(leader)
    try:
        timelock.fast_forward("orders", 5_000_000)
        moved = timelock.fresh_timestamp("orders")
    finally:
        cluster.resume(leader)
    assert moved > 5_000_000 > before
    found = client(cluster).ping("orders")["leader"]
    assert found != cluster.urls[leader]
    assert timelock.fresh_timestamp("orders") > moved
    assert bring_above(client(cluster), "orders", 5_000_000)["changed"] is False


def test_without_a_quorum_nothing_is_issued_and_with_it_again_all_goes_on(start):
    cluster = start(no_quorum_wait=0.5)
    before = bring_above(client(cluster), "orders", 5_000_000)["fresh_timestamp"]
    killed = cluster.lose_quorum()
    refused = refusal(client(cluster, deadline=3.0).fresh_timestamp, "orders")
    assert refused.code == "timelock-unreachable"
    assert "Connection refused" in refused.found
    assert refusal(client(cluster, deadline=1.0).namespaces).code == "timelock-unreachable"
    wait = after(1.0, cluster.start_node, killed[0])
    assert client(cluster).fresh_timestamp("orders") > before
    wait()


def test_timestamps_survive_the_loss_of_all_servers(cluster):
    before = bring_above(client(cluster), "orders", 5_000_000)["fresh_timestamp"]
    for index in range(3):
        cluster.kill(index)
    assert refusal(look, client(cluster, deadline=1.0)).code == "timelock-unreachable"
    cluster.start()
    assert client(cluster).fresh_timestamp("orders") > before
    assert bring_above(client(cluster), "orders", before)["changed"] is False


def test_a_fast_forward_whose_answer_is_lost_is_repeated_and_counts_once(cluster):
    timelock = client(cluster)
    leader = cluster.urls.index(timelock.ping("orders")["leader"])
    cluster.drop_answers(leader, 1, "fast-forward")
    moved = bring_above(timelock, "orders", 5_000_000)
    assert (moved["changed"], moved["before"], moved["fresh_timestamp"]) == (True, 1, 5_000_002)
    sent = [request for request in cluster.requests(leader) if "fast-forward" in request["target"]]
    assert [request["dropped"] for request in sent] == [True, False]


def test_a_timestamp_whose_answer_is_lost_is_skipped(cluster):
    timelock = client(cluster)
    leader = cluster.urls.index(timelock.ping("orders")["leader"])
    cluster.drop_answers(leader, 1, "fresh-timestamp")
    assert timelock.fresh_timestamp("orders") == 2


def test_a_namespace_that_was_fast_forwarded_too_far_is_stuck(cluster):
    timelock = client(cluster)
    leader = timelock.ping("orders")["leader"]
    overflow = f"/orders/timestamp-management/fast-forward?currentTimestamp={2**63 - 1}"
    connection = http.client.HTTPConnection(urlsplit(leader).netloc, timeout=5)
    with closing(connection):
        connection.request("POST", overflow)
        assert connection.getresponse().status == 500
    refused = refusal(bring_above, client(cluster, deadline=2.0), "orders", 5_000_000)
    assert refused.code == "timelock-stuck"
    assert "answered 500" in refused.found
    assert client(cluster).fresh_timestamp("billing") == 1


def test_a_namespace_beyond_the_client_limit_is_told_from_one_that_is_stuck(start):
    cluster = start(max_clients=1)
    client(cluster).ping("billing")
    assert refusal(client(cluster, deadline=2.0).ping, "orders").code == "timelock-client-limit"
    assert client(cluster).namespaces() == ["billing"]


def test_servers_of_two_clusters_are_refused_before_any_is_fast_forwarded(start):
    one, other = start(), start()
    one.wake("billing")
    other.wake("billing")
    servers = [*one.urls[:2], other.urls[0]]
    refused = refusal(bring_above, TimeLock(servers, deadline=3.0), "orders", 5_000_000)
    assert refused.code == "timelock-clusters-differ"
    sent = [request for cluster in (one, other) for request in cluster.requests()]
    assert [request for request in sent if "fast-forward" in request["target"]] == []


def test_a_wrong_context_path_is_refused_at_once(start):
    cluster = start(flavour="undertow", context_path="/timelock/api")
    began = time.monotonic()
    for base in ("", "/timelock", "/api"):
        servers = [url.replace("/timelock/api", base) for url in cluster.urls]
        assert refusal(look, TimeLock(servers)).code == "timelock-not-timelock"
        assert refusal(bring_above, TimeLock(servers), "orders", 5).code == "timelock-not-timelock"
    assert time.monotonic() - began < 5


def test_a_server_of_another_authority_is_refused(start):
    trusted, cluster = start(tls=True, nodes=1), start(tls=True)
    for ca_path in (trusted.ca_path, None):
        refused = refusal(look, TimeLock(cluster.urls, ca_path=ca_path))
        assert refused.code == "timelock-tls"
        assert "certificate" in refused.found
    assert look(TimeLock(cluster.urls, validate_certs=False))["quorum"] == 2


def test_many_services_are_brought_above_at_once(cluster):
    """Waves of several services ask one cluster in parallel, each with a client of its own."""
    results = {}

    def bring(number):
        results[number] = bring_above(client(cluster), f"service-{number}", 1000 * number)

    threads = [threading.Thread(target=bring, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[number]["fresh_timestamp"] for number in range(1, 8)] == [
        1000 * number + 2 for number in range(1, 8)
    ]
