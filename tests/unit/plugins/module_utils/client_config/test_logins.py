# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The login of the fence in a configuration: put where the old one stood, and nothing else with it."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.logins import NewLogin
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reading import read_config
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reversal import Former, to_embedded
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.templated import templated
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.transform import to_timelock
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

NEW = NewLogin("orders_2", 'new: "secret"')
POSTGRES = """\
atlasdb:
  namespace: orders
  keyValueService:
    type: relational
    connection:
      type: postgres
      host: db   # the primary
      dbName: orders
      dbLogin: orders   # ours
      dbPassword: 'old secret'
  leader:
    quorumSize: 1
    leaders: [https://orders-1:8080]
"""
CASSANDRA = """\
atlasdb:
  namespace: orders
  keyValueService:
    type: cassandra
    servers: [c1:9160]
    keyspace: orders
    credentials: {username: orders, password: old secret}
"""
WRITTEN = '"new: \\"secret\\""'


def migrated(install, timelock, runtime=None, login=NEW):
    about = {"version": "0.905.0", "timelock": timelock, "login": login}
    first = to_timelock(install, runtime, **about)
    assert to_timelock(first.install_text, first.runtime_text, **about).changed_files == []
    return first


def test_it_stands_where_the_old_one_stood_and_the_rest_is_as_without_it(timelock):
    plain = migrated(POSTGRES, timelock, login=None).install_text
    got = migrated(POSTGRES, timelock)
    with_login = plain.replace("dbLogin: orders ", 'dbLogin: "orders_2" ').replace("'old secret'", WRITTEN)
    assert got.install_text == with_login
    assert "/atlasdb/keyValueService/connection: the login orders_2 in place of orders." in got.summary


def test_it_stands_in_cassandra_s_credentials_in_one_line_as_well(timelock):
    got = migrated(CASSANDRA, timelock).install_text
    assert f'credentials: {{username: "orders_2", password: {WRITTEN}}}' in got


def test_neither_password_is_in_the_diff(timelock):
    got = migrated(POSTGRES, timelock)
    assert "orders_2" in got.diff_redacted and "secret" not in got.diff_redacted.replace("********", "")
    assert "secret" not in repr(NEW) and not any("secret" in line for line in got.summary)


def test_a_password_in_the_runtime_block_which_wins_is_the_one_that_is_replaced(timelock):
    runtime = "atlasDbRuntime:\n  keyValueService:\n    type: relational\n    dbPassword: old secret\n"
    got = migrated(POSTGRES, timelock, runtime)
    assert f"dbPassword: {WRITTEN}" in got.runtime_text and "'old secret'" in got.install_text
    assert 'dbLogin: "orders_2"' in got.install_text


def test_no_password_is_written_in_the_open_where_an_encrypted_one_stood(timelock):
    with pytest.raises(Refusal) as raised:
        migrated(POSTGRES.replace("old secret", "${enc:abc}"), timelock)
    assert raised.value.code == "config-secret-encrypted" and "atlasdb_config_template" in raised.value.do


def test_what_others_share_by_an_anchor_is_not_changed(timelock):
    shared = POSTGRES.replace("connection:", "connection: &db") + "other: *db\n"
    with pytest.raises(Refusal) as raised:
        migrated(shared, timelock)
    assert raised.value.code == "config-invalid" and "&db" in raised.value.found


def test_a_configuration_says_its_own_login_whatever_the_controller_uses():
    config = read_config(POSTGRES, overrides={"user": "dba", "password": "x"})
    assert (config.login, config.kvs["user"]) == ("orders", "dba")
    assert "login" not in config.shared()
    assert read_config(POSTGRES.replace("dbLogin: orders", "dbLogin: ${enc:x}")).login is None
    assert read_config(CASSANDRA).login == "orders"


def test_the_way_back_has_the_old_login_and_every_byte_of_before(timelock):
    there = migrated(POSTGRES, timelock).install_text
    about = {"version": "0.905.0", "timelock": timelock, "login": NEW}
    assert to_embedded(there, None, Former(POSTGRES), **about).install_text == POSTGRES


def test_a_login_that_is_not_the_migration_s_stays_on_the_way_back(timelock):
    there = migrated(POSTGRES, timelock, login=None).install_text.replace("dbLogin: orders", "dbLogin: rotated")
    back = to_embedded(there, None, Former(POSTGRES), version="0.905.0", timelock=timelock, login=NEW).install_text
    assert "dbLogin: rotated" in back and "timelock" not in back


def test_a_way_back_that_would_keep_the_new_login_among_other_changes_is_refused(timelock):
    there = migrated(POSTGRES, timelock).install_text.replace("host: db ", "host: db2 ")
    with pytest.raises(Refusal) as raised:
        to_embedded(there, None, Former(POSTGRES), version="0.905.0", timelock=timelock, login=NEW)
    assert raised.value.code == "config-invalid" and "orders_2" in raised.value.found


def test_a_template_has_to_have_it_and_may_have_its_password_encrypted(timelock):
    overrides = {"user": "dba", "password": "x"}
    before = read_config(POSTGRES, overrides=overrides)
    right = migrated(POSTGRES, timelock).install_text
    about = {"version": "0.905.0", "timelock": timelock, "overrides": overrides, "login": NEW}
    assert templated(before, POSTGRES, right, None, **about).install_text == right
    encrypted = right.replace(WRITTEN, '"${enc:abc}"')
    assert templated(before, POSTGRES, encrypted, None, **about).install_text == encrypted
    with pytest.raises(Refusal) as raised:
        templated(before, POSTGRES, migrated(POSTGRES, timelock, login=None).install_text, None, **about)
    assert raised.value.code == "config-template" and "orders_2 in place of orders" in raised.value.found
