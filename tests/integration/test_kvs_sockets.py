# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is connected to a store, by real sockets: on the store's host, and on a node's own."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.node import offline

from lab import ports
from node_parts.host import Host
from node_parts.in_process import begin

STORE = "127.77.9.1"
CLIENT = "127.77.9.2"
PEER = "127.77.9.3"


class Server:
    """Something that takes connections, as a store does."""

    def __init__(self, address: str = STORE):
        self._listener = socket.create_server((address, 0))
        self.port = self._listener.getsockname()[1]
        self.address = address
        self._taken: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._taken.append(self._listener.accept()[0])

    def connect(self, source: str = CLIENT) -> socket.socket:
        return socket.create_connection((STORE, self.port), source_address=(source, 0))

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()  # or it would take a connection of the next server, which may get the same descriptor
        for one in (self._listener, *self._taken):
            one.close()


@pytest.fixture
def store():
    made = Server()
    yield made
    made.close()


def look(**options):
    result = begin("kvs_sockets_info", options).result()
    assert not result["failed"] and not result["changed"], result
    return result


def remotes(result):
    return [pair["remote"].rpartition(":")[0] for pair in result["sockets"]]


def name_of(connection):
    address, port = connection.getsockname()
    return f"{address}:{port}"


# On the store's host


def test_every_connection_to_the_ports_is_seen_at_the_stores_end(store):
    with store.connect() as one, store.connect(PEER) as other:
        here = f"{STORE}:{store.port}"
        result = look(ports=[store.port])
        assert {(pair["local"], pair["remote"]) for pair in result["sockets"]} == {
            (here, name_of(one)),
            (here, name_of(other)),
        }
        assert result["listening"] == [here]
        assert all(not address.startswith("127.") for address in result["addresses"])
    assert look(ports=[store.port])["sockets"] == []


def test_without_ports_every_port_that_something_listens_on_is_looked_at(store):
    with store.connect() as one:
        result = look()
        assert {"local": f"{STORE}:{store.port}", "remote": name_of(one)} in result["sockets"]
        assert name_of(one) not in [pair["local"] for pair in result["sockets"]]


def test_it_waits_until_only_known_clients_are_left_and_looks_again(store):
    with store.connect(PEER):
        leaving = store.connect()
        threading.Timer(3, leaving.close).start()
        result = look(ports=[store.port], wait=20, known=[f"{PEER}/32"], addresses=[STORE])
    assert remotes(result) == [PEER]
    assert 0.5 < result["elapsed_at_look"] < 15


def test_it_waits_no_longer_than_it_was_told_and_tells_who_is_left(store):
    with store.connect():
        result = look(ports=[store.port], wait=0.3)
    assert remotes(result) == [CLIENT] and result["elapsed_at_look"] < 5


def test_it_does_not_wait_for_the_clients_of_another_server_on_the_host(store):
    began = time.monotonic()
    with store.connect():
        assert remotes(look(ports=[store.port], wait=20, addresses=["127.77.9.4"])) == [CLIENT]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("option", ["known", "addresses"])
def test_what_is_no_address_is_refused(option):
    result = begin("kvs_sockets_info", {option: ["cassandra-1"]}).result()
    assert result["failed"] and "cassandra-1" in result["msg"]


# On the node's own host


@pytest.fixture
def connected(tmp_path, store, monkeypatch):
    """A node that runs, connected to the store."""
    monkeypatch.setattr(offline, "_PORT_SECONDS", 1.0)
    host = Host(tmp_path / "host", "command", ports.free_port(), f"timelock: {STORE}:{store.port}\n").up()
    yield host
    host.down()


def stop(host, store, **more):
    return host.offline(kvs_ports=[store.port], kvs_addresses=[STORE], **more)


def refused(result, code):
    assert result["failed"] and result["code"] == code, result
    return result


def test_a_look_tells_the_nodes_own_connections_from_those_of_others(connected, store):
    endpoint = f"{STORE}:{store.port}"
    process = connected.info()["process"]
    assert endpoint in process["connected"] and endpoint not in process["connected_others"]
    with store.connect():
        assert endpoint in connected.info()["process"]["connected_others"]


def test_a_node_whose_host_is_connected_to_the_store_no_longer_is_proved_so(connected, store):
    down = stop(connected, store)
    assert not down["failed"], down
    assert [proof["kind"] for proof in down["proofs"]] == ["hold", "process", "kvs_sockets"]
    assert down["proofs"][2]["seen_before"] and f"{STORE}:{store.port}" in down["proofs"][2]["detail"]
    again = stop(connected, store, state="proved")
    assert again["proofs"][2]["seen_before"], "what was seen before the hold is remembered"


def test_without_ports_of_a_store_nothing_is_said_of_it(connected, store):
    with store.connect():
        assert [proof["kind"] for proof in connected.offline()["proofs"]] == ["hold", "process"]


def test_a_connection_that_any_process_of_the_host_still_has_is_refused_and_the_node_stays_held(connected, store):
    with store.connect():
        result = refused(stop(connected, store), "kvs-session-open")
        assert f"1 to {STORE}:{store.port}" in result["found"] and result["held"] and "proofs" not in result
    assert not connected.is_serving()
    assert not stop(connected, store)["failed"]


def test_a_connection_that_goes_a_moment_later_is_waited_for(connected, store):
    late = store.connect()
    threading.Timer(0.5, late.close).start()
    assert not stop(connected, store)["failed"]


def test_a_store_that_the_node_was_never_connected_to_is_not_proved_left(connected, store):
    elsewhere = connected.offline(kvs_ports=[store.port], kvs_addresses=["127.77.9.4"])
    assert not elsewhere["proofs"][2]["seen_before"]


def test_connections_to_other_ports_and_addresses_are_not_waited_for(connected, store):
    other = Server()
    with other.connect():
        assert not stop(connected, store)["failed"]
    other.close()
