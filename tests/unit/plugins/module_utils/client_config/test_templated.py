# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fleet's own template renders, held to the rules of an edited file."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reading import read_config
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.templated import templated
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.transform import TimelockBlock
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

TIMELOCK = TimelockBlock(["https://tl-1:8421"], {"trust_store_path": "/etc/trust.jks"})
KVS = """\
  keyValueService:
    type: relational
    ddl: {type: postgres}
    connection: {type: postgres, host: db, port: 5432, dbName: orders, dbLogin: orders, dbPassword: s3cret}
"""
OLD = f"""\
atlasdb:
{KVS}  leader: {{quorumSize: 1, leaders: ['https://orders-1:8080'], localServer: 'https://orders-1:8080'}}
"""
SERVERS = "{servers: ['https://tl-1:8421'], sslConfiguration: {trustStorePath: /etc/trust.jks}}"
NEW = f"""\
# rendered by the fleet's own template
threads: 8
atlasdb:
  namespace: orders
  timelock: {{}}
{KVS}atlasdb-runtime:
  timelockRuntime:
    serversList: {SERVERS}
"""


def render(text, runtime=None):
    before = read_config(OLD, runtime, version="0.905.0")
    return templated(before, OLD, text, runtime, version="0.905.0", timelock=TIMELOCK)


def test_what_a_template_renders_is_the_new_file_as_it_is():
    new = render(NEW)
    assert (new.install_text, new.runtime_text, new.changed_files) == (NEW, None, ["install"])


def test_the_difference_is_shown_without_secrets():
    shown = render(NEW).diff_redacted
    assert "+threads: 8" in shown and "-  leader:" in shown and "s3cret" not in shown


def test_a_runtime_file_of_its_own_is_edited():
    runtime = "atlasdb-runtime:\n  timestampClient: {enableTimestampBatching: true}\n"
    new = render(NEW.partition("atlasdb-runtime:")[0], runtime)
    assert new.changed_files == ["install", "runtime"]
    assert "timelockRuntime" in new.runtime_text and "https://tl-1:8421" in new.diff_redacted


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("  namespace: orders\n", "", "namespace orders written down"),
        ("  timelock: {}\n", "", "timelock added"),
        ("  timelock: {}\n", "  timelock: {}\n  leader: {leaders: [a]}\n", "leader removed"),
        ("namespace: orders", "namespace: users", "config-namespace-mismatch"),
        ("tl-1:8421", "tl-9:8421", "config-other-timelock"),
        ("/etc/trust.jks", "/tmp/other.jks", "config-other-timelock"),
        ("host: db", "host: db2", "Its kvs is"),
        ("s3cret", "another", "another password"),
        ("atlasdb:\n", "atlasdb: [\n", "config-invalid"),
    ],
)
def test_what_is_not_this_service_on_timelock_is_refused(old, new, found):
    with pytest.raises(Refusal) as refused:
        render(NEW.replace(old, new, 1))
    assert refused.value.code == "config-template" and found in refused.value.found
    assert "s3cret" not in str(refused.value) and "another:" not in str(refused.value)
