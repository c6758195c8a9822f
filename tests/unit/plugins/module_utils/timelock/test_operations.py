# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What timelock_info and timelock_fast_forward rest on: looking, and bringing a namespace above a timestamp."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils import proofs
from ansible_collections.atlasdb.timelock.plugins.module_utils.bound import LARGEST_BOUND
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock.advance import bring_above
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock.survey import look

FRESH = "/timestamp/fresh-timestamp"
FORWARD = "/timestamp-management/fast-forward"


def number(value):
    return 200, {"Content-Type": "application/json"}, str(value)


def refusal(call, *args, **kwargs):
    with pytest.raises(Refusal) as refused:
        call(*args, **kwargs)
    return refused.value


def test_a_look_creates_nothing(cluster, client):
    cluster.highest["billing"] = 3
    found = look(client(cluster.urls), "orders")
    assert found["leader"] == cluster.urls[0]
    assert found["quorum"] == 2
    assert found["namespaces"] == ["billing"]
    assert found["fresh_timestamp"] is None
    assert found["asked"] is False
    assert cluster.asked("/orders/", "/billing/") == []


def test_a_look_with_a_fresh_timestamp_asks_every_server_and_consumes_one(cluster, client):
    cluster.highest["orders"] = 41
    found = look(client(cluster.urls), "orders", fresh=True)
    assert found["fresh_timestamp"] == 42
    assert found["asked"] is True
    assert len(cluster.asked("/orders/timestamp-management/ping")) == 3
    assert cluster.highest == {"orders": 42}


def test_a_look_says_which_namespaces_there_were_before_it_asked(cluster, client):
    assert look(client(cluster.urls), "orders", fresh=True)["namespaces"] == []
    assert list(cluster.highest) == ["orders"]


@pytest.mark.parametrize("page", [(200, {"Content-Type": "text/html"}, "<html>"), (404, {}, "")])
def test_a_look_refuses_even_one_server_that_is_not_timelock(cluster, client, page):
    cluster.script(2, "", page)
    refused = refusal(look, client(cluster.urls))
    assert refused.code == "timelock-not-timelock"
    assert cluster.urls[2] in refused.found


def test_a_look_with_a_fresh_timestamp_reports_such_a_server_beside_the_leader(cluster, client):
    cluster.script(2, "", (404, {}, ""))
    found = look(client(cluster.urls), "orders", fresh=True)
    assert (found["leader"], found["fresh_timestamp"]) == (cluster.urls[0], 1)
    assert [node["code"] for node in found["nodes"]] == [None, None, "timelock-not-timelock"]


def test_a_look_refuses_two_addresses_of_one_server(cluster, client):
    cluster.uuids[2] = cluster.uuids[1]
    refused = refusal(look, client(cluster.urls))
    assert refused.code == "timelock-clusters-differ"
    assert cluster.urls[1] in refused.found
    assert cluster.urls[2] in refused.found


def test_a_namespace_is_brought_above_a_timestamp(cluster, client):
    found = bring_above(client(cluster.urls), "orders", 5000)
    assert (found["changed"], found["before"], found["fresh_timestamp"]) == (True, 1, 5002)
    assert found["leader"] == cluster.urls[0]
    assert 0 <= proofs.age(found["taken"]) < 5
    assert all(isinstance(found[key], int) for key in ("before", "fresh_timestamp"))


@pytest.mark.parametrize(("highest", "sent"), [(4998, True), (4999, True), (5000, False), (6000, False)])
def test_a_fast_forward_is_sent_only_where_the_next_timestamp_is_not_above(cluster, client, highest, sent):
    cluster.highest["orders"] = highest
    found = bring_above(client(cluster.urls), "orders", 5000)
    assert found["changed"] is sent
    assert len(cluster.asked(FORWARD)) == sent
    assert found["fresh_timestamp"] > 5000


def test_a_second_run_changes_nothing(cluster, client):
    assert bring_above(client(cluster.urls), "orders", 5000)["changed"] is True
    assert bring_above(client(cluster.urls), "orders", 5000)["changed"] is False


def test_a_fast_forward_that_was_agreed_to_and_not_done_is_noticed(cluster, client):
    cluster.script(0, FORWARD, (204, {}, ""))
    refused = refusal(bring_above, client(cluster.urls), "orders", 5000)
    assert refused.code == "timelock-behind"
    assert "gave the fresh timestamp 2 after the fast-forward to 5000" in refused.found


def test_a_timestamp_equal_to_the_bound_is_behind(cluster, client):
    cluster.script(0, FRESH, number(1), number(5000))
    assert refusal(bring_above, client(cluster.urls), "orders", 5000).code == "timelock-behind"


def test_timestamps_that_do_not_increase_are_noticed_whatever_they_are(cluster, client):
    cluster.script(0, FRESH, number(1), number(5002), number(5001))
    assert refusal(bring_above, client(cluster.urls), "orders", 5000).code == "timelock-went-backwards"
    cluster.script(0, FRESH, number(6000), number(5001))
    assert refusal(bring_above, client(cluster.urls), "orders", 5000).code == "timelock-went-backwards"


@pytest.mark.parametrize("timestamp", [-1, LARGEST_BOUND + 1, 2**63 - 1, 2**64])
def test_a_timestamp_that_cannot_be_a_bound_is_refused_before_anything_is_asked(cluster, client, timestamp):
    assert refusal(bring_above, client(cluster.urls), "orders", timestamp).code == "bound-out-of-range"
    assert cluster.asked("") == []


def test_servers_of_two_clusters_are_not_fast_forwarded(make_cluster, client):
    one, other = make_cluster(3), make_cluster(3)
    servers = [*one.urls[:2], other.urls[0]]
    assert refusal(bring_above, client(servers), "orders", 5000).code == "timelock-clusters-differ"
    assert one.asked(FORWARD) == other.asked(FORWARD) == []


def test_check_mode_asks_nothing_that_creates(cluster, client):
    found = bring_above(client(cluster.urls), "orders", 5000, check_mode=True)
    assert found["changed"] is True
    assert found["asked"] is False
    assert found["before"] is found["fresh_timestamp"] is found["taken"] is None
    assert cluster.asked("orders") == []
    assert cluster.highest == {}


def test_check_mode_refuses_what_it_can_see(cluster, client):
    assert refusal(bring_above, client(cluster.urls), "a.b", 5, check_mode=True).code == "config-namespace-illegal"
    cluster.script_all("", (404, {}, ""))
    assert refusal(bring_above, client(cluster.urls), "orders", 5, True).code == "timelock-not-timelock"


def test_a_leader_lost_during_the_fast_forward_is_followed_to_the_next(cluster, client):
    def die_after_doing_it(target):
        cluster.proper(0, target)
        cluster.leader = 1
        cluster.highest["orders"] += 1000
        cluster.script(0, "", (503, {}, ""))
        return "lost"

    cluster.script(0, FORWARD, die_after_doing_it)
    found = bring_above(client(cluster.urls, deadline=10.0), "orders", 5000)
    assert (found["changed"], found["fresh_timestamp"]) == (True, 6002)
