# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back of a configuration: the migration's own keys, and nothing else."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reversal import Former, to_embedded
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.transform import (
    TimelockBlock,
    to_timelock,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

BLOCK = TimelockBlock(["https://tl-1:8421"], {"trust_store_path": "/trust.pem"})
INSTALL = """\
server: {port: 8080}
atlasdb:
  namespace: orders   # ours
  keyValueService:
    type: relational
    ddl: {type: postgres}
    connection: {type: postgres, host: db, port: 5432, dbName: orders, dbLogin: orders, dbPassword: secret}
  # who leads
  leader:
    quorumSize: 2
    leaders: ["orders-1:8080", "orders-2:8080"]
    localServer: orders-1:8080
    sslConfiguration: {trustStorePath: '/a b'}
    learnerLogDir:
  initializeAsync: false
"""
RUNTIME = "atlasdb-runtime:\n  sweep: {enabled: true}\n"


def forward(install=INSTALL, runtime=None, version="0.905.0"):
    done = to_timelock(install, runtime, version=version, timelock=BLOCK)
    return done.install_text, done.runtime_text


def back(install, runtime=None, former=None, block=BLOCK, version="0.905.0"):
    done = to_embedded(install, runtime, former, version=version, timelock=block)
    return done.install_text, done.runtime_text


@pytest.mark.parametrize("version", ["0.54.0", "0.66.0", "0.905.0"])
@pytest.mark.parametrize("runtime", [None, RUNTIME])
def test_files_that_nobody_has_changed_since_come_back_byte_for_byte(version, runtime):
    assert back(*forward(INSTALL, runtime, version), Former(INSTALL, runtime), version=version) == (INSTALL, runtime)


def test_what_was_changed_since_stays_and_what_the_migration_removed_comes_back():
    install, runtime = forward(INSTALL, RUNTIME)
    install = install.replace("port: 8080", "port: 9090")
    runtime = runtime.replace("enabled: true", "enabled: false")
    install, runtime = back(install, runtime, Former(INSTALL, RUNTIME))
    assert yaml.safe_load(install) == {**yaml.safe_load(INSTALL), "server": {"port": 9090}}
    assert yaml.safe_load(runtime) == {"atlasdb-runtime": {"sweep": {"enabled": False}}}
    assert "namespace: orders   # ours\n" in install


def test_a_second_time_changes_nothing():
    once = back(*forward(), Former(INSTALL))
    assert to_embedded(*once, Former(INSTALL), version="0.905.0", timelock=BLOCK).changed_files == []


def test_servers_that_were_moved_since_are_no_obstacle():
    install, _runtime = forward()
    other = TimelockBlock(["https://tl-9:8421"], {"trust_store_path": "/trust.pem"})
    install, _runtime = back(install, None, Former(INSTALL), other)
    assert yaml.safe_load(install) == yaml.safe_load(INSTALL)


def test_without_the_former_file_timelock_goes_and_no_leader_comes():
    install, _runtime = back(forward()[0])
    read = yaml.safe_load(install)["atlasdb"]
    assert "timelock" not in read and "leader" not in read


def test_a_runtime_block_that_was_made_for_it_goes_with_it():
    runtime = "logging: {level: INFO}\natlasdb-runtime:\n"
    install, switched = forward(INSTALL, runtime)
    install, runtime = back(install.replace("8080", "8081", 1), switched, Former(INSTALL, runtime))
    assert yaml.safe_load(runtime) == {"logging": {"level": "INFO"}}


def test_no_secret_is_in_the_diff():
    done = to_embedded(*forward(), Former(INSTALL), version="0.905.0", timelock=BLOCK)
    assert done.changed_files == ["install"] and "secret" not in done.diff_redacted


def test_a_block_that_is_used_elsewhere_too_is_refused():
    install = forward()[0].replace("  timelock:", "  timelock: &tl").replace("server: {port: 8080}\n", "")
    with pytest.raises(Refusal, match="config-invalid"):
        back(install + "copy: *tl\n", None, Former(INSTALL.replace("8080", "1", 1)))
