# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TimeLock client against clusters that fail, lie, or are not one."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.bound import LARGEST_BOUND
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock import client as client_module

FRESH = "/timestamp/fresh-timestamp"
FORWARD = "/timestamp-management/fast-forward"
PING = "/timestamp-management/ping"
LOST = "lost"
NOT_LEADING = (503, {}, "")
INTERNAL = (500, {"Content-Type": "application/json"}, '{"errorName":"Default:Internal"}')
LOGIN = (200, {"Content-Type": "text/html"}, "<html>login</html>")
TRUE = (200, {"Content-Type": "application/json"}, "true")
PONG = (200, {"Content-Type": "text/plain"}, "pong")


def number(value):
    return 200, {"Content-Type": "application/json"}, str(value)


def refusal(call, *args):
    with pytest.raises(Refusal) as refused:
        call(*args)
    return refused.value


def test_fresh_timestamps_increase(cluster, client):
    timelock = client(cluster.urls)
    assert [timelock.fresh_timestamp("orders") for _time in range(3)] == [1, 2, 3]


def test_after_a_fast_forward_the_next_timestamp_is_above_it(cluster, client):
    timelock = client(cluster.urls)
    timelock.fast_forward("orders", 5000000)
    assert timelock.fresh_timestamp("orders") == 5000001


def test_the_largest_number_passes_exactly(cluster, client):
    timelock = client(cluster.urls)
    timelock.fast_forward("orders", LARGEST_BOUND - 1)
    assert timelock.fresh_timestamp("orders") == LARGEST_BOUND


@pytest.mark.parametrize("timestamp", [-1, LARGEST_BOUND + 1, 2**63])
def test_a_fast_forward_out_of_range_is_never_sent(cluster, client, timestamp):
    assert refusal(client(cluster.urls).fast_forward, "orders", timestamp).code == "bound-out-of-range"
    assert cluster.asked("orders") == []


def test_a_namespace_that_timelock_would_misread_is_never_sent(cluster, client):
    timelock = client(cluster.urls)
    for call, args in ((timelock.ping, ()), (timelock.fresh_timestamp, ()), (timelock.fast_forward, (5,))):
        assert refusal(call, "orders;x", *args).code == "config-namespace-illegal"
    assert cluster.asked("") == []


def test_the_original_path_is_sent_again_to_the_server_that_a_redirect_names(make_cluster, client):
    cluster = make_cluster(context="/timelock/api")
    cluster.leader = 2
    client(cluster.urls).fast_forward("orders", 41)
    wanted = ("POST", "/timelock/api/orders/timestamp-management/fast-forward?currentTimestamp=41")
    assert cluster.servers[0].asked == [wanted]
    assert cluster.servers[1].asked == []
    assert cluster.servers[2].asked == [wanted]


def test_the_leader_found_is_asked_first_afterwards(cluster, client):
    cluster.leader = 2
    timelock = client(cluster.urls)
    timelock.fresh_timestamp("orders")
    timelock.fresh_timestamp("orders")
    assert [len(server.asked) for server in cluster.servers] == [1, 0, 2]


def test_a_lost_answer_to_a_fast_forward_is_asked_for_again(cluster, client):
    cluster.script(
        0, FORWARD, lambda target: cluster.proper(0, target) and LOST, lambda target: cluster.proper(0, target)
    )
    timelock = client(cluster.urls)
    timelock.fast_forward("orders", 100)
    assert timelock.fresh_timestamp("orders") == 101
    assert len(cluster.servers[0].asked) == 3


def test_a_timestamp_whose_answer_was_lost_is_never_given(cluster, client):
    cluster.script(
        0, FRESH, lambda target: cluster.proper(0, target) and LOST, lambda target: cluster.proper(0, target)
    )
    assert client(cluster.urls).fresh_timestamp("orders") == 2


def test_a_new_leader_is_found_when_the_old_one_is_gone(cluster, client):
    timelock = client(cluster.urls)
    timelock.fresh_timestamp("orders")
    cluster.servers[0].stop()
    cluster.servers.pop(0)
    cluster.leader = 1
    assert timelock.fresh_timestamp("orders") == 2


def test_a_leader_that_hangs_costs_one_time_out(cluster, client, took):
    timelock = client(cluster.urls, deadline=10.0, request_timeout=1.0)
    timelock.fresh_timestamp("orders")
    cluster.script(0, FRESH, 30.0)
    cluster.leader = 1
    assert timelock.fresh_timestamp("orders") == 2
    assert took() < 3.0


def test_a_server_that_hangs_is_asked_last_afterwards(cluster, client):
    cluster.leader = 1
    cluster.script(0, FRESH, 30.0)
    cluster.script(1, FRESH, NOT_LEADING, lambda target: cluster.proper(1, target))
    cluster.script(2, FRESH, NOT_LEADING)
    assert client(cluster.urls, deadline=10.0, request_timeout=1.0).fresh_timestamp("orders") == 1
    assert len(cluster.servers[0].asked) == 1


def test_an_election_is_waited_for(cluster, client):
    cluster.script_all(FRESH, NOT_LEADING, NOT_LEADING, lambda target: cluster.proper(0, target))
    assert client(cluster.urls, deadline=10.0).fresh_timestamp("orders") == 1


def test_redirects_in_a_circle_end_at_the_deadline(cluster, client, took):
    for index in range(3):
        cluster.script(index, FRESH, (308, {"Location": cluster.urls[(index + 1) % 3]}, ""))
    refused = refusal(client(cluster.urls).fresh_timestamp, "orders")
    assert refused.code == "timelock-no-leader"
    assert took() < 3.0


def test_a_redirect_to_a_server_that_is_not_listed_is_refused_and_not_followed(cluster, make_cluster, client):
    stranger = make_cluster(1)
    cluster.script_all(FRESH, (308, {"Location": stranger.urls[0]}, ""))
    refused = refusal(client(cluster.urls).fresh_timestamp, "orders")
    assert refused.code == "timelock-clusters-differ"
    assert stranger.urls[0] in refused.found
    assert stranger.asked("") == []


def test_a_smaller_timestamp_than_the_last_is_refused(cluster, client):
    cluster.script(0, FRESH, number(100), number(100), number(99))
    timelock = client(cluster.urls)
    assert timelock.fresh_timestamp("orders") == 100
    refused = refusal(timelock.fresh_timestamp, "orders")
    assert refused.code == "timelock-went-backwards"
    assert "100 after 100" in refused.found
    assert refusal(timelock.fresh_timestamp, "orders").code == "timelock-went-backwards"


def test_namespaces_count_for_themselves(cluster, client):
    timelock = client(cluster.urls)
    timelock.fast_forward("orders", 100)
    assert timelock.fresh_timestamp("orders") == 101
    assert timelock.fresh_timestamp("billing") == 1


@pytest.mark.parametrize("value", [0, -1, -(2**63), LARGEST_BOUND + 1, 2**63 - 1])
def test_a_timestamp_that_atlasdb_never_issues_is_refused(cluster, client, value):
    cluster.script(0, FRESH, number(value))
    refused = refusal(client(cluster.urls).fresh_timestamp, "orders")
    assert refused.code == "bound-out-of-range"
    assert str(value) in refused.found


@pytest.mark.parametrize("body", ["1.5", "true", '"7"', str(2**63)])
def test_a_leader_that_answers_no_integer_is_not_timelock(cluster, client, body):
    cluster.script(0, FRESH, number(body))
    assert refusal(client(cluster.urls).fresh_timestamp, "orders").code == "timelock-not-timelock"


def test_a_namespace_that_exists_and_answers_500_is_stuck(cluster, client):
    cluster.highest["orders"] = 7
    cluster.script(0, FRESH, INTERNAL)
    refused = refusal(client(cluster.urls).fresh_timestamp, "orders")
    assert refused.code == "timelock-stuck"
    assert "answered 500 Default:Internal" in refused.found


def test_a_500_that_passes_is_waited_out(cluster, client):
    cluster.script(0, FRESH, INTERNAL, number(8))
    assert client(cluster.urls).fresh_timestamp("orders") == 8


def test_a_namespace_that_is_never_created_has_met_the_client_limit(cluster, client):
    cluster.script(0, PING, INTERNAL)
    refused = refusal(client(cluster.urls).ping, "orders")
    assert refused.code == "timelock-client-limit"
    assert refused.do


def test_a_leader_that_may_create_none_has_met_the_client_limit(cluster, client):
    cluster.script_all(PING, NOT_LEADING)
    assert refusal(client(cluster.urls).ping, "orders").code == "timelock-client-limit"


def test_asking_why_a_namespace_is_not_served_creates_none(cluster, client):
    cluster.script_all(PING, NOT_LEADING)
    refusal(client(cluster.urls).ping, "orders")
    assert {target for target in cluster.asked("") if "orders" not in target} <= {
        "/tl/management/getNamespaces",
        "/leader/ping",
    }


def test_no_leader_within_the_time_is_told(cluster, client, took):
    cluster.leader = None
    cluster.script_all(FRESH, NOT_LEADING)
    refused = refusal(client(cluster.urls).fresh_timestamp, "orders")
    assert refused.code == "timelock-no-leader"
    assert took() < 3.0


def test_one_server_that_is_not_timelock_does_not_hide_that_the_others_have_no_leader(cluster, client):
    cluster.leader = None
    cluster.script_all(FRESH, NOT_LEADING)
    cluster.script(2, FRESH, (404, {}, ""))
    refused = refusal(client(cluster.urls).fresh_timestamp, "orders")
    assert refused.code == "timelock-no-leader"
    assert "answered 404" in refused.found


def test_less_than_a_quorum_is_told(cluster, client):
    cluster.script(0, FRESH, NOT_LEADING)
    for gone in (1, 2):
        cluster.servers[gone].stop()
    survivors, cluster.servers = cluster.servers[:1], cluster.servers[:1]
    assert survivors
    timelock = client(cluster.urls)
    refused = refusal(timelock.fresh_timestamp, "orders")
    assert refused.code == "timelock-unreachable"
    assert "Connection refused" in refused.found
    assert refusal(client(cluster.urls).nodes).code == "timelock-unreachable"
    assert refusal(client(cluster.urls).namespaces).code == "timelock-unreachable"


@pytest.mark.parametrize("page", [LOGIN, (404, {}, ""), (302, {"Location": "https://sso/"}, ""), (403, {}, "")])
def test_what_is_not_timelock_is_told_at_once(cluster, client, page, took):
    cluster.script_all("", page)
    for call, args in (("nodes", ()), ("namespaces", ()), ("ping", ("orders",)), ("fresh_timestamp", ("orders",))):
        assert refusal(getattr(client(cluster.urls, deadline=30.0), call), *args).code == "timelock-not-timelock"
    assert took() < 3.0


def test_a_wrong_context_path_is_not_timelock(make_cluster, client):
    cluster = make_cluster(context="/timelock/api")
    bare = [url[: -len("/timelock/api")] for url in cluster.urls]
    assert refusal(client(bare).nodes).code == "timelock-not-timelock"
    assert refusal(client([f"{url}/api" for url in bare]).nodes).code == "timelock-not-timelock"


def test_each_node_says_what_it_is_and_nothing_is_created(cluster, client):
    nodes = client(cluster.urls).nodes()
    assert [node["url"] for node in nodes] == cluster.urls
    assert [node["is_leader"] for node in nodes] == [True, False, False]
    assert [node["uuid"] for node in nodes] == cluster.uuids
    assert all(node["reachable"] and node["code"] is None and node["error"] is None for node in nodes)
    assert cluster.highest == {}
    assert set(cluster.asked("")) == {"/leader/ping", "/leader/uuid"}


def test_one_node_that_is_down_is_reported_beside_the_quorum(cluster, client, closed_url):
    nodes = client([*cluster.urls[:2], closed_url]).nodes()
    assert nodes[2] == {
        "url": closed_url,
        "reachable": False,
        "is_leader": None,
        "uuid": None,
        "code": "timelock-unreachable",
        "error": "gave no answer (Connection refused)",
    }


def test_a_cluster_that_nobody_has_woken_has_nodes_and_no_leader(cluster, client):
    cluster.leader = None
    assert [node["is_leader"] for node in client(cluster.urls).nodes()] == [False] * 3


def test_a_quorum_that_comes_back_in_time_is_enough(cluster, client):
    cluster.script_all("/leader/ping", LOST, lambda target: cluster.proper(0, target), TRUE)
    cluster.script(1, "/leader/ping", LOST, NOT_LEADING, (200, {}, "false"))
    cluster.script(2, "/leader/ping", LOST, (200, {}, "false"))
    assert len(client(cluster.urls).nodes()) == 3


def test_two_that_call_themselves_leader_for_longer_than_an_election_are_refused(cluster, client):
    cluster.script(1, "/leader/ping", TRUE)
    refused = refusal(client(cluster.urls).nodes)
    assert refused.code == "timelock-many-leaders"
    assert cluster.urls[0] in refused.found
    assert cluster.urls[1] in refused.found


def test_two_leaders_during_an_election_are_waited_out(cluster, client):
    cluster.script(1, "/leader/ping", TRUE, TRUE, (200, {}, "false"))
    assert [node["is_leader"] for node in client(cluster.urls, deadline=10.0).nodes()] == [True, False, False]


def test_the_namespaces_of_all_servers_are_joined(cluster, client):
    cluster.script(0, "getNamespaces", (200, {}, '["tom","alpha"]'))
    cluster.script(1, "getNamespaces", (200, {}, '["tom","beta"]'))
    cluster.script(2, "getNamespaces", LOST)
    assert client(cluster.urls).namespaces() == ["alpha", "beta", "tom"]


def test_the_namespaces_of_less_than_a_quorum_are_not_all(cluster, client):
    cluster.highest["orders"] = 1
    for index in (1, 2):
        cluster.script(index, "getNamespaces", LOST)
    assert refusal(client(cluster.urls).namespaces).code == "timelock-unreachable"


def test_a_ping_goes_through_every_server_and_finds_the_one_leader(cluster, client):
    cluster.leader = 1
    found = client(cluster.urls).ping("orders")
    assert found["leader"] == cluster.urls[1]
    assert [answer["answer"] for answer in found["answers"]] == ["redirected", "answered", "redirected"]
    assert [answer["url"] for answer in found["answers"]] == cluster.urls


def test_a_ping_wakes_an_election_and_waits_for_it(cluster, client):
    cluster.script_all(PING, NOT_LEADING, NOT_LEADING, NOT_LEADING)
    cluster.script(0, PING, NOT_LEADING, NOT_LEADING, PONG)
    assert client(cluster.urls, deadline=10.0).ping("orders")["leader"] == cluster.urls[0]


def test_a_ping_waits_until_the_followers_know_the_leader(cluster, client):
    cluster.script(1, PING, NOT_LEADING, NOT_LEADING, lambda target: cluster.proper(1, target))
    found = client(cluster.urls, deadline=10.0).ping("orders")
    assert [answer["answer"] for answer in found["answers"]] == ["answered", "redirected", "redirected"]


def test_a_follower_that_never_knows_the_leader_does_not_hold_up_a_ping_for_long(cluster, client, took):
    cluster.script(1, PING, NOT_LEADING)
    assert client(cluster.urls, deadline=30.0).ping("orders")["leader"] == cluster.urls[0]
    assert took() < 4.0


def test_a_ping_with_little_time_still_tells_the_leader_that_it_found(cluster, client, monkeypatch):
    monkeypatch.setattr(client_module, "_SETTLE_SECONDS", 60.0)
    cluster.script(1, PING, NOT_LEADING)
    assert client(cluster.urls).ping("orders")["leader"] == cluster.urls[0]


def test_servers_of_two_clusters_are_refused(make_cluster, client):
    one, other = make_cluster(3), make_cluster(3)
    refused = refusal(client([*one.urls[:2], other.urls[0]]).ping, "orders")
    assert refused.code == "timelock-clusters-differ"
    assert one.urls[0] in refused.found
    assert other.urls[0] in refused.found


def test_a_follower_of_another_cluster_is_refused_by_where_it_points(make_cluster, client):
    one, other = make_cluster(3), make_cluster(3)
    refused = refusal(client([*one.urls[:2], other.urls[1]]).ping, "orders")
    assert refused.code == "timelock-clusters-differ"
    assert f"pointed to {other.urls[0]}" in refused.found
    assert other.asked("orders") == [f"/orders{PING}"]


def test_a_change_of_leader_seen_half_way_is_no_second_cluster(cluster, client):
    cluster.script(1, PING, PONG, lambda target: cluster.proper(1, target))
    assert client(cluster.urls, deadline=10.0).ping("orders")["leader"] == cluster.urls[0]


def test_what_was_found_before_the_deadline_is_told_even_if_the_last_round_was_cut_short(cluster, client):
    cluster.highest["orders"] = 7
    cluster.script(0, FRESH, INTERNAL, INTERNAL, 30.0)
    assert refusal(client(cluster.urls, deadline=4.0).fresh_timestamp, "orders").code == "timelock-stuck"


def test_everything_together_ends_by_the_deadline(cluster, client, took):
    cluster.script_all("", 30.0)
    timelock = client(cluster.urls, deadline=1.0, request_timeout=10.0)
    assert refusal(timelock.ping, "orders").code == "timelock-unreachable"
    assert refusal(timelock.fresh_timestamp, "orders").code == "timelock-unreachable"
    assert took() < 3.0
