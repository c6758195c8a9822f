# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TimeLock simulator keeps TimeLock's promises, and its faults, when nodes die, hang, or lose each other."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from lab.checker import judge
from lab.journal import Origin, Requests
from lab.timelock import command
from lab.timelock.cluster import TESTS, Cluster
from lab.timelock.election import Election
from lab.timelock.errors import NotLeading
from lab.timelock.peers import Unreachable
from lab.timelock.probe import ATLAS, BEARER, Connection
from lab.timelock.service import Service
from lab.timelock.store import Store

LONG_MAX = 2**63 - 1
NO_ANSWER = (OSError, http.client.HTTPException)


@pytest.fixture
def cluster(tmp_path):
    with Cluster(tmp_path / "timelock", leader_timeout=2.0, no_quorum_wait=1.0) as started:
        yield started


def leading(cluster):
    return Connection(cluster.urls[cluster.wake("tom")])


def stored_namespaces(cluster, index):
    headers = {**BEARER, "Content-Type": "application/json"}
    return Connection(cluster.urls[index]).send("POST", "/tl/management/getNamespaces", headers).json


def test_nobody_leads_before_the_first_namespaced_request(cluster):
    nodes = [Connection(url) for url in cluster.urls]
    for node in nodes:
        assert node.send("GET", "/leader/ping").body == "false"
    time.sleep(0.6)
    assert cluster.leader() is None
    assert all(stored_namespaces(cluster, index) == [] for index in range(3))
    assert nodes[1].fresh("orders") == -503
    deadline = time.monotonic() + 10
    while nodes[1].fresh("orders") == -503:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # The only one that was asked is the only one that stood.
    assert [node.send("GET", "/leader/ping").body for node in nodes] == ["false", "true", "false"]


def test_a_killed_leader_is_replaced_within_about_a_second_and_numbers_go_on_above_the_bound(cluster):
    leader = leading(cluster)
    old = cluster.leader()
    assert leader.fresh("orders") == 1
    assert leader.fast_forward("payments", 12000023) == 204
    cluster.kill(old)
    with pytest.raises(NO_ANSWER):
        leader.fresh("orders")
    began = time.monotonic()
    new = cluster.wake("tom")
    assert new != old
    assert time.monotonic() - began < 5
    leader = Connection(cluster.urls[new])
    assert leader.fresh("orders") == 1000002
    assert leader.fresh("payments") == 13000024


def test_a_killed_follower_is_not_noticed(cluster):
    leader = leading(cluster)
    assert leader.fresh("orders") == 1
    follower = (cluster.leader() + 1) % 3
    cluster.kill(follower)
    assert [leader.fresh("orders") for _number in range(3)] == [2, 3, 4]
    with pytest.raises(ConnectionRefusedError):
        Connection(cluster.urls[follower]).fresh("orders")


def test_what_was_stored_outlives_a_crash_of_all_and_the_ports_stay(cluster):
    leader = leading(cluster)
    assert leader.fast_forward("orders", 123456789) == 204
    assert leader.fresh("orders") == 123456790
    urls = cluster.urls
    for index in range(3):
        cluster.kill(index)
    cluster.start()
    assert cluster.urls == urls
    assert cluster.leader() is None
    assert leading(cluster).fresh("orders") == 124456790


def test_a_fast_forward_within_the_bound_is_not_stored(cluster):
    leader = leading(cluster)
    assert leader.fresh("orders") == 1
    assert leader.fast_forward("orders", 1000001) == 204
    assert leader.fresh("orders") == 1000002
    assert leader.fast_forward("payments", 5) == 204
    cluster.kill(cluster.leader())
    leader = leading(cluster)
    assert leader.fresh("orders") == 2000003
    assert leader.fresh("payments") == 1000006


def test_a_paused_leader_hangs_its_clients_and_issues_nothing_once_it_goes_on(cluster):
    leader = leading(cluster)
    old = cluster.leader()
    assert leader.fresh("orders") == 1
    for index in range(3):
        Connection(cluster.urls[index]).fresh("orders")
    cluster.pause(old)
    assert cluster.runs(old)
    with pytest.raises(TimeoutError):
        Connection(cluster.urls[old], timeout=0.3).fresh("orders")
    hanging, answers = Connection(cluster.urls[old]), []
    waiter = threading.Thread(target=lambda: answers.append(hanging.fresh("orders")))
    waiter.start()
    began = time.monotonic()
    new = Connection(cluster.urls[cluster.wake("tom")])
    assert time.monotonic() - began < 8
    assert new.fresh("orders") == 1000002
    cluster.resume(old)
    waiter.join(10)
    assert answers == [-503]
    assert Connection(cluster.urls[old]).fresh("orders") == -503
    assert Connection(cluster.urls[old]).send("GET", "/leader/ping").body == "false"
    assert new.fresh("orders") > 1000002


def test_without_a_quorum_a_request_waits_once_and_then_503_comes_at_once(cluster):
    leader = leading(cluster)
    survivor = cluster.leader()
    highest = leader.fresh("orders")
    killed = cluster.lose_quorum()
    assert len(killed) == 2
    assert survivor not in killed
    began = time.monotonic()
    assert leader.fresh("orders") == -503
    assert time.monotonic() - began >= 0.9
    began = time.monotonic()
    assert [leader.fresh("orders"), leader.fresh("never"), leader.fast_forward("orders", 5)] == [-503, -503, 503]
    assert leader.send("GET", "/orders/timestamp-management/ping").status == 503
    assert time.monotonic() - began < 0.8
    redirect = leader.send("POST", "/orders/timestamp/fresh-timestamp", ATLAS)
    assert (redirect.status, redirect.headers["location"] in [cluster.urls[index] for index in killed]) == (308, True)
    assert leader.send("GET", "/leader/ping").body == "true"
    assert sorted(stored_namespaces(cluster, survivor)) == ["orders", "tom"]
    cluster.start_node(killed[0])
    assert leading(cluster).fresh("orders") > highest


def test_a_quorum_loss_shorter_than_the_wait_only_delays_the_answer(cluster):
    leader = leading(cluster)
    assert leader.fresh("orders") == 1
    killed = cluster.lose_quorum()
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(leader.fresh("orders")))
    waiter.start()
    cluster.start_node(killed[0])
    waiter.join(10)
    assert answers == [2]


def test_a_namespace_stuck_in_memory_works_again_under_the_next_leader(cluster):
    leader = leading(cluster)
    assert leader.fresh("orders") == 1
    assert leader.fast_forward("orders", LONG_MAX) == 500
    assert leader.fresh("orders") == -500
    assert leader.fast_forward("orders", 5) == 204
    assert leader.fresh("orders") == -500
    assert leader.send("GET", "/orders/timestamp-management/ping").body == "pong"
    assert leader.fresh("payments") == 1
    cluster.kill(cluster.leader())
    assert leading(cluster).fresh("orders") == 1000002


@pytest.mark.parametrize("distance", [1000000, 2000000])
def test_a_huge_value_that_was_stored_is_stuck_for_good_from_the_next_leader_on(cluster, distance):
    leader = leading(cluster)
    assert leader.fast_forward("orders", LONG_MAX - distance) == 204
    assert leader.fresh("orders") == LONG_MAX - distance + 1
    cluster.kill(cluster.leader())
    leader = leading(cluster)
    assert leader.fresh("orders") == -500
    assert leader.fast_forward("orders", 5) == 204
    assert leader.send("GET", "/orders/timestamp-management/ping").body == "pong"
    for index in range(3):
        if cluster.runs(index):
            cluster.kill(index)
    cluster.start()
    assert leading(cluster).fresh("orders") == -500


def test_a_value_below_the_last_two_blocks_goes_on_under_the_next_leader(cluster):
    assert leading(cluster).fast_forward("orders", LONG_MAX - 2000001) == 204
    cluster.kill(cluster.leader())
    assert leading(cluster).fresh("orders") == LONG_MAX - 1000000


def test_a_dropped_answer_leaves_its_work_done(cluster):
    leader = leading(cluster)
    cluster.drop_answers(cluster.leader(), 2, "fast-forward")
    assert leader.fresh("orders") == 1
    for timestamp in 500, 600:
        with pytest.raises(NO_ANSWER):
            leader.fast_forward("orders", timestamp)
    assert leader.fresh("orders") == 601
    assert leader.fast_forward("orders", 700) == 204
    asked = [(line["status"], line["dropped"]) for line in cluster.requests() if "fast-forward" in line["target"]]
    assert asked == [(204, True), (204, True), (204, False)]


def test_a_slow_node_answers_late(cluster):
    leader = leading(cluster)
    cluster.slow(cluster.leader(), 0.4)
    began = time.monotonic()
    assert leader.fresh("orders") == 1
    assert time.monotonic() - began >= 0.4
    cluster.slow(cluster.leader(), 0)
    began = time.monotonic()
    assert leader.fresh("orders") == 2
    assert time.monotonic() - began < 0.3


def test_the_request_log_tells_who_asked_what(cluster):
    node = Connection(cluster.urls[2])
    node.send("GET", "/leader/ping", {"User-Agent": "looker/1.0"})
    node.send("POST", "/orders/timestamp/fresh-timestamp", ATLAS)
    assert [(line["node"], line["method"], line["target"], line["status"]) for line in cluster.requests()] == [
        (2, "GET", "/leader/ping", 200), (2, "POST", "/orders/timestamp/fresh-timestamp", 308)]
    assert cluster.requests(0) == []
    assert cluster.requests(2)[0]["user_agent"] == "looker/1.0"


def test_a_node_that_was_down_when_a_namespace_was_made_does_not_list_it(cluster):
    leader = leading(cluster)
    absent = (cluster.leader() + 1) % 3
    cluster.kill(absent)
    assert leader.fresh("orders") == 1
    cluster.start_node(absent)
    assert stored_namespaces(cluster, absent) == ["tom"]
    assert "orders" in stored_namespaces(cluster, cluster.leader())


class Wire:
    """A way from one node to another within this process, which can be cut."""

    def __init__(self, elections, target):
        self._elections = elections
        self._target = target
        self.cut = False

    async def call(self, message, timeout):
        await asyncio.sleep(0)
        if self.cut:
            raise Unreachable("cut")
        return self._elections[self._target].answer(message)


def test_a_leader_that_was_replaced_unheard_issues_nothing(tmp_path):
    async def scenario():
        elections, services, wires = [], [], {}
        for index in range(3):
            store = Store(tmp_path / f"{index}.sqlite")
            peers = {other: Wire(elections, other) for other in range(3) if other != index}
            wires.update({(index, other): wire for other, wire in peers.items()})
            elections.append(Election(index, store, peers, leader_timeout=0.2, no_quorum_wait=0.2))
            services.append(Service(elections[index], store, max_clients=10))
        running = [asyncio.ensure_future(election.run()) for election in elections]

        async def elected(index):
            elections[index].join()
            while elections[index].leadership is None:
                await asyncio.sleep(0.01)

        await asyncio.wait_for(elected(0), 10)
        assert await services[0].take("orders", 1) == (1, 1)
        wires[1, 0].cut = wires[2, 0].cut = True
        await asyncio.wait_for(elected(1), 10)
        assert elections[0].leadership is not None
        assert await services[1].take("orders", 1) == (1000002, 1000002)
        with pytest.raises(NotLeading):
            await services[0].take("orders", 1)
        for task in running:
            task.cancel()

    asyncio.run(scenario())


class Taker(threading.Thread):
    """A client of its own, which goes from node to node for its timestamps and writes down what it got."""

    def __init__(self, number, urls, ended):
        super().__init__()
        self.requests = Requests(Origin("orders", "orders", f"taker-{number}", number, "timelock"))
        self._urls = urls
        self._ended = ended

    def run(self):
        nodes = [Connection(url, timeout=0.5) for url in self._urls]
        turn = 0
        while not self._ended.is_set():
            began = time.monotonic_ns()
            try:
                answer = nodes[turn].send("POST", "/orders/timestamp/fresh-timestamps?number=3")
            except NO_ANSWER:
                answer = None
            if answer is not None and answer.status == 200:
                self.requests.add(
                    began, time.monotonic_ns(), answer.json["lowerBound"], answer.json["upperBound"])
            else:
                turn = (turn + 1) % len(nodes)
                time.sleep(0.01)


def test_no_timestamp_is_issued_twice_or_backwards_while_leaders_die_and_hang(tmp_path):
    with Cluster(tmp_path / "timelock", leader_timeout=0.3, no_quorum_wait=0.3) as cluster:
        cluster.wake("orders")
        ended = threading.Event()
        takers = [Taker(number, cluster.urls, ended) for number in range(4)]
        for taker in takers:
            taker.start()
        for fault in range(4):
            time.sleep(0.4)
            leader = cluster.wake("orders")
            if fault % 2:
                cluster.kill(leader)
                cluster.wake("orders")
                cluster.start_node(leader)
            else:
                cluster.pause(leader)
                time.sleep(1.0)
                cluster.resume(leader)
        time.sleep(0.4)
        ended.set()
        for taker in takers:
            taker.join()
    report = judge([taker.requests for taker in takers])
    assert report.violations == []
    assert report.ok
    assert report.timestamps > 300


def test_another_process_may_attach_and_a_killed_starter_leaves_nothing_that_cannot_be_ended(tmp_path):
    folder = tmp_path / "timelock"
    starter = _command("--dir", folder, "--nodes", "3")
    urls = [starter.stdout.readline().strip() for _number in range(3)]
    starter.kill()
    starter.wait()
    starter.stdout.close()
    cluster = Cluster.attach(folder)
    assert cluster.urls == urls
    leader = leading(cluster)
    assert leader.fresh("orders") == 1
    pids = [_recorded(cluster, index)["pid"] for index in range(3)]
    cluster.stop()
    assert [os.path.exists(f"/proc/{pid}/fd/0") for pid in pids] == [False] * 3


def test_the_command_ends_its_nodes_and_faults_reach_them_from_another_process(tmp_path):
    folder = tmp_path / "timelock"
    with _command("--dir", folder, "--flavour", "undertow", "--context-path", "timelock/api") as starter:
        urls = [starter.stdout.readline().strip() for _number in range(3)]
        assert all(url.endswith("/timelock/api") for url in urls)
        cluster = Cluster.attach(folder)
        leader = cluster.wake("tom")
        for fault, alive in ("kill", False), ("start", True), ("pause", True), ("resume", True):
            assert command.main(["--dir", str(folder), fault, str(leader)]) == 0
            assert cluster.runs(leader) is alive
        assert command.main(["--dir", str(folder), "drop", str(cluster.wake("tom")), "1", "fresh"]) == 0
        with pytest.raises(NO_ANSWER):
            leading(cluster).fresh("orders")
        assert command.main(["--dir", str(folder), "slow", str(cluster.leader()), "0.1"]) == 0
        assert command.main(["--dir", str(folder), "lose-quorum"]) == 0
        assert [cluster.runs(index) for index in range(3)].count(True) == 1
        assert command.main(["--dir", str(folder), "kill", "7"]) == 1
        starter.send_signal(signal.SIGTERM)
        assert starter.wait() == 0
    assert not any(cluster.runs(index) for index in range(3))


def test_a_process_that_only_has_a_recorded_pid_is_left_alone(cluster):
    bystander = subprocess.Popen(["sleep", "60"])
    path = os.path.join(cluster.folder, "node-0", "process.json")
    recorded = _recorded(cluster, 0)
    try:
        with open(path, "w") as file:
            json.dump({"pid": bystander.pid, "start": recorded["start"] - 1}, file)
        assert not cluster.runs(0)
        cluster.stop()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
        with open(path, "w") as file:
            json.dump(recorded, file)


def test_attaching_to_a_folder_without_a_cluster_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        Cluster.attach(tmp_path)


def test_https_is_vouched_for_by_the_labs_own_authority(tmp_path):
    with Cluster(tmp_path / "timelock", tls=True) as cluster:
        leader = cluster.wake("tom")
        context = ssl.create_default_context(cafile=cluster.ca_path)
        with urllib.request.urlopen(cluster.urls[leader] + "/leader/ping", context=context) as answer:
            assert answer.read() == b"true"
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(cluster.urls[leader] + "/leader/ping")
        follower = urllib.request.Request(
            cluster.urls[(leader + 1) % 3] + "/tom/timestamp/fresh-timestamp", b"", {"User-Agent": ATLAS["User-Agent"]})
        with pytest.raises(urllib.error.HTTPError) as redirect:
            urllib.request.urlopen(follower, context=context)
        assert (redirect.value.code, redirect.value.headers["Location"]) == (308, cluster.urls[leader])


def _recorded(cluster, index):
    with open(os.path.join(cluster.folder, f"node-{index}", "process.json")) as file:
        return json.load(file)


def _command(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "lab", "timelock", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": TESTS}, stdout=subprocess.PIPE, text=True)
