# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is written for each version of the client, and for each example of a service: the whole text, compared."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reading import read_config
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.transform import TimelockBlock, to_timelock
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

SERVERS_LIST = """\
serversList:
  servers:
    - "https://tl1:8421"
    - "https://tl2:8421"
    - "https://tl3:8421"
  sslConfiguration:
    trustStorePath: "var/security/trustStore.jks"
"""


def indented(text, by):
    return "".join(" " * by + line for line in text.splitlines(keepends=True))


def transformed(install, runtime=None, *, timelock, version="0.905.0", **roots):
    first = to_timelock(install, runtime, version=version, timelock=timelock, **roots)
    second = to_timelock(first.install_text, first.runtime_text, version=version, timelock=timelock, **roots)
    assert (second.install_text, second.runtime_text) == (first.install_text, first.runtime_text)
    assert (second.changed_files, second.diff_redacted, second.summary) == ([], "", [])
    return first


@pytest.mark.parametrize("version", ["0.49.0", "0.54.0"])
def test_up_to_0_54_client_and_servers_stand_in_the_install_configuration(cassandra, timelock, version):
    got = transformed(cassandra, timelock=timelock, version=version)
    block = '  timelock:\n    client: "myapp"\n' + indented(SERVERS_LIST, 4)
    assert got.install_text == cassandra.replace("atlasdb:\n", "atlasdb:\n" + block)
    assert got.runtime_text is None


@pytest.mark.parametrize("version", ["0.55.0", "0.66.0"])
def test_from_0_55_to_0_66_servers_and_namespace_stand_in_the_install_configuration(cassandra, timelock, version):
    got = transformed(cassandra, "atlasDbRuntime: {}\n", timelock=timelock, version=version)
    block = '  namespace: "myapp"\n  timelock:\n' + indented(SERVERS_LIST, 4)
    assert got.install_text == cassandra.replace("atlasdb:\n", "atlasdb:\n" + block)
    assert (got.runtime_text, got.changed_files) == ("atlasDbRuntime: {}\n", ["install"])


@pytest.mark.parametrize("version", ["0.67.0", "0.74.0", "0.75.0", "0.905.0", "0.910.0"])
def test_from_0_67_on_the_install_block_decides_and_the_runtime_block_names_the_servers(cassandra, timelock, version):
    runtime = "atlasDbRuntime:\n  sweep:\n    enabled: false\n"
    got = transformed(cassandra + runtime, timelock=timelock, version=version)
    block = "  timelockRuntime:\n" + indented(SERVERS_LIST, 4)
    assert got.install_text == cassandra.replace(
        "atlasdb:\n", 'atlasdb:\n  namespace: "myapp"\n  timelock: {}\n'
    ) + runtime.replace("atlasDbRuntime:\n", "atlasDbRuntime:\n" + block)
    config = read_config(got.install_text, version=version)
    assert (config.mode, config.timelock.shape, config.namespace_explicit) == ("timelock", "runtime", True)


def test_the_runtime_file_gets_the_servers_where_there_is_one(postgres, timelock):
    runtime = "# live\natlasdb-runtime:\n  # sweep\n  targetedSweep:\n    enabled: true\n"
    got = transformed(postgres, runtime, timelock=timelock)
    assert got.changed_files == ["install", "runtime"]
    block = "  timelockRuntime:\n" + indented(SERVERS_LIST, 4)
    assert got.runtime_text == runtime.replace("atlasdb-runtime:\n", "atlasdb-runtime:\n" + block)
    assert "serversList" not in got.install_text
    assert read_config(got.install_text, got.runtime_text).problems == []


def test_without_any_runtime_block_the_install_configuration_names_the_servers(postgres, timelock):
    got = transformed(postgres, timelock=timelock)
    block = '  namespace: "orders"\n  timelock:\n' + indented(SERVERS_LIST, 4)
    assert got.install_text == postgres.replace("atlasdb:\n", "atlasdb:\n" + block)


@pytest.mark.parametrize("ending", ["\n", ""])
def test_a_runtime_block_that_is_named_but_not_there_is_made(postgres, timelock, ending):
    block = "atlasDbRuntime:\n  timelockRuntime:\n" + indented(SERVERS_LIST, 4)
    got = transformed(postgres.rstrip("\n") + ending, timelock=timelock, runtime_root="/atlasDbRuntime")
    expected = postgres.replace("atlasdb:\n", 'atlasdb:\n  namespace: "orders"\n  timelock: {}\n') + block
    assert got.install_text == (expected if ending else expected.rstrip("\n"))


@pytest.mark.parametrize("empty", ["", "# nothing yet\n", "---\n", "---\n# x\n...\n"])
def test_a_runtime_block_is_made_in_an_empty_file(postgres, timelock, empty):
    got = transformed(postgres, empty, timelock=timelock, runtime_root="runtime.atlas")
    block = "runtime:\n  atlas:\n    timelockRuntime:\n" + indented(SERVERS_LIST, 6)
    head, marker, _rest = empty.partition("...\n")
    assert got.runtime_text == head + block + marker


@pytest.mark.parametrize("null", ["", " # nothing yet", " ~", " null # none", " {}", " { } # none"])
def test_an_empty_runtime_block_is_filled(postgres, timelock, null):
    got = transformed(postgres, f"a: 1\natlasDbRuntime:{null}\nb: 2\n", timelock=timelock)
    config = read_config(got.install_text, got.runtime_text)
    assert config.timelock.servers == timelock.servers
    assert got.runtime_text.startswith("a: 1\n")
    assert got.runtime_text.endswith("\nb: 2\n")
    assert got.runtime_text.count("#") == null.count("#")


def test_a_missing_level_of_a_runtime_block_is_made_within_what_is_there(postgres, timelock):
    text = postgres + "runtime:\n  logging: {level: INFO}\n"
    got = transformed(text, timelock=timelock, runtime_root="runtime.atlas")
    assert got.install_text.endswith(
        "runtime:\n  atlas:\n    timelockRuntime:\n" + indented(SERVERS_LIST, 6) + "  logging: {level: INFO}\n"
    )


def test_example_a_a_single_node_on_cassandra(cassandra, timelock):
    got = transformed(cassandra, "atlasDbRuntime: {}\n", timelock=timelock)
    assert got.install_text == cassandra.replace("atlasdb:\n", 'atlasdb:\n  namespace: "myapp"\n  timelock: {}\n')


def test_example_b_a_leader_block_goes_as_a_whole(cassandra, leader, timelock):
    after = "  initializeAsync: false\n"
    assert (
        transformed(cassandra + leader + after, timelock=timelock).install_text
        == transformed(cassandra + after, timelock=timelock).install_text
    )


def test_example_c_the_nodes_of_one_service_end_with_one_text(postgres, leader, timelock):
    texts = {
        transformed(
            postgres + leader.replace("localServer: https://orders-1", f"localServer: https://orders-{node}"),
            timelock=timelock,
        ).install_text
        for node in (1, 2, 3)
    }
    assert len(texts) == 1


def test_example_d_remote_blocks_go(cassandra, timelock):
    blocks = """\
  lock:      {servers: ["http://host1:3828/api"], sslConfiguration: {trustStorePath: t}}
  timestamp: {servers: ["http://host1:3828/api"], sslConfiguration: {trustStorePath: t}}
"""
    got = transformed(cassandra + blocks, timelock=timelock)
    assert got.install_text == transformed(cassandra, timelock=timelock).install_text


def test_example_f_a_namespace_that_is_there_stays_as_it_is_written(postgres, timelock):
    got = transformed(postgres + "  namespace:   'orders' # as dbName\n", timelock=timelock)
    assert "  namespace:   'orders' # as dbName\n" in got.install_text
    assert got.install_text.count("namespace") == 1


def test_the_stores_own_namespace_is_repeated_at_the_top(postgres, timelock):
    text = postgres.replace("    type: relational\n", "    type: relational\n    namespace: globe\n")
    assert '\natlasdb:\n  namespace: "globe"\n' in transformed(text, timelock=timelock).install_text


def test_all_options_of_tls_are_written(postgres):
    ssl = {
        "key_store_password": 'a"b\\c: é',
        "key_store_path": "k.jks",
        "trust_store_path": "t.jks",
        "trust_store_type": "JKS",
        "key_store_type": None,
        "key_store_key_alias": "me",
    }
    got = transformed(postgres, timelock=TimelockBlock(["http://tl1:8421/timelock/api"], ssl))
    assert '        keyStorePassword: "a\\"b\\\\c: é"\n' in got.install_text
    assert "keyStoreType" not in got.install_text
    assert "é" not in got.diff_redacted
    assert '"http://tl1:8421/timelock/api"' in got.install_text


@pytest.mark.parametrize(
    ("servers", "ssl", "code"),
    [
        ([], {"trust_store_path": "t"}, "inventory-empty"),
        (["tl1:8421"], {"trust_store_path": "t"}, "timelock-not-timelock"),
        (["https://tl1:8421/"], {"trust_store_path": "t"}, "timelock-not-timelock"),
        (["https://tl1:8421/api/"], {"trust_store_path": "t"}, "timelock-not-timelock"),
        (["https://u:p@tl1:8421"], {"trust_store_path": "t"}, "timelock-not-timelock"),
        (["https://tl1:8421\n"], {"trust_store_path": "t"}, "timelock-not-timelock"),
        (["http://tl1:8421"], {}, "config-tls-missing"),
        (["http://tl1:8421"], {"trust_store_path": None}, "config-tls-missing"),
        (["http://tl1:8421"], {"trust_store_path": "t", "key_store_password": "p"}, "config-tls-missing"),
        (["http://tl1:8421"], {"trust_store_path": "t", "ca_path": "p"}, "config-tls-missing"),
    ],
)
def test_a_timelock_that_no_client_could_use_is_refused(postgres, servers, ssl, code):
    with pytest.raises(Refusal) as refusal:
        to_timelock(postgres, version="0.905.0", timelock=TimelockBlock(servers, ssl))
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("ssl", "found"),
    [
        ({}, "There is no trustStorePath, and"),
        ({"trust_store_path": "t", "key_store_password": "p"}, "There is keyStorePassword, but no keyStorePath."),
        ({"trust_store_path": "t", "key_store_key_alias": "a"}, "There is keyStoreKeyAlias, but no keyStorePath."),
    ],
)
def test_what_a_timelock_lacks_is_named_as_the_inventory_spells_it(postgres, ssl, found):
    with pytest.raises(Refusal) as refusal:
        to_timelock(postgres, version="0.905.0", timelock=TimelockBlock(["http://tl1:8421"], ssl))
    assert refusal.value.found.startswith(found) and "timelock_client_ssl" in refusal.value.do


@pytest.mark.parametrize(
    ("change", "version", "code"),
    [
        (lambda text: text, "", "config-version-unknown"),
        (lambda text: text, "0.40.0", "config-client-too-old"),
        (lambda text: text + "  namespace: other\n", "0.905.0", "config-namespace-mismatch"),
        (lambda text: text.replace("orders", "a.b"), "0.905.0", "config-namespace-illegal"),
        (lambda text: text + "atlas: [", "0.905.0", "config-invalid"),
        (lambda text: "# held by atlasdb.timelock\n" + text, "0.905.0", "config-invalid"),
        (lambda text: text.replace("atlasdb:", "atlasdb: &x") + "other: *x\n", "0.905.0", "config-invalid"),
    ],
)
def test_what_cannot_be_transformed_is_refused(postgres, timelock, change, version, code):
    with pytest.raises(Refusal) as refusal:
        to_timelock(change(postgres), version=version, timelock=timelock)
    assert refusal.value.code == code


def test_one_block_named_for_both_purposes_is_refused(postgres, timelock):
    with pytest.raises(Refusal) as refusal:
        to_timelock(postgres, version="0.905.0", timelock=timelock, root="/atlasdb", runtime_root="/atlasdb")
    assert refusal.value.code == "config-invalid"
    assert "as the install and as the runtime block" in refusal.value.found


def test_a_runtime_block_of_two_levels_is_made_at_the_end(postgres, timelock):
    got = transformed(postgres, timelock=timelock, runtime_root="runtime.atlas")
    assert got.install_text.endswith("\nruntime:\n  atlas:\n    timelockRuntime:\n" + indented(SERVERS_LIST, 6))


def test_another_timelock_behind_the_same_trust_store_is_another_timelock(postgres, timelock):
    ssl = "sslConfiguration: {trustStorePath: var/security/trustStore.jks}"
    runtime = f"atlasDbRuntime: {{timelockRuntime: {{serversList: {{servers: ['https://other:8421'], {ssl}}}}}}}\n"
    with pytest.raises(Refusal) as refusal:
        to_timelock(postgres, runtime, version="0.905.0", timelock=timelock)
    assert refusal.value.code == "config-other-timelock"
    assert "https://other:8421" in refusal.value.found


@pytest.mark.parametrize(
    ("install", "runtime"),
    [
        ("  timelock: {serversList: {servers: ['https://other:8421']}}\n", None),
        ("  timelock: {serversList: {servers: ['https://tl1:8421']}}\n", None),
        ("", "atlasDbRuntime: {timelockRuntime: {serversList: {servers: ['https://other:8421']}}}\n"),
        ("", "atlasDbRuntime: {timelockRuntime: {serversList: {servers: []}}}\n"),
        (
            "",
            "atlasDbRuntime: {timelockRuntime: {serversList: {servers: ['https://tl3:8421', 'https://tl2:8421', "
            "'https://tl1:8421'], sslConfiguration: {trustStorePath: /secret/place}}}}\n",
        ),
    ],
)
def test_another_timelock_in_the_file_is_refused_and_never_overwritten(postgres, timelock, install, runtime):
    with pytest.raises(Refusal) as refusal:
        to_timelock(postgres + install, runtime, version="0.905.0", timelock=timelock)
    assert refusal.value.code == "config-other-timelock"
    assert "/secret/place" not in refusal.value.found


def test_the_same_timelock_written_by_hand_is_left_alone(postgres, timelock):
    by_hand = """\
atlasDbRuntime:
  timelockRuntime:
    serversList: # in another order, in kebab case
      servers: ['https://tl3:8421', "https://tl1:8421", https://tl2:8421]
      proxyConfiguration: {type: DIRECT}
      sslConfiguration: {trust-store-path: var/security/trustStore.jks}
"""
    got = transformed(postgres + "  namespace: orders\n  timelock: {client: orders}\n", by_hand, timelock=timelock)
    assert got.changed_files == []


def test_an_install_block_of_timelock_keeps_what_else_it_holds(postgres, timelock):
    block = "  timelock:\n    shouldGiveFeedbackToTimeLockServer: false # see ticket\n"
    got = transformed(postgres + block, timelock=timelock)
    assert block.splitlines()[1] in got.install_text
    assert read_config(got.install_text).timelock.servers == timelock.servers


@pytest.mark.parametrize("existing", ["timelock:", "timelock: ~", "timelock: {} # soon", "timelock: {client: orders}"])
@pytest.mark.parametrize("version", ["0.54.0", "0.60.0", "0.905.0"])
def test_a_timelock_block_without_servers_is_completed(postgres, timelock, existing, version):
    got = transformed(postgres + f"  {existing}\n", timelock=timelock, version=version)
    assert read_config(got.install_text).timelock.servers == timelock.servers


def test_the_summary_and_the_diff_say_what_changes_and_no_secret(postgres, leader, timelock):
    secret = TimelockBlock(timelock.servers, {**timelock.ssl, "key_store_path": "k", "key_store_password": "hunter2"})
    near = postgres.replace("  keyValueService", "  token: ${enc:hunter2}\n  keyValueService")
    got = transformed(near + leader, timelock=secret, runtime_root="/atlasDbRuntime")
    assert "hunter2" not in got.diff_redacted + repr(got.summary) + repr(got) + repr(secret)
    assert "s3cret" not in got.diff_redacted
    assert "-  leader:" in got.diff_redacted
    assert '+  namespace: "orders"' in got.diff_redacted
    assert "/atlasdb: leader removed." in got.summary
    assert "hunter2" in got.install_text
