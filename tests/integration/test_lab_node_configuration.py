# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node makes of its configuration files: the mistakes as the real client saw them, and the versions' rules."""

from __future__ import annotations

import copy

import pytest
import yaml

from lab.node.configuration import read
from lab.node.failures import ConfigurationRefused

LEADER = {"quorumSize": 1, "leaders": ["http://127.0.0.1:1"], "localServer": "http://127.0.0.1:1"}
RELATIONAL = {"type": "relational", "connection": {"dbName": "orders", "host": "h", "port": 1}}
CASSANDRA = {
    "type": "cassandra", "servers": ["a:9160", "b:9160"], "credentials": {"username": "u", "password": "p"},
    "replicationFactor": 2,
}  # fmt: skip


@pytest.fixture
def configured(tmp_path):
    """Reads a configuration: `configured(block, runtime, version=..., own_file=..., kvs=...)`."""
    trust_store = tmp_path / "ca.pem"
    trust_store.touch()

    def make(block=None, runtime=None, version="0.905.0", own_file=False, kvs=None):
        atlasdb = {"keyValueService": kvs or RELATIONAL, **copy.deepcopy(block or {})}
        install = {"server": {"port": 80}, "atlasdb": atlasdb}
        runtime_document = {"atlasdb-runtime": runtime} if runtime is not None else {}
        runtime_path = tmp_path / "runtime.yml" if own_file else None
        if own_file:
            runtime_path.write_text(yaml.safe_dump(runtime_document))
        else:
            install |= runtime_document
        (tmp_path / "install.yml").write_text(yaml.safe_dump(install))
        return read(tmp_path / "install.yml", runtime_path, "atlasdb", "atlasdb-runtime", version)

    make.servers = {"servers": ["http://a:1", "http://b:2"], "sslConfiguration": {"trustStorePath": str(trust_store)}}
    make.runtime = {"timelockRuntime": {"serversList": make.servers}}
    return make


def test_without_any_block_it_is_embedded_and_its_namespace_is_the_database(configured):
    assert (configured().mode, configured().namespace) == ("embedded", "orders")


def test_with_a_leader_block_it_leads(configured):
    read_block = configured({"leader": LEADER})
    assert (read_block.mode, read_block.local_server) == ("leader", "http://127.0.0.1:1")


@pytest.mark.parametrize("own_file", [False, True])
def test_a_runtime_block_alone_means_timelock_since_0_75(configured, own_file):
    block = {"namespace": "orders"}
    new = configured(block, configured.runtime, "0.75.0", own_file)
    assert (new.mode, new.namespace, new.servers) == ("timelock", "orders", ("http://a:1", "http://b:2"))
    assert configured(block, configured.runtime, "0.74.0", own_file).mode == "embedded"


def test_an_install_block_with_a_runtime_block_means_timelock_since_0_67(configured):
    block = {"namespace": "orders", "timelock": {}}
    assert configured(block, configured.runtime, "0.67.0").servers == ("http://a:1", "http://b:2")
    with pytest.raises(ConfigurationRefused, match="serversList"):
        configured(block, configured.runtime, "0.66.0")


def test_the_runtime_blocks_servers_win_as_a_whole(configured):
    block = {"namespace": "orders", "timelock": {"serversList": {"servers": ["http://old:1"]}}}
    assert configured(block, configured.runtime).servers == ("http://a:1", "http://b:2")


def test_a_client_name_serves_as_namespace(configured):
    block = {"timelock": {"client": "orders", "serversList": configured.servers}}
    assert configured(block, version="0.54.0").namespace == "orders"


def test_an_empty_server_list_is_accepted_here(configured):
    configured.servers["servers"] = []
    assert configured({"namespace": "orders", "timelock": {}}, configured.runtime).servers == ()


def test_another_namespace_is_accepted_with_the_flag(configured):
    flag = "enableNonstandardAndPossiblyErrorProneTopologyAllowDifferentKvsAndTimelockNamespaces"
    assert configured({"namespace": "globe", flag: True}, configured.runtime).namespace == "globe"


def test_only_clients_since_0_253_2_migrate_a_relational_store(configured):
    assert configured(version="0.253.2").store.invalidates
    assert not configured(version="0.253.1-7-gabc").store.invalidates


def test_thrift_hosts_are_asked_in_cql_at_its_usual_port(configured):
    store = configured(kvs={**CASSANDRA, "keyspace": "orders"}).store
    assert store.thrift == (("a", 9160), ("b", 9160))
    assert (store.cql, store.contact_points) == ((), (("a", 9042), ("b", 9042)))
    assert (store.keyspace, store.user, store.password) == ("orders", "u", "p")


def test_cql_hosts_are_those_of_the_configuration(configured):
    servers = {"type": "cqlCapable", "thriftHosts": ["a:9160"], "cqlHosts": ["a:9043"]}
    store = configured(kvs={**CASSANDRA, "keyspace": "orders", "servers": servers}).store
    assert (store.thrift, store.cql) == ((("a", 9160),), (("a", 9043),))
    assert store.contact_points == store.cql


def test_the_namespace_is_the_keyspace_where_the_block_names_none(configured):
    moved = configured({"namespace": "orders"}, configured.runtime, kvs=CASSANDRA)
    assert (moved.mode, moved.namespace, moved.store.keyspace) == ("timelock", "orders", "orders")
    assert configured(kvs={**CASSANDRA, "keyspace": "orders"}).namespace == "orders"


def test_clients_on_cassandra_migrate_since_0_32(configured):
    kvs = {**CASSANDRA, "keyspace": "orders"}
    assert configured(version="0.32.0", kvs=kvs).store.invalidates
    assert not configured(version="0.31.0", kvs=kvs).store.invalidates


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({}, "namespace or the keyspace/dbName/sid config needs to be set"),
        ({"namespace": "globe", "keyValueService": {**CASSANDRA, "keyspace": "orders"}}, "should be the same as"),
        ({"timelock": {"client": "globe"}, "keyValueService": {**CASSANDRA, "keyspace": "orders"},
          "enableNonstandardAndPossiblyErrorProneTopologyAllowDifferentKvsAndTimelockNamespaces": True},
         "in order to avoid potential data corruption"),
    ],
    ids=["no keyspace", "another namespace", "another client, which no flag allows"],
)  # fmt: skip
def test_a_mistake_with_a_keyspace_is_refused(configured, block, words):
    with pytest.raises(ConfigurationRefused, match=words):
        configured(block, configured.runtime, kvs=CASSANDRA)


THREE = {"quorumSize": 2, "leaders": ["http://a:1", "http://b:1", "http://c:1"], "localServer": "http://a:1"}


def test_several_leaders_are_possible_up_to_0_909(configured):
    assert configured({"leader": THREE}, version="0.909.0").mode == "leader"
    with pytest.raises(ConfigurationRefused, match="no longer supports multi-node"):
        configured({"leader": THREE}, version="0.910.0")


MISTAKES = [
    ({"leader": LEADER}, True, "Found a service configured not to use timelock"),
    ({"leader": LEADER, "timelock": {}, "namespace": "orders"}, False, "the timelock block must be absent"),
    ({}, True, "All Optionals provided were empty, couldn't determine a value"),
    ({"namespace": "globe"}, True, "should be the same as the atlas root-level namespace"),
    ({"namespace": 'or"ders'}, True, "Namespace should not be quoted"),
    ({"timelock": {}}, True, "Either the atlas root-level namespace config or the TimeLock client config"),
    ({"timelock": {"client": ""}}, True, "Timelock client string cannot be empty"),
    ({"timelock": {"client": "globe"}}, True, "in order to avoid potential data corruption"),
    ({"timelock": {"client": "globe"}, "namespace": "orders"}, True, "the TimeLock client config should be the same"),
    ({"timelock": {"server": 1}, "namespace": "orders"}, True, 'Unrecognized field "server"'),
    ({"lock": {"servers": ["h:1"]}}, False, "must either both be present or both be absent"),
    ({"lock": {}, "timestamp": {}, "timelock": {}}, False, "the lock and timestamp blocks must both be absent"),
    ({"lock": {}, "timestamp": {}, "leader": LEADER}, False, "the lock and timestamp server blocks must both be abs"),
    ({"leader": {**LEADER, "leaders": []}}, False, "Leader config must have at least one server"),
    ({"leader": {**LEADER, "localServer": "http://x:1"}}, False, "must included in the leader entries"),
    ({"leader": {**THREE, "quorumSize": 1}}, False, "must be over half"),
    ({"leader": {**THREE, "quorumSize": 4}}, False, "must be less than or equal"),
    ({"leader": {**LEADER, "lockCreator": 1}}, False, 'Unrecognized field "lockCreator"'),
]


@pytest.mark.parametrize(("block", "with_runtime", "words"), MISTAKES, ids=[mistake[2] for mistake in MISTAKES])
def test_a_mistake_is_refused_in_the_real_clients_words(configured, block, with_runtime, words):
    with pytest.raises(ConfigurationRefused, match=words):
        configured(block, configured.runtime if with_runtime else None)


def test_tls_settings_must_be_there_and_readable_even_for_http(configured, tmp_path):
    block = {"namespace": "orders", "timelock": {}}
    configured.servers["sslConfiguration"] = {"trustStorePath": str(tmp_path / "absent")}
    with pytest.raises(ConfigurationRefused, match="trust store cannot be read"):
        configured(block, configured.runtime)
    del configured.servers["sslConfiguration"]
    with pytest.raises(ConfigurationRefused, match="Dialogue must be configured with SSL"):
        configured(block, configured.runtime)
    assert configured(block, configured.runtime, "0.229.0").mode == "timelock"


@pytest.mark.parametrize(
    "text", ["held: {}\n", "", "- a list\n", "atlasdb: text\n", "atlasdb: {namespace: orders}\n", "a: [\n"]
)
def test_a_file_without_an_atlasdb_block_is_refused(tmp_path, text):
    (tmp_path / "install.yml").write_text(text)
    with pytest.raises(ConfigurationRefused):
        read(tmp_path / "install.yml", None, "atlasdb", "atlasdb-runtime", "0.905.0")


def test_a_root_may_be_a_path_of_keys(tmp_path):
    kvs = {"type": "relational", "connection": {"dbName": "orders"}}
    document = {"server": {"port": 1}, "install": {"atlas": {"keyValueService": kvs}}}
    (tmp_path / "install.yml").write_text(yaml.safe_dump(document))
    assert read(tmp_path / "install.yml", None, "install/atlas", "runtime/atlas", "0.905.0").namespace == "orders"
