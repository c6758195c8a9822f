# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose sessions there are at a store, by what it says itself and by the sockets of its hosts."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.addresses import AddressSet
from ansible_collections.atlasdb.timelock.plugins.module_utils.cluster_sessions import sessions_of, strangers, words
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations import kvs_sessions_info as operation
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import later_stamp, stamp_now

CQL = {"user": "orders", "application": "DataStax", "address": "10.0.0.1", "port": 5001}
MONITOR = {"user": "monitor", "application": "exporter", "address": "10.0.7.7", "port": 5002}


class Cluster:
    """A Cassandra of two nodes that shows its CQL clients; ours is at 10.0.8.8:6000."""

    def __init__(self, told=(), complete=False):
        self.told = list(told)
        self.complete = complete

    def identity(self):
        return {"cluster_name": "c"}

    def sessions(self, ignore):
        return [one for one in self.told if {"user": one["user"], "application": one["application"]} not in ignore]

    def session_view(self):
        return {
            "complete": self.complete,
            "own": [{"address": "10.0.8.8", "port": 6000}],
            "addresses": ["10.0.1.1", "10.0.1.2"],
            "ports": [9042, 9160],
        }

    def close(self):
        pass


def look(number, *sockets, **more):
    """What was seen on the host of node ``number``, where all is as it should be."""
    own = f"10.0.1.{number}"
    return {
        "host": f"cas-{number}",
        "address": f"cas-{number}.example.com",
        "failed": None,
        "sockets": [{"local": local, "remote": remote} for local, remote in sockets],
        "listening": [f"{own}:9042", f"{own}:9160", "0.0.0.0:22"],
        "addresses": [own],
        "taken": stamp_now(),
        **more,
    }


def thrift(remote, number=1):
    return (f"10.0.1.{number}:9160", remote)


def seen(told, *looks, ignore=()):
    return sessions_of(Cluster(told), list(ignore), list(looks))


def ends(found):
    return [f"{one['address']}:{one['port']}" for one in found["sessions"]]


def test_a_store_that_tells_all_its_sessions_is_believed_alone():
    found = sessions_of(Cluster([CQL], complete=True), [], [look(1, thrift("10.0.0.9:1"))])
    assert (found["sessions"], found["view"]["kind"], found["view"]["hosts"]) == ([CQL], "store", [])


def test_connections_on_the_hosts_are_sessions_besides_those_that_the_store_tells():
    found = seen([CQL], look(1, thrift("10.0.0.1:7001"), ("10.0.1.1:9042", "10.0.0.1:5001")), look(2))
    assert ends(found) == ["10.0.0.1:5001", "10.0.0.1:7001"]
    assert (found["view"]["kind"], found["view"]["hosts"], found["view"]["unseen"]) == ("hosts", ["cas-1", "cas-2"], [])


def test_our_own_connection_is_none():
    assert ends(seen([], look(1, ("10.0.1.1:9042", "10.0.8.8:6000"), thrift("10.0.8.8:6001")), look(2))) == [
        "10.0.8.8:6001"
    ]


def test_connections_to_other_ports_and_to_other_servers_on_the_host_are_none():
    looked = look(1, ("10.0.1.1:7000", "10.0.1.2:1"), ("10.0.1.1:22", "10.0.0.1:2"), ("10.0.5.5:9160", "10.0.0.1:3"))
    assert ends(seen([], looked, look(2))) == []


def test_one_socket_that_two_looks_show_is_one_session():
    assert ends(seen([], look(1, thrift("10.0.0.1:1")), look(2, thrift("10.0.0.1:1")))) == ["10.0.0.1:1"]


def test_a_server_that_listens_on_all_addresses_is_reached_by_every_one():
    everywhere = {"listening": ["[::]:9160", "0.0.0.0:9042", "127.0.0.1:9160"]}
    sockets = [("192.168.0.1:9160", "10.0.0.1:1"), ("10.0.1.1:9042", "10.0.0.1:2"), ("127.0.0.1:9160", "127.0.0.1:3")]
    assert ends(seen([], look(1, *sockets, **everywhere), look(2))) == ["10.0.0.1:1", "10.0.0.1:2"]


def test_a_session_that_is_ignored_by_its_name_is_not_found_again_by_its_socket():
    ignore = [{"user": "monitor", "application": "exporter"}]
    looks = (look(1, ("10.0.1.1:9042", "10.0.7.7:5002")), look(2))
    assert ends(seen([MONITOR], *looks, ignore=ignore)) == []
    assert ends(seen([MONITOR], ignore=ignore)) == []
    assert ends(seen([MONITOR], *looks)) == ["10.0.7.7:5002"]


def test_a_node_of_the_store_whose_host_nobody_looked_at_is_named():
    (missing,) = seen([], look(1))["view"]["unseen"]
    assert "10.0.1.2" in missing and "10.0.1.1" not in missing


def test_a_host_that_could_not_be_looked_at_is_named_with_its_reason():
    found = seen([], look(1), {"host": "cas-2", "address": "10.0.1.2", "failed": "no route to host"})
    assert "10.0.1.2" in found["view"]["unseen"][0]
    assert found["view"]["unseen"][1] == "cas-2 could not be looked at: no route to host."


def test_hosts_of_which_none_could_be_looked_at_are_no_reason_to_do_without():
    view = seen([], {"host": "cas-1", "address": "cas-1", "failed": "timed out"})["view"]
    assert (view["kind"], len(view["unseen"])) == ("hosts", 2)


@pytest.mark.parametrize("more", [{"addresses": ["10.0.1.2"]}, {"addresses": [], "address": "10.0.1.2"}])
def test_a_host_whose_server_is_down_is_looked_at_all_the_same(more):
    assert seen([], look(1), look(2, listening=["0.0.0.0:22"], **more))["view"]["unseen"] == []


def test_a_host_on_which_a_node_of_the_store_listens_is_that_nodes():
    listens = {"addresses": [], "listening": ["10.0.1.2:9042", "10.0.1.1:22"]}
    view = seen([], {**look(2), **listens})["view"]
    assert view["hosts"] == ["cas-2"] and "of 10.0.1.1," in view["unseen"][0]


def test_a_host_of_another_cluster_does_not_count():
    other = {"listening": ["10.0.2.1:9042"], "addresses": ["10.0.2.1"]}
    view = seen([], look(3, ("10.0.2.1:9042", "10.0.0.1:1"), **other))["view"]
    assert (view["kind"], view["hosts"], view["ports"]) == ("nodes", [], [9042, 9160])


def test_strangers_are_those_who_are_not_known():
    found = seen([CQL], look(1, thrift("10.0.9.9:1")), look(2))["sessions"]
    assert [one["address"] for one in strangers(found, AddressSet(["10.0.0.0/24"]))] == ["10.0.9.9"]


def test_sessions_are_counted_for_a_person():
    found = seen([CQL, {**CQL, "port": 5002}], look(1, thrift("10.0.9.9:1"), thrift("10.0.9.9:2")), look(2))
    assert words(found["sessions"]) == ("2 of orders (DataStax) from 10.0.0.1; 2 from 10.0.9.9 to 10.0.1.1:9160")


# The proof


def proof_of(monkeypatch, told, *looks, **more):
    monkeypatch.setattr(operation, "open_store", lambda kvs: Cluster(told))
    params = {name: spec.get("default") for name, spec in operation.ARGUMENT_SPEC.items()}
    params.update(service="orders", run_id="one", epoch=3, seen_before=True, host_looks=list(looks), **more)
    return operation.kvs_sessions_info(params, False)


def test_a_proof_is_as_old_as_the_oldest_look_that_it_rests_on(monkeypatch):
    now = stamp_now()
    old, older = later_stamp(now, -5), later_stamp(now, -9)
    elsewhere = look(3, listening=[], addresses=["10.0.2.1"], taken=older)
    result = proof_of(monkeypatch, [], look(1), look(2, taken=old), elsewhere)
    assert result["proof"]["taken"] == old and result["complete"]
    assert result["proof"]["kvs_identity"] == {"cluster_name": "c"}


def test_a_known_client_is_no_reason_against_a_proof_and_an_unknown_one_is(monkeypatch):
    looks = (look(1, thrift("10.0.7.7:1")), look(2))
    assert proof_of(monkeypatch, [MONITOR], *looks, known_clients=["10.0.7.7"])["proof"]
    result = proof_of(monkeypatch, [MONITOR], *looks, known_clients=["10.0.7.8"])
    assert result["proof"] is None and len(result["sessions"]) == 2


@pytest.mark.parametrize("looks", [(), (look(1),), (look(1), {"host": "c", "address": "c", "failed": "timed out"})])
def test_what_was_not_looked_at_is_not_proved(monkeypatch, looks):
    result = proof_of(monkeypatch, [], *looks)
    assert (result["proof"], result["complete"], result["sessions"]) == (None, False, [])
