# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reading import read_config

SERVERS = "serversList: {servers: ['https://tl1:8421', 'https://tl2:8421'], sslConfiguration: {trustStorePath: t.jks}}"


def codes(config):
    return [code for code, _sentence in config.problems]


def test_a_postgres_service_without_blocks_is_embedded_and_its_store_is_known(postgres):
    config = read_config(postgres)
    assert config.problems == []
    assert config.mode == "embedded"
    assert config.root == "/atlasdb"
    assert (config.namespace, config.namespace_explicit) == ("orders", False)
    assert config.kvs == {
        "type": "postgres",
        "hosts": ["db.example"],
        "port": 5433,
        "user": "palantir",
        "password": "s3cret",
        "database": "orders",
        "table_prefix": "",
    }


def test_a_leader_block_is_embedded_too_and_counted(postgres, leader):
    config = read_config(postgres + leader)
    assert (config.mode, config.leader_count, config.problems) == ("leader", 3, [])


def test_remote_blocks_are_refused_with_the_servers_that_they_name(postgres):
    blocks = "  lock: {servers: ['http://host1:3828/api']}\n  timestamp: {servers: ['http://host1:3828/api', 'http://host2:3828/api']}\n"
    config = read_config(postgres + blocks)
    assert config.mode == "remote"
    assert config.remote_timestamp_servers == ["http://host1:3828/api", "http://host2:3828/api"]
    assert codes(config) == ["config-remote-timestamps"]


def test_an_install_block_with_servers_is_timelock(postgres):
    config = read_config(postgres + "  timelock: {client: orders, " + SERVERS + "}\n")
    assert config.mode == "timelock"
    assert config.timelock.servers == ["https://tl1:8421", "https://tl2:8421"]
    assert (config.timelock.client, config.timelock.shape) == ("orders", "install")
    assert config.problems == []


def test_the_runtime_list_wins_over_the_install_list(postgres):
    install = postgres + "  timelock: {serversList: {servers: ['https://old:1']}}\n"
    config = read_config(install, "atlasdb-runtime: {timelockRuntime: {" + SERVERS + "}}\n")
    assert config.timelock.servers == ["https://tl1:8421", "https://tl2:8421"]
    assert (config.timelock.shape, config.runtime_root, config.runtime_in) == ("runtime", "/atlasdb-runtime", "runtime")


@pytest.mark.parametrize(
    ("version", "mode"), [(None, "timelock"), ("0.75.0", "timelock"), ("0.74.0", "embedded"), ("0.67.0", "embedded")]
)
def test_a_runtime_block_alone_moves_a_client_only_from_0_75_on(postgres, version, mode):
    text = postgres + "atlasDbRuntime:\n  timelockRuntime: {" + SERVERS + "}\n"
    assert read_config(text, version=version).mode == mode


def test_a_null_block_is_an_absent_one(postgres):
    assert read_config(postgres + "  leader:\n  timelock: ~\n  lock: null\n").mode == "embedded"


def test_a_held_file_is_known_by_its_first_line():
    for text in ("# held by atlasdb.timelock\nheld: {}\n", "\ufeff# held by atlasdb.timelock\r\nheld: {}\r\n"):
        config = read_config(text)
        assert (config.mode, config.namespace, config.problems) == ("held", None, [])
    assert read_config("# not held by atlasdb.timelock\nheld: {}\n").mode is None


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("  leader: {leaders: [a]}\n  timelock: {}\n", "both a leader and a timelock"),
        ("  leader: {leaders: [a]}\n  lock: {servers: [b]}\n  timestamp: {servers: [b]}\n", "both a leader block"),
        ("  timelock: {" + SERVERS + "}\n  lock: {servers: [b]}\n  timestamp: {servers: [b]}\n", "both a timelock"),
        ("  lock: {servers: [b]}\n", "only one of lock and timestamp"),
        ("  leader: {leaders: []}\n", "names no leaders"),
        ("  leader: {leaders: [a]}\natlasDbRuntime: {timelockRuntime: {" + SERVERS + "}}\n", "beside another source"),
        ("  timelock: {}\n", "names no server"),
        ("  leader: yes\n", "not a block"),
        ("  leader: {leaders: {a: b}}\n", "not a list"),
        ("  namespace: [orders]\n", "not a single value"),
    ],
)
def test_what_the_client_would_not_start_with_is_invalid(postgres, rest, words):
    config = read_config(postgres + rest)
    assert "config-invalid" in codes(config)
    assert any(words in sentence for _code, sentence in config.problems)


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2\n", "server: {port: 1}\n", "", "- atlasdb\n", "just words\n"])
def test_a_file_without_one_block_is_invalid_and_not_an_exception(text):
    config = read_config(text)
    assert codes(config) == ["config-invalid"]
    assert (config.mode, config.kvs) == (None, None)


def test_two_candidates_are_named_and_a_root_decides(postgres):
    text = postgres + "other:\n  atlas:\n    namespace: b\n    keyValueService: {type: memory}\n"
    config = read_config(text)
    assert codes(config) == ["config-invalid"]
    assert "/atlasdb, /other/atlas" in config.problems[0][1]
    assert read_config(text, root="/atlasdb").problems == []
    assert read_config(text, root="other.atlas").namespace == "b"


def test_a_root_that_is_not_there_is_invalid(postgres):
    for root in ("/atlas", "/server/applicationConnectors/0", "/atlasdb/keyValueService/type/x"):
        assert codes(read_config(postgres, root=root)) == ["config-invalid"]


@pytest.mark.parametrize("root", [None, "/", "/com.acme.db", "/config/real/atlasdb", "config.real.atlasdb"])
def test_the_block_may_stand_anywhere(root, cassandra):
    block = cassandra.split("\n", 1)[1]
    if root == "/":
        text = "".join(line[2:] for line in block.splitlines(keepends=True))
    elif root == "/com.acme.db":
        text = "com.acme.db:\n" + block
    else:
        deeper = "".join("    " + line for line in block.splitlines(keepends=True))
        text = "config:\n  atlasdb:\n    notAnAtlas: configuration\n  real:\n    atlasdb:\n" + deeper
    for given in (root, None):
        config = read_config(text, root=given)
        assert (config.namespace, config.store) == ("myapp", "cassandra")


def test_nested_install_and_runtime_in_one_file_are_told_apart():
    text = """\
install:
  atlas:
    keyValueService:
      type: relational
      ddl: {type: postgres}
      connection: {type: postgres, host: db, dbName: orders, dbLogin: u, dbPassword: old}
runtime:
  atlas:
    keyValueService: {type: relational, dbPassword: new}
"""
    config = read_config(text)
    assert (config.root, config.runtime_root, config.runtime_in) == ("/install/atlas", "/runtime/atlas", "install")
    assert config.kvs["password"] == "new"
    assert config.kvs["port"] == 5432


def test_a_runtime_file_may_call_its_block_as_the_install_file_does(postgres):
    config = read_config(postgres, "atlasdb:\n  keyValueService: {type: relational, dbPassword: new}\n")
    assert (config.runtime_root, config.kvs["password"]) == ("/atlasdb", "new")


def test_two_runtime_blocks_are_invalid_unless_one_is_named(postgres):
    runtime = "atlasdb-runtime: {sweep: {enabled: true}}\natlasdb: {sweep: {enabled: true}}\n"
    assert "more than one AtlasDB runtime block" in read_config(postgres, runtime).problems[0][1]
    assert read_config(postgres, runtime, runtime_root="/atlasdb").problems == []


def test_an_empty_runtime_file_has_no_block(postgres):
    config = read_config(postgres, "# nothing yet\n")
    assert (config.mode, config.runtime_root, config.problems) == ("embedded", None, [])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.b", "other characters"),
        ("ü", "other characters"),
        ("''", "other characters"),
        ("'a b'", "other characters"),
        ("a" * 101, "101"),
        ("leader", "keeps"),
        ("tl", "keeps"),
        ("lw", "keeps"),
        ("lk", "keeps"),
        ("leaderPaxos", "keeps"),
    ],
)
def test_a_namespace_that_timelock_cannot_serve_is_illegal(postgres, name, words):
    text = postgres.replace("dbName: orders", f"dbName: {name}")
    problems = dict(read_config(text + f"  namespace: {name}\n").problems)
    assert words in problems["config-namespace-illegal"]
    assert "config-namespace-illegal" in codes(read_config(text))


@pytest.mark.parametrize("name", ["tlx", "Leader", "learner", "a-b_C9", "a" * 100])
def test_a_namespace_that_only_looks_reserved_is_legal(postgres, name):
    assert read_config(postgres.replace("dbName: orders", f"dbName: {name}")).problems == []


def test_a_keyspace_of_cassandra_holds_no_dash(cassandra):
    config = read_config(cassandra.replace("keyspace: myapp", "namespace: my-app"))
    assert "config-namespace-illegal" in codes(config)


def test_a_namespace_beside_another_dbname_is_a_mismatch_unless_the_client_allows_it(postgres):
    flag = "  enableNonstandardAndPossiblyErrorProneTopologyAllowDifferentKvsAndTimelockNamespaces: true\n"
    text = postgres + "  namespace: other\n"
    assert codes(read_config(text)) == ["config-namespace-mismatch"]
    config = read_config(text + flag)
    assert (config.problems, config.namespace, config.kvs["database"]) == ([], "other", "orders")


def test_the_stores_own_namespace_counts_before_its_dbname(postgres):
    text = postgres.replace("    type: relational\n", "    type: relational\n    namespace: globe\n")
    assert read_config(text).namespace == "globe"
    assert codes(read_config(text + "  namespace: orders\n")) == ["config-namespace-mismatch"]
    assert read_config(text + "  namespace: globe\n").problems == []


def test_a_timelock_client_that_differs_is_a_mismatch(postgres):
    timelock = "  timelock: {client: other, " + SERVERS + "}\n"
    assert codes(read_config(postgres + "  namespace: orders\n" + timelock)) == ["config-namespace-mismatch"]
    config = read_config(postgres + timelock)
    assert (codes(config), config.namespace) == (["config-namespace-mismatch"], "other")


def test_a_service_without_any_name_is_invalid(cassandra):
    config = read_config(cassandra.replace("    keyspace: myapp\n", ""))
    assert codes(config)[0] == "config-invalid"
    assert "Neither namespace nor keyspace" in config.problems[0][1]


def test_nodes_of_one_service_agree_although_local_server_and_password_differ(postgres, leader):
    one = read_config(postgres + leader)
    two = read_config(
        postgres.replace("s3cret", "other")
        + leader.replace("localServer: https://orders-1", "localServer: https://orders-2")
    )
    assert one.shared() == two.shared()
    assert "s3cret" not in repr(one.shared())
    for old, new in (("dbName: orders", "dbName: order"), ("port: 5433", "port: 5432"), ("db.example", "db2.example")):
        assert read_config(postgres.replace(old, new) + leader).shared() != one.shared()
    assert read_config(postgres).shared() != one.shared()


def test_a_configuration_does_not_show_its_password_by_accident(postgres):
    assert "s3cret" not in repr(read_config(postgres))


def test_a_mistake_in_the_runtime_file_is_told_from_one_in_the_install_file(postgres):
    assert read_config(postgres, "a: [").problems[0][1].startswith("The runtime file is not YAML")
    assert read_config("a: [", "a: 1\n").problems[0][1].startswith("The file is not YAML")


def test_a_runtime_block_of_any_name_is_known_by_what_it_holds(postgres):
    config = read_config(postgres + "live:\n  settings:\n    timelockRuntime: {" + SERVERS + "}\n")
    assert (config.mode, config.runtime_root) == ("timelock", "/live/settings")
