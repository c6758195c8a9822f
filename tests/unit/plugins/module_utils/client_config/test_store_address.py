# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reading import read_config


def codes(config):
    return [code for code, _sentence in config.problems]


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("{type: memory}", "memory"),
        ("{type: jdbc}", "jdbc"),
        ("{type: rocksdb}", "rocksdb"),
        ("{type: relational, ddl: {type: oracle}, connection: {type: oracle, sid: a}}", "not built yet"),
        ("{type: relational, ddl: {type: h2}, connection: {type: h2, dbName: a}}", "h2"),
    ],
)
def test_a_store_that_is_not_built_is_unsupported(block, words):
    config = read_config(f"atlasdb:\n  namespace: a\n  keyValueService: {block}\n")
    assert codes(config) == ["config-store-unsupported"]
    assert words in config.problems[0][1]
    assert config.kvs is None


@pytest.mark.parametrize("line", ["host: db.example", "dbLogin: palantir", 'dbPassword: "s3cret"'])
def test_what_the_connection_lacks_is_named(postgres, line):
    key = line.split(":")[0]
    text = "".join(row for row in postgres.splitlines(keepends=True) if key not in row)
    config = read_config(text)
    assert config.problems == [("config-invalid", f"keyValueService.connection has no {key}.")]
    assert config.kvs is None


def test_what_the_connection_lacks_may_be_given(postgres):
    text = postgres.replace("      host: db.example\n", "").replace(
        '      dbPassword: "s3cret"  # rotated in May\n', ""
    )
    config = read_config(text, overrides={"host": "10.0.0.1", "password": "given"})
    assert config.problems == []
    assert (config.kvs["hosts"], config.kvs["password"]) == (["10.0.0.1"], "given")


@pytest.mark.parametrize("value", ["${enc:AES:abc}", "'${enc:abc}'", "${DB_PASSWORD}", '"x${enc:abc}"'])
def test_an_encrypted_credential_is_refused_and_an_override_takes_its_place(postgres, value):
    text = postgres.replace('"s3cret"', value)
    config = read_config(text)
    assert config.problems == [
        ("config-secret-encrypted", "dbPassword of the key-value service is encrypted or a placeholder.")
    ]
    assert read_config(text, overrides={"password": "a${b}c"}).kvs["password"] == "a${b}c"


def test_a_placeholder_for_the_host_is_refused_too(postgres):
    assert codes(read_config(postgres.replace("db.example", "${DB_HOST}"))) == ["config-secret-encrypted"]


def test_overrides_replace_single_keys(postgres):
    overrides = {"hosts": ["a", "b"], "port": 6432, "table_prefix": "p", "ca_path": "/ca.pem", "user": None}
    kvs = read_config(postgres, overrides=overrides).kvs
    assert (kvs["hosts"], kvs["port"], kvs["table_prefix"], kvs["ca_path"]) == (["a", "b"], 6432, "p", "/ca.pem")
    assert kvs["user"] == "palantir"


def test_an_override_that_no_option_has_is_refused(postgres):
    config = read_config(postgres, overrides={"pasword": "x"})
    assert codes(config) == ["config-invalid"]
    assert "pasword" in config.problems[0][1]


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "54 32"])
def test_a_port_that_is_none_is_refused(postgres, port):
    config = read_config(postgres.replace("port: 5433", f"port: {port}"))
    assert codes(config) == ["config-invalid"]
    assert config.kvs is None


def test_values_are_taken_as_they_are_written_and_not_as_numbers(postgres):
    text = postgres.replace('"s3cret"', "0123").replace("dbName: orders", "dbName: 00123").replace("palantir", "yes")
    kvs = read_config(text).kvs
    assert (kvs["password"], kvs["database"], kvs["user"]) == ("0123", "00123", "yes")


def test_the_table_prefix_comes_from_ddl(postgres):
    text = postgres.replace("    ddl:\n      type: postgres\n", "    ddl: {type: postgres, tablePrefix: pre_}\n")
    assert read_config(text).kvs["table_prefix"] == "pre_"


def test_ddl_and_connection_for_different_databases_are_invalid(postgres):
    assert codes(read_config(postgres.replace("    ddl:\n      type: postgres\n", "    ddl: {type: oracle}\n"))) == [
        "config-invalid"
    ]


@pytest.mark.parametrize("key", ["ddl", "connection"])
def test_a_block_of_another_kind_is_invalid(key):
    config = read_config(f"atlasdb:\n  namespace: a\n  keyValueService: {{type: relational, {key}: 5}}\n")
    assert codes(config)[-1] == "config-invalid"


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ("{defaultRowFetchSize: 100}", {}),
        ("{ssl: true}", {"validate_certs": True}),
        ("{ssl: true, sslmode: require}", {"validate_certs": False}),
        ("{sslmode: verify-full, sslrootcert: /r.crt}", {"validate_certs": True, "ca_path": "/r.crt"}),
        ("{ssl: true, sslfactory: org.postgresql.ssl.NonValidatingFactory}", {"validate_certs": False}),
        ("{sslcert: /c.crt, sslkey: /c.pk8}", {"client_cert": "/c.crt", "client_key": "/c.pk8"}),
    ],
)
def test_tls_is_what_the_jdbc_driver_is_told(postgres, parameters, told):
    kvs = read_config(postgres + f"      connectionParameters: {parameters}\n").kvs
    assert {key: kvs[key] for key in kvs if key in ("validate_certs", "ca_path", "client_cert", "client_key")} == told


@pytest.mark.parametrize("parameters", ["{currentSchema: other}", "{options: '-c search_path=other'}"])
def test_a_search_path_of_the_services_own_is_refused_since_another_table_would_be_read(postgres, parameters):
    config = read_config(postgres + f"      connectionParameters: {parameters}\n")
    assert codes(config) == ["config-store-unsupported"]
    assert config.kvs is None


def test_a_block_given_by_an_alias_is_read_through_it():
    text = """\
shared: &db {type: postgres, host: db, dbName: orders, dbLogin: u, dbPassword: p}
atlasdb:
  keyValueService: {type: relational, ddl: {type: postgres}, connection: *db}
"""
    assert read_config(text).kvs["database"] == "orders"
