# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TimeLock simulator answers as the real TimeLock 0.905.0 was recorded to answer, and by the rules behind that."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lab.timelock.cluster import Cluster
from lab.timelock.java import hash_set_order
from lab.timelock.probe import ATLAS, BEARER, CURL, Connection

RECORDED = json.loads((Path(__file__).parents[1] / "lab" / "data" / "timelock-exchanges.json").read_text())
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TOKEN = {**BEARER, "Content-Type": "application/json"}
LONG_MAX = 2**63 - 1

# What was sent between two recorded exchanges without being in the file, as far as the recorded numbers need it.
UNRECORDED = {
    121: ("leader", "POST", "/edge1/timestamp/fresh-timestamps?number=10000", CURL, ""),
    277: ("leader", "POST", "/timelock/api/alpha/timestamp/fresh-timestamp", CURL, ""),
    296: ("leader", "POST", "/timelock/api/tl/ts/alpha", TOKEN, '{"numTimestamps":1}'),
}


class Replay:
    """A cluster of one flavour, whose base URLs stand for the recorded ones."""

    def __init__(self, cluster, leader_before):
        leader = cluster.wake("tom")
        follower = (leader + 1) % cluster.size
        roots = [url.removesuffix("/timelock/api") for url in cluster.urls]
        self.connections = {
            "leader": Connection(roots[leader]),
            "follower": Connection(roots[follower]),
            "admin": Connection(cluster.admin_urls[leader]),
        }
        self.leader_url = cluster.urls[leader]
        self.other_urls = [url for url in cluster.urls if url != self.leader_url]
        self.leader_recorded = leader_before

    def send(self, node, method, target, headers, body):
        headers = {name: value for name, value in headers.items() if name != "Content-Length" or not body}
        return self.connections[node].send(method, target, headers, body)

    def locations(self, recorded):
        """The base URLs that a recorded Location stands for: the leader's, or any other node's."""
        return [self.leader_url] if recorded == self.leader_recorded else self.other_urls


@pytest.fixture(scope="module")
def dropwizard(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("dropwizard")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def undertow(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("undertow"), flavour="undertow", context_path="/timelock/api") as cluster:
        yield cluster


@pytest.fixture(params=["dropwizard", "undertow"])
def either(request):
    return request.getfixturevalue(request.param)


def leading(cluster):
    return Connection(cluster.urls[cluster.wake("tom")])


def following(cluster):
    return Connection(cluster.urls[(cluster.wake("tom") + 1) % cluster.size])


def body_form(body):
    """A body without what differs from run to run: ids and times; lists of namespaces keep their order."""
    body = UUID.sub("<uuid>", body)
    if body.startswith("<html>"):
        return re.search("<title>(.*)</title>", body)[1]
    if '"deadlocks"' in body:
        return re.sub('"timestamp":"[-0-9T:.]+Z"', "<time>", body)
    return re.sub('"currentTime":[0-9]+', "<time>", body)


def same_namespaces(body, recorded):
    """Java's order of a set is reproduced, except among names that share a bucket."""
    return sorted(json.loads(body)) == sorted(json.loads(recorded))


def differences(replay, exchange):
    request, recorded = exchange["request"], exchange["response"]
    response = replay.send(
        exchange["node"], request["method"], request["target"], request["headers"], request["body"])
    found = []
    if response.status != recorded["status"]:
        found.append(f"status {response.status}, recorded {recorded['status']}")
    for name in ("content-type", "allow"):
        expected = {key.lower(): value for key, value in recorded["headers"].items()}.get(name)
        if response.headers.get(name) != expected:
            found.append(f"{name} {response.headers.get(name)!r}, recorded {expected!r}")
    location = recorded["headers"].get("Location")
    if (location is None) != ("location" not in response.headers):
        found.append(f"location {response.headers.get('location')!r}, recorded {location!r}")
    elif location is not None and response.headers["location"] not in replay.locations(location):
        found.append(f"location {response.headers['location']!r} is not what {location!r} stands for")
    if "retry-after" in response.headers:
        found.append("a Retry-After")
    if "characters in all>" in recorded["body"]:
        return found
    if request["target"].endswith("/getNamespaces") and recorded["status"] == 200:
        if not same_namespaces(response.body, recorded["body"]):
            found.append(f"namespaces {response.body}, recorded {recorded['body']}")
    elif body_form(response.body) != body_form(recorded["body"]):
        found.append(f"body {response.body!r}, recorded {recorded['body']!r}")
    return found


def replay_all(replay, sets):
    exchanges = {exchange["n"]: exchange for exchange in RECORDED if exchange["set"] in sets}
    found = []
    for number in sorted({*exchanges, *(n for n in UNRECORDED if min(exchanges) < n < max(exchanges))}):
        if number in exchanges:
            label = f"#{number} {exchanges[number]['title']}: "
            found += [label + difference for difference in differences(replay, exchanges[number])]
        else:
            replay.send(*UNRECORDED[number])
    return len(exchanges), found


def test_every_recorded_exchange_with_the_dropwizard_server_is_answered_alike(dropwizard):
    count, found = replay_all(Replay(dropwizard, "https://127.0.0.1:9421"), ("basic", "edge", "overflow"))
    assert found == []
    assert count == 245


def test_every_recorded_exchange_with_the_undertow_server_is_answered_alike(undertow):
    replay = Replay(undertow, "https://127.0.0.1:9431/timelock/api")
    replay.send("leader", "POST", "/timelock/api/tom/timestamp/fresh-timestamps?number=11", CURL, "")
    count, found = replay_all(replay, ("undertow",))
    assert found == []
    assert count == 147


NOT_A_LONG = [
    "", "%20", "%2077", "77%20", "+77", "1e6", "1000.0", "1_000", "1,000", "0x10", "12abc", "null", "--1", "-", "%2B",
    "9223372036854775808", "-9223372036854775809", "77;", "%EF%BC%8D7",
]
A_LONG = ["%2B77", "-0", "007", "-9223372036854775807", "%D9%A7", "%EF%BC%97"]


@pytest.mark.parametrize("text", NOT_A_LONG)
def test_what_java_does_not_read_as_a_long_is_refused_before_the_leader_check(either, text):
    target = f"/longs/timestamp-management/fast-forward?currentTimestamp={text}"
    for connection in leading(either), following(either):
        for headers in CURL, ATLAS:
            response = connection.send("POST", target, headers)
            assert (response.status, response.headers["content-type"]) == (400, "application/json")
            assert response.json["errorName"] == "Default:InvalidArgument"


@pytest.mark.parametrize("text", A_LONG)
def test_what_java_reads_as_a_long_is_taken(either, text):
    assert leading(either).fast_forward("longs", text) == 204
    assert following(either).fast_forward("longs", text) == 503


def test_a_missing_or_misspelt_parameter_is_refused_by_the_leader_only(either):
    leader, follower = leading(either), following(either)
    for query in "", "?currenttimestamp=1", "?current-timestamp=1", "?timestamp=1", "?CURRENTTIMESTAMP=1":
        target = "/longs/timestamp-management/fast-forward" + query
        assert leader.send("POST", target).status == 400
        assert follower.send("POST", target).status == 503
        assert follower.send("POST", target, ATLAS).status == 308
    target = "/longs/timestamp-management/fast-forward?currentTimestamp=-9223372036854775808"
    assert (leader.send("POST", target).status, follower.send("POST", target).status) == (400, 503)


def test_a_number_of_timestamps_is_an_int_above_zero_and_capped(either):
    leader, follower = leading(either), following(either)
    before = leader.fresh("ints")
    for text in "0", "-1", "-2147483648", "", "1.0", "1e3", "2147483648", "99999999999999999999":
        assert leader.send("POST", f"/ints/timestamp/fresh-timestamps?number={text}").status == 400
    for text in "", "x", "2147483648":
        assert follower.send("POST", f"/ints/timestamp/fresh-timestamps?number={text}").status == 400
    for query in "?number=0", "?number=-1", "", "?Number=1":
        assert follower.send("POST", f"/ints/timestamp/fresh-timestamps{query}").status == 503
    for text, count in ("1", 1), ("10000", 10000), ("10001", 10000), ("2147483647", 10000), ("%2B5", 5):
        response = leader.send("POST", f"/ints/timestamp/fresh-timestamps?number={text}")
        assert response.body == f'{{"lowerBound":{before + 1},"upperBound":{before + count}}}'
        before += count


def test_of_several_values_dropwizard_takes_the_first_and_undertow_none(dropwizard, undertow):
    leader = leading(dropwizard)
    assert leader.fast_forward("several", "500&currentTimestamp=900") == 204
    assert leader.fresh("several") == 501
    assert leader.fast_forward("several", "x&currentTimestamp=900") == 400
    for connection in leading(undertow), following(undertow):
        assert connection.fast_forward("several", "500&currentTimestamp=900") == 400
    assert leading(undertow).fresh("several") == 1


@pytest.mark.parametrize("agent", [
    "probe/1.0.0 atlasdb-http-client/2.0", "a/1 b/2 atlasdb-http-client/2.0 c/3",
    "real-client/1.0.0 atlasdb-http-client/2.0 TimelockRpcClient/7.45.0 dialogue/3.78.0",
    "Mozilla/5.0 (X11; x) atlasdb-http-client/2.0"])
def test_atlasdbs_client_as_second_or_later_agent_is_redirected(either, agent):
    response = following(either).send("POST", "/agents/timestamp/fresh-timestamp", {"User-Agent": agent})
    assert (response.status, response.headers["location"]) == (308, either.urls[either.leader()])
    assert response.body == ""
    assert "retry-after" not in response.headers


@pytest.mark.parametrize("agent", [
    None, "", "curl/7.88.1", "atlasdb-http-client/2.0", "atlasdb-http-client/2.0 probe/1.0.0", "ansible-httpget",
    "probe/1 atlasdb-http-client/1.0", "probe/1.0.0 atlasdb-http-client", "probe/1.0.0 other-http-client/2.0",
    "probe/1 atlasdb-http-client/2.0.1"])
def test_every_other_agent_hears_503_without_a_hint(either, agent):
    headers = {} if agent is None else {"User-Agent": agent}
    response = following(either).send("POST", "/agents/timestamp/fresh-timestamp", headers)
    assert response.status == 503
    assert not {"location", "retry-after"} & set(response.headers)


@pytest.mark.parametrize("header, name", [
    (None, "MissingCredentials"), ("", "MalformedCredentials"), ("Basic Zm9v", "MalformedCredentials"),
    ("Bearer a b", "MalformedCredentials"), ("bearer q", "MalformedCredentials"),
    ("Bearer q", None), ("Bearer omitted", None), ("Bearer eyJ.x-y_z~+/==", None)])
@pytest.mark.parametrize("target", [
    "/tl/ts/auth", "/tl/management/getNamespaces", "/tl/management/fastForward?namespace=auth&currentTimestamp=1"])
def test_conjure_paths_want_a_token_of_any_value(either, target, header, name):
    headers = {"User-Agent": "curl/7.88.1", "Accept": "*/*", "Content-Type": "application/json"}
    if header is not None:
        headers["Authorization"] = header
    leader = leading(either).send("POST", target, headers, '{"numTimestamps":1}')
    if name is None:
        assert leader.status in (200, 204)
    else:
        assert (leader.status, leader.json["errorName"]) == (401, "Conjure:" + name)
        assert following(either).send("POST", target, headers, '{"numTimestamps":1}').status == 401


def test_a_token_is_not_looked_at_on_the_old_paths(either):
    for header in "", "Basic Zm9v", "Bearer zzz":
        headers = {**CURL, "Authorization": header}
        assert leading(either).send("POST", "/auth/timestamp/fresh-timestamp", headers).status == 200


def test_every_agent_is_redirected_on_conjure_paths(either):
    follower, leader_url = following(either), either.urls[either.leader()]
    for target, body in (
            ("/tl/ts/c1", '{"numTimestamps":1}'), ("/tl/t2/c1", "3"), ("/tl/ts1/c1", ""), ("/tl/lt/c1", ""),
            ("/tl/management/fastForward?namespace=c1&currentTimestamp=7", "")):
        response = follower.send("POST", target, TOKEN, body)
        assert (response.status, response.headers["location"]) == (308, leader_url)


def test_the_conjure_ways_to_a_timestamp(either):
    leader = leading(either)
    assert leader.send("POST", "/tl/ts/ways", TOKEN, '{"numTimestamps":2}').body == (
        '{"inclusiveLower":1,"inclusiveUpper":2}')
    assert leader.send("POST", "/tl/t2/ways", TOKEN, "3").body == '{"start":3,"count":3}'
    assert leader.send("POST", "/tl/ts1/ways", TOKEN).body == "6"
    assert leader.send("POST", "/ways/timelock/fresh-timestamp").body == "7"
    assert leader.send("POST", "/ways/timelock/fresh-timestamps?number=2").body == '{"lowerBound":8,"upperBound":9}'
    assert leader.send("POST", "/tl/t2/ways", TOKEN, "20000").json == {"start": 10, "count": 10000}
    assert leader.send("POST", "/tl/t2/ways", TOKEN, "0").status == 400
    assert leader.send("POST", "/tl/management/fastForward?namespace=ways&currentTimestamp=20000", TOKEN).status == 204
    assert leader.fresh("ways") == 20001
    assert set(leader.send("POST", "/tl/lt/ways", TOKEN).json) == {"id", "currentTime"}


@pytest.mark.parametrize("body, dropwizard_status, undertow_status", [
    ("", 500, 422), ("null", 500, 400), ("{}", 400, 400), ("{", 400, 400), ("[]", 400, 422),
    ('{"numTimestamps":"1"}', 400, 422), ('{"numTimestamps":1.0}', 400, 422), ('{"numTimestamps":true}', 400, 422),
    ('{"numTimestamps":2147483648}', 400, 422)])
def test_a_conjure_body_that_cannot_be_read_is_refused_by_every_node(
        dropwizard, undertow, body, dropwizard_status, undertow_status):
    for cluster, status in (dropwizard, dropwizard_status), (undertow, undertow_status):
        for connection in leading(cluster), following(cluster):
            assert connection.send("POST", "/tl/ts/bodies", TOKEN, body).status == status


def test_a_body_without_or_with_another_content_type(dropwizard, undertow):
    no_type = {name: value for name, value in TOKEN.items() if name != "Content-Type"}
    other_type = {**TOKEN, "Content-Type": "text/plain"}
    for connection in leading(dropwizard), following(dropwizard):
        assert connection.send("POST", "/tl/ts/types", no_type, '{"numTimestamps":1}').status == 415
        assert connection.send("POST", "/tl/ts/types", other_type, '{"numTimestamps":1}').status == 415
        assert connection.send("POST", "/tl/ts/types", no_type).status == 500
    for connection in leading(undertow), following(undertow):
        assert connection.send("POST", "/tl/ts/types", no_type, '{"numTimestamps":1}').status == 400
    with_charset = {**TOKEN, "Content-Type": "application/json; charset=utf-8"}
    assert leading(dropwizard).send("POST", "/tl/ts/types", with_charset, '{"numTimestamps":1}').status == 200
    assert leading(undertow).send("POST", "/tl/ts/types", with_charset, '{"numTimestamps":1}').status == 200


def test_a_fast_forward_by_conjure_without_its_parameters(dropwizard, undertow):
    path = "/tl/management/fastForward"
    leader = leading(dropwizard)
    assert leader.send("POST", path + "?namespace=mgmt", TOKEN).status == 204
    assert leader.fresh("mgmt") == 1
    assert following(dropwizard).send("POST", path + "?namespace=mgmt", TOKEN).status == 308
    assert leader.send("POST", path + "?currentTimestamp=1", TOKEN).status == 500
    for connection in leading(undertow), following(undertow):
        assert connection.send("POST", path + "?namespace=mgmt", TOKEN).status == 400
        assert connection.send("POST", path + "?currentTimestamp=1", TOKEN).status == 400
    for cluster in dropwizard, undertow:
        for name in "a.b", "leader", "tl", "lw", "", "a%20b":
            target = f"{path}?namespace={name}&currentTimestamp=1"
            assert leading(cluster).send("POST", target, TOKEN).status == 400
            assert following(cluster).send("POST", target, TOKEN).status == 400
        assert leading(cluster).send("POST", path + "?namespace=mgmt&currentTimestamp=x", TOKEN).status == 400
        assert following(cluster).send("POST", path + "?namespace=mgmt&currentTimestamp=x", TOKEN).status == 400


@pytest.mark.parametrize("name", [
    "a.b", "a%20b", "a%2Fb", "a+b", "a:b", "a@b", "%C3%A9", "a%0A", ".", "leader", "tl", "lw"])
def test_a_name_that_is_no_namespace(dropwizard, undertow, name):
    for method, target in (
            ("POST", f"/{name}/timestamp/fresh-timestamp"), ("GET", f"/{name}/timestamp-management/ping"),
            ("POST", f"/{name}/timestamp/fresh-timestamps?number=1"),
            ("POST", f"/{name}/timestamp-management/fast-forward?currentTimestamp=1")):
        for headers in CURL, ATLAS:
            for connection in leading(dropwizard), following(dropwizard):
                response = connection.send(method, target, headers)
                assert (response.status, response.json["errorName"]) == (404, "Default:NotFound")
            for connection in leading(undertow), following(undertow):
                response = connection.send(method, target, headers)
                assert (response.status, response.json["errorName"]) == (400, "Default:InvalidArgument")
    for cluster in dropwizard, undertow:
        for connection in leading(cluster), following(cluster):
            assert connection.send("POST", f"/tl/ts1/{name}", TOKEN).status == 400


@pytest.mark.parametrize("name", [
    "tl2", "tla", "lw_", "leader1", "Leader", "TL", "learner", "acceptor", "-", "_", "0", "x" * 255])
def test_a_name_that_is_a_namespace(either, name):
    assert leading(either).fresh(name) > 0
    assert name in leading(either).send("POST", "/tl/management/getNamespaces", TOKEN).json


def test_a_name_longer_than_a_file_name_has_no_leader(either):
    leader, name = leading(either), "x" * 256
    assert leader.fresh(name) == -503
    redirect = leader.send("POST", f"/{name}/timestamp/fresh-timestamp", ATLAS)
    assert redirect.status == 308
    assert redirect.headers["location"] in set(either.urls) - {either.urls[either.leader()]}
    assert leader.send("POST", f"/tl/ts1/{name}", TOKEN).status == 308
    assert following(either).fresh(name) == -503
    assert name not in leader.send("POST", "/tl/management/getNamespaces", TOKEN).json


def test_the_election_log_can_be_used_as_a_namespace_but_is_not_listed(either):
    leader = leading(either)
    assert leader.fast_forward("leaderPaxos", 900) == 204
    assert leader.fresh("leaderPaxos") == 901
    assert "leaderPaxos" not in leader.send("POST", "/tl/management/getNamespaces", TOKEN).json


def test_a_semicolon_ends_a_name(either):
    assert leading(either).fast_forward("semi;colon", 40) == 204
    assert leading(either).fresh("semi") == 41


def test_asking_creates_a_namespace_and_a_mistake_in_asking_does_not(either):
    leader = leading(either)

    def known():
        return leader.send("POST", "/tl/management/getNamespaces", TOKEN).json

    leader.send("POST", "/made1/timestamp-management/fast-forward?currentTimestamp=x")
    leader.send("POST", "/made1/timestamp/nope")
    leader.send("POST", "/made1/timestamp-management/ping")
    leader.send("POST", "/tl/ts/made1", CURL, '{"numTimestamps":1}')
    leader.send("GET", "/leader/ping")
    assert "made1" not in known()
    assert leader.send("GET", "/made1/timestamp-management/ping").body == "pong"
    assert leader.send("POST", "/made2/timestamp-management/fast-forward").status == 400
    assert leader.send("POST", "/tl/ts/made3", TOKEN, '{"numTimestamps":0}').status == 400
    assert {"made1", "made2", "made3"} <= set(known())
    assert {"made1", "made2"} <= set(following(either).send("POST", "/tl/management/getNamespaces", TOKEN).json)
    assert leader.fresh("made2") == 1
    assert "made1" in leader.send("POST", "/tl/management/getActiveNamespaces", TOKEN).json


def test_a_follower_that_was_asked_for_a_namespace_keeps_nothing_of_it(either):
    follower = following(either)
    assert follower.fresh("unheard") == -503
    assert "unheard" not in follower.send("POST", "/tl/management/getNamespaces", TOKEN).json


def test_more_namespaces_than_allowed_are_an_error_of_the_server(tmp_path):
    for flavour, context in ("dropwizard", ""), ("undertow", "/t"):
        with Cluster(tmp_path / flavour, nodes=1, flavour=flavour, context_path=context, max_clients=2) as cluster:
            leader = leading(cluster)
            assert leader.fresh("second") == 1
            for target in "/third/timestamp/fresh-timestamp", "/tl/ts1/third":
                response = leader.send("POST", target, TOKEN)
                assert (response.status, response.headers["content-type"]) == (500, "application/json")
                if flavour == "dropwizard":
                    assert response.json["code"] == 500
                    assert "has been logged (ID " in response.json["message"]
                else:
                    assert response.json["errorName"] == "Default:Internal"
            assert leader.fresh("second") == 2
            assert "third" not in leader.send("POST", "/tl/management/getNamespaces", TOKEN).json


@pytest.mark.parametrize("method, target", [
    ("GET", "/m/timestamp-management/fast-forward?currentTimestamp=1"), ("DELETE", "/m/timestamp/fresh-timestamp"),
    ("PATCH", "/m/timestamp-management/ping"), ("GET", "/tl/ts1/m"), ("POST", "/leader/ping"),
    ("GET", "/tl/management/getNamespaces")])
def test_another_method_is_405_on_dropwizard_and_an_unknown_path_on_undertow(dropwizard, undertow, method, target):
    for connection in leading(dropwizard), following(dropwizard):
        response = connection.send(method, target, TOKEN)
        assert (response.status, response.json["errorName"]) == (405, "NotAllowedException")
    for connection in leading(undertow), following(undertow):
        response = connection.send(method, target, TOKEN)
        assert (response.status, response.json["errorName"]) == (404, "Default:NotFound")


@pytest.mark.parametrize("accept, target, taken", [
    ("text/plain", "/acc/timestamp/fresh-timestamp", False), ("text/html", "/acc/timestamp/fresh-timestamp", False),
    ("application/json", "/acc/timestamp-management/fast-forward?currentTimestamp=1", True),
    ("application/*", "/acc/timestamp/fresh-timestamp", True),
    ("text/html, */*;q=0.1", "/acc/timestamp/fresh-timestamp", True),
    ("application/xml", "/tl/ts1/acc", False)])
def test_accept_counts_on_dropwizard_only(dropwizard, undertow, accept, target, taken):
    headers = {**TOKEN, "Accept": accept}
    for connection, otherwise in (leading(dropwizard), None), (following(dropwizard), (503, 308)):
        status = connection.send("POST", target, headers).status
        assert status == 406 if not taken else status in (otherwise or (200, 204))
    assert leading(undertow).send("POST", target, headers).status in (200, 204)
    ping = "/acc/timestamp-management/ping"
    assert leading(dropwizard).send("GET", ping, {"Accept": "application/json"}).status == 406
    assert leading(undertow).send("GET", ping, {"Accept": "application/json"}).body == "pong"


def test_slashes_at_the_end_and_in_between(dropwizard, undertow):
    leader = leading(dropwizard)
    for target in "/s/timestamp/fresh-timestamp/", "/tl/ts1/s/", "/tl/management/getNamespaces/":
        assert leader.send("POST", target, TOKEN).status == 200
    assert leader.send("GET", "/leader/ping/").body == "true"
    for target in "/s//timestamp/fresh-timestamp", "//s/timestamp/fresh-timestamp", "/s/timestamp/fresh-timestamp//":
        assert leader.send("POST", target).status == 404
    for target in "/../s/timestamp/fresh-timestamp", "/s/../../x", "/%2E%2e/s":
        assert leader.send("POST", target).status == 400
    assert leading(undertow).send("POST", "/s/timestamp/fresh-timestamp/").status == 200


def test_paths_outside_the_context(tmp_path, undertow):
    bare = Connection(undertow.urls[0].removesuffix("/timelock/api"))
    for target in "/", "/leader/ping", "/timelock", "/timelock/apix/leader/ping", "/a/timestamp/fresh-timestamp":
        response = bare.send("GET", target)
        assert (response.status, response.body, "content-type" in response.headers) == (404, "", False)
    assert bare.send("GET", "/timelock/api/").json["errorName"] == "Default:NotFound"
    with Cluster(tmp_path / "c", nodes=1, context_path="/root") as cluster:
        assert cluster.urls[0].endswith("/root")
        assert leading(cluster).fresh("a") == 1
        response = Connection(cluster.urls[0].removesuffix("/root")).send("POST", "/a/timestamp/fresh-timestamp")
        assert (response.status, response.headers["content-type"]) == (405, "text/html;charset=iso-8859-1")


def test_a_connection_serves_many_requests_whatever_their_answers(either):
    for connection in leading(either), following(either):
        fast_forward = "/k/timestamp-management/fast-forward?currentTimestamp="
        for target in "/k/timestamp/fresh-timestamp", "/nope", fast_forward + "1", fast_forward + "x":
            for headers in CURL, ATLAS, TOKEN:
                connection.send("POST", target, headers)
        assert connection.opened == 1


def test_what_an_idle_client_asks_is_answered(either):
    leader = leading(either)
    assert int(leader.send("POST", "/idle/timelock/current-time-millis", ATLAS).body) > 1.7e12
    assert int(leader.send("POST", "/idle/timelock/immutable-timestamp", ATLAS).body) == 1
    locked = leader.send("POST", "/tl/l/idle", TOKEN, json.dumps({
        "requestId": "9654ea6b-d753-4df2-a2a4-a061d38a1ac6", "lockDescriptors": [], "acquireTimeoutMs": 10})).json
    assert locked["successful"]["lockToken"]["requestId"]
    assert leader.send("POST", "/tl/ul2/idle", TOKEN, '["9654ea6b-d753-4df2-a2a4-a061d38a1ac6"]').json
    started = leader.send("POST", "/tl/st/idle", TOKEN, json.dumps({
        "requestId": "9654ea6b-d753-4df2-a2a4-a061d38a1ac6", "requestorId": "9654ea6b-d753-4df2-a2a4-a061d38a1ac6",
        "numTransactions": 1})).json
    committed = leader.send("POST", "/tl/gct/idle", TOKEN, '{"numTimestamps":1}').json
    assert 1 < started["timestamps"]["start"] < committed["inclusiveLower"]
    assert leader.send("POST", "/tl/feedback/reportFeedback", TOKEN, "{}").status == 204
    assert following(either).send("POST", "/idle/timelock/current-time-millis", ATLAS).status == 308


def test_the_admin_port_says_nothing_about_leadership(either):
    for url in either.admin_urls:
        admin = Connection(url)
        assert admin.send("GET", "/ping").body == "pong"
        assert list(admin.send("GET", "/healthcheck").json) == ["deadlocks"]
        assert admin.send("GET", "/metrics").headers["content-type"] == "application/json"
        assert admin.send("GET", "/leader/ping").status == 404


def test_namespaces_come_in_the_order_of_a_java_set():
    recorded = next(exchange for exchange in RECORDED if exchange["n"] == 203)["response"]["body"]
    names = json.loads(recorded)
    assert hash_set_order(names) == names
    assert hash_set_order(["alpha", "tom"]) == ["tom", "alpha"]
