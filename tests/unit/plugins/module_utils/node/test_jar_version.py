# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.jar_version import atlasdb_version


def folder_with(tmp_path, *names):
    for name in names:
        (tmp_path / name).touch()
    return [str(tmp_path)]


@pytest.mark.parametrize("version", ["0.905.0", "0.5.0", "0.905.0-3-gabcdef1", "0.910.0-rc1", "0.32.0.dirty"])
def test_the_client_library_tells_the_version(tmp_path, version):
    found = atlasdb_version(folder_with(tmp_path, f"atlasdb-client-{version}.jar", "guava-33.0.0.jar"))
    assert found == {"version": version, "source": str(tmp_path / f"atlasdb-client-{version}.jar")}


def test_the_client_library_counts_more_than_the_others(tmp_path):
    names = ("atlasdb-client-0.905.0.jar", "atlasdb-client-protobufs-0.904.0.jar", "atlasdb-api-0.903.0.jar")
    assert atlasdb_version(folder_with(tmp_path, *names))["version"] == "0.905.0"


def test_another_library_tells_it_where_there_is_no_client_one(tmp_path):
    assert atlasdb_version(folder_with(tmp_path, "atlasdb-cassandra-0.905.0.jar"))["version"] == "0.905.0"


def test_two_versions_are_a_conflict_and_none_is_chosen(tmp_path):
    found = atlasdb_version(folder_with(tmp_path, "atlasdb-client-0.905.0.jar", "atlasdb-client-0.904.0.jar"))
    assert found == {"version": None, "source": None, "conflict": ["0.904.0", "0.905.0"]}


def test_sources_and_strangers_and_missing_folders_tell_nothing(tmp_path):
    names = ("atlasdb-client-0.905.0-sources.jar", "myatlasdb-client-0.1.0.jar", "atlasdb-client.jar")
    assert atlasdb_version([*folder_with(tmp_path, *names), "/no/such/folder"]) == {"version": None, "source": None}
