# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The store and TLS, on a real Cassandra: whom it trusts, what it shows, and what it says where that fails."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.opening import open_store

import cassandra_here
from lab.cassandra import certificates
from lab.cassandra.cluster import Cassandra

KEYSPACE = "orders"


def _cluster(folder: Path, version: str, **options):
    made = Cassandra(folder, {})
    made.create(cassandra_here.require(version), **options)
    try:
        made.start()
        made.password = made.create_keyspace(KEYSPACE)
        made.create_timestamp_table(KEYSPACE)
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module", params=cassandra_here.VERSIONS)
def cluster(request, tmp_path_factory):
    yield from _cluster(tmp_path_factory.mktemp("cassandra"), request.param, tls=True)


@pytest.fixture(scope="module", params=cassandra_here.VERSIONS)
def strict(request, tmp_path_factory):
    """Asks its clients for a certificate."""
    folder = tmp_path_factory.mktemp("cassandra")
    yield from _cluster(folder, request.param, tls=True, client_certificates=True)


@pytest.fixture
def others(tmp_path):
    """Certificates of an authority that no cluster knows."""
    certificates.write(tmp_path / "others", ["127.0.0.1"])
    return tmp_path / "others"


def kvs(cluster: Cassandra, **options) -> dict:
    return {
        "type": "cassandra",
        "hosts": cluster.addresses,
        "keyspace": KEYSPACE,
        "user": KEYSPACE,
        "password": cluster.password,
        **options,
    }


def verified(cluster: Cassandra, **options) -> dict:
    return kvs(cluster, tls=True, ca_path=str(cluster.tls_files / certificates.AUTHORITY), **options)


def of_client(files: Path) -> dict:
    return {"client_cert": str(files / certificates.CLIENT), "client_key": str(files / certificates.CLIENT_KEY)}


def state(options: dict) -> str:
    store = open_store(options)
    try:
        return store.read().state
    finally:
        store.close()


def refused(options: dict) -> Refusal:
    began = time.monotonic()
    with pytest.raises(Refusal) as raised:
        open_store(options)
    assert time.monotonic() - began < 20
    assert raised.value.code == "kvs-unreachable"
    assert options.get("password", "nothing") not in str(raised.value)
    return raised.value


def test_a_node_whose_authority_and_address_are_right_is_trusted(cluster):
    assert state(verified(cluster)) == "absent"
    assert state({**verified(cluster), "tls": False}) == "absent"  # an authority asks for TLS


def test_a_node_of_another_authority_is_refused(cluster, others):
    refusal = refused(kvs(cluster, tls=True, ca_path=str(others / certificates.AUTHORITY)))
    assert "certificate verify failed" in refusal.found
    assert "certificate verify failed" in refused(kvs(cluster, tls=True)).found


def test_a_certificate_for_another_address_is_refused(cluster):
    """The same node by an address that its certificate does not name."""
    address, port = _forward(cluster)
    assert "certificate is not valid for" in refused({**verified(cluster), "hosts": [address], "port": port}).found


def test_without_validation_any_certificate_will_do(cluster, others):
    untrusted = kvs(cluster, tls=True, ca_path=str(others / certificates.AUTHORITY), validate_certs=False)
    assert state(untrusted) == "absent"


def test_without_tls_a_server_that_wants_it_is_refused_in_time(cluster):
    assert refused(kvs(cluster)).found.startswith(f"No connection to {cluster.addresses[0]}")


@pytest.mark.parametrize("option", ["ca_path", "client_cert"])
def test_a_file_that_is_not_there_is_refused(cluster, option):
    assert "TLS files" in refused({**verified(cluster), option: "/nowhere/file.pem"}).found


def test_a_server_that_asks_for_a_clients_certificate_gets_it(strict):
    assert state(verified(strict, **of_client(strict.tls_files))) == "absent"


def test_without_the_certificate_that_the_server_asks_for_it_is_refused(strict, others):
    for options in (verified(strict), verified(strict, **of_client(others))):
        assert refused(options).found.startswith(f"No connection to {strict.addresses[0]}")


def _forward(cluster: Cassandra) -> tuple[str, int]:
    """Where one connection is passed on to the first node, and what it says comes back."""
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            target.close()

    def serve() -> None:
        with listener:
            client, _peer = listener.accept()
            server = socket.create_connection((cluster.addresses[0], cluster.port))
            threading.Thread(target=pump, args=(client, server), daemon=True).start()
            pump(server, client)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()
