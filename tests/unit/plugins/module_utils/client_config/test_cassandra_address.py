# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reading import read_config

SERVERS = "    servers:\n      - cassandra1:9160\n"
KVS = {
    "type": "cassandra",
    "hosts": ["cassandra1"],
    "port": 9042,
    "thrift_port": 9160,
    "user": "cassandra",
    "password": "cassandra",
    "service_login": {"username": "cassandra", "password": "cassandra"},
    "keyspace": "myapp",
    "tls": False,
}


def test_a_list_of_thrift_servers_names_the_hosts_and_cql_is_on_its_usual_port(cassandra):
    config = read_config(cassandra)
    assert config.problems == []
    assert config.kvs == KVS
    assert (config.mode, config.namespace) == ("embedded", "myapp")


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ("['a:9160', 'b:9160']", (["a", "b"], 9042, 9160)),
        ("['a:9171', 'b:9171']", (["a", "b"], 9042, 9171)),
        ("[a, b]", (["a", "b"], 9042, 9160)),
        ("['[2001:db8::1]:9160']", (["2001:db8::1"], 9042, 9160)),
        ("{type: cqlCapable, thriftHosts: ['a:9160'], cqlHosts: ['c:9142', 'd:9142']}", (["c", "d"], 9142, 9160)),
        ("{type: cqlCapable, thriftHosts: ['a:9161'], cqlHosts: []}", (["a"], 9042, 9161)),
        ("{type: cqlCapable, hosts: [a, b], cqlPort: 9043, thriftPort: 9161}", (["a", "b"], 9043, 9161)),
        ("{type: cqlCapable, hosts: [a]}", (["a"], 9042, 9160)),
    ],
)
def test_every_shape_of_the_servers_is_read(cassandra, servers, expected):
    config = read_config(cassandra.replace(SERVERS, f"    servers: {servers}\n"))
    assert config.problems == []
    assert (config.kvs["hosts"], config.kvs["port"], config.kvs["thrift_port"]) == expected


def test_the_servers_of_the_runtime_configuration_win(cassandra):
    runtime = "atlasDbRuntime: {keyValueService: {type: cassandra, servers: ['new:9160']}}\n"
    assert read_config(cassandra, runtime).kvs["hosts"] == ["new"]
    assert read_config(cassandra.replace(SERVERS, "") + runtime).kvs["hosts"] == ["new"]
    assert read_config(cassandra, "atlasDbRuntime: {keyValueService: {type: cassandra}}\n").kvs == KVS


@pytest.mark.parametrize("name", ["    namespace: myapp\n", ""])
def test_without_a_keyspace_the_namespace_is_its_name(cassandra, name):
    text = cassandra.replace("    keyspace: myapp\n", name) + "  namespace: myapp\n"
    assert read_config(text).kvs["keyspace"] == "myapp"


@pytest.mark.parametrize(
    ("lines", "tls"),
    [
        ("    ssl: true\n", True),
        ("    ssl: false\n    sslConfiguration: {trustStorePath: t.jks}\n", False),
        ("    sslConfiguration: {trustStorePath: t.jks}\n", True),
    ],
)
def test_ssl_decides_over_the_configuration_of_it(cassandra, lines, tls):
    assert read_config(cassandra + lines).kvs["tls"] is tls


def test_a_store_that_asks_for_no_login_has_none(cassandra):
    text = cassandra.replace("    credentials:\n      username: cassandra\n      password: cassandra\n", "")
    assert (read_config(text).problems, read_config(text).kvs["user"]) == ([], None)


def test_the_service_s_own_login_is_kept_beside_the_one_that_the_collection_is_given(cassandra):
    config = read_config(cassandra, overrides={"user": "dba", "password": "other"})
    assert (config.kvs["user"], config.kvs["service_login"]["username"]) == ("dba", "cassandra")
    assert "service_login" not in config.shared()["kvs"]
    encrypted = cassandra.replace("password: cassandra", "password: '${enc:AES:abc}'")
    config = read_config(encrypted, overrides={"user": "dba", "password": "other"})
    assert (config.problems, config.kvs["service_login"]) == ([], None)
    given = {"username": "cassandra", "password": "known"}
    overrides = {"user": "dba", "password": "other", "service_login": given}
    assert read_config(encrypted, overrides=overrides).kvs["service_login"] == given


def test_addresses_that_only_the_controller_knows_are_given_by_overrides(cassandra):
    overrides = {"hosts": ["10.0.0.1", "10.0.0.2"], "port": 19042, "ca_path": "/ca.pem", "tls": True}
    kvs = read_config(cassandra, overrides=overrides).kvs
    assert {key: kvs[key] for key in overrides} == overrides
    assert kvs["thrift_port"] == 9160


@pytest.mark.parametrize(
    ("before", "after", "code", "words"),
    [
        (SERVERS, "", "config-invalid", "keyValueService has no servers"),
        (SERVERS, "    servers: []\n", "config-invalid", "keyValueService has no servers"),
        (SERVERS, "    servers: ['a:9160', 'b:9161']\n", "config-invalid", "several ports: 9160, 9161"),
        (SERVERS, "    servers: {type: wireless, hosts: [a]}\n", "config-invalid", "wireless"),
        (SERVERS, "    servers: ['a:none']\n", "config-invalid", "port none"),
        (SERVERS, "    servers: a\n", "config-invalid", "servers is not a block"),
        ("password: cassandra", "password: '${enc:AES:abc}'", "config-secret-encrypted", "password of the key-value"),
        ("username: cassandra", "username: ${USER}", "config-secret-encrypted", "user of the key-value"),
    ],
)
def test_what_cannot_be_used_is_named(cassandra, before, after, code, words):
    config = read_config(cassandra.replace(before, after))
    assert config.kvs is None
    assert [found for found, sentence in config.problems if words in sentence] == [code]


def test_an_override_of_another_kind_of_store_is_refused(cassandra):
    config = read_config(cassandra, overrides={"database": "x"})
    assert config.problems == [("config-invalid", "No option of the key-value service is called database.")]
