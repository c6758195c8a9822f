# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Another namespace in a configuration for TimeLock, and nothing else."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.namespaces import OVERRIDE
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reading import read_config
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.renaming import to_namespace
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.transform import to_timelock
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

VERSION = "0.905.0"


def migrated(text, timelock, version=VERSION):
    return to_timelock(text, None, version=version, timelock=timelock).install_text


def renamed(text, namespace="shop", version=VERSION):
    return to_namespace(text, None, namespace, version=version)


def refused(text, namespace="shop", version=VERSION):
    with pytest.raises(Refusal) as refusal:
        renamed(text, namespace, version)
    return refusal.value.code


def test_a_relational_service_has_the_new_name_in_both_places_and_the_same_database(postgres, timelock):
    before = migrated(postgres, timelock)
    done = renamed(before)
    expected = yaml.safe_load(before)
    expected["atlasdb"]["namespace"] = "shop"
    expected["atlasdb"]["keyValueService"]["namespace"] = "shop"
    assert yaml.safe_load(done.install_text) == expected
    read = read_config(done.install_text, version=VERSION)
    assert (read.namespace, read.problems, read.kvs) == ("shop", [], read_config(before, version=VERSION).kvs)
    assert done.changed_files == ["install"]
    assert "s3cret" not in done.diff_redacted


def test_a_second_time_changes_nothing(postgres, timelock):
    once = renamed(migrated(postgres, timelock)).install_text
    assert renamed(once).changed_files == []
    assert renamed(once).install_text == once


def test_it_can_be_given_its_old_name_again(postgres, timelock):
    before = migrated(postgres, timelock)
    back = renamed(renamed(before).install_text, "orders").install_text
    expected = yaml.safe_load(before)
    expected["atlasdb"]["keyValueService"]["namespace"] = "orders"
    assert yaml.safe_load(back) == expected


def test_comments_beside_the_name_stay(postgres, timelock):
    text = migrated(postgres, timelock).replace('namespace: "orders"', "namespace: orders   # as in 2019")
    assert 'namespace: "shop"   # as in 2019\n' in renamed(text).install_text


def test_a_client_that_is_named_is_renamed_too(postgres, timelock):
    text = migrated(postgres, timelock).replace("timelock:\n", "timelock:\n    client: orders\n", 1)
    text = text.replace("timelock: {}", "timelock: {client: orders}")
    assert yaml.safe_load(renamed(text).install_text)["atlasdb"]["timelock"]["client"] == "shop"


def test_a_keyspace_has_the_name_alone_unless_the_two_may_differ(cassandra, timelock):
    text = migrated(cassandra, timelock)
    assert refused(text) == "config-namespace-mismatch"
    may = text.replace("atlasdb:\n", f"atlasdb:\n  {OVERRIDE}: true\n", 1)
    done = renamed(may)
    assert yaml.safe_load(done.install_text)["atlasdb"] == {**yaml.safe_load(may)["atlasdb"], "namespace": "shop"}
    assert read_config(done.install_text, version=VERSION).problems == []


def test_a_keyspace_that_has_its_name_from_the_namespace_is_not_lost(cassandra, timelock):
    text = migrated(cassandra, timelock).replace("    keyspace: myapp\n", "")
    may = text.replace("atlasdb:\n", f"atlasdb:\n  {OVERRIDE}: true\n", 1)
    assert read_config(may, version=VERSION).kvs["keyspace"] == "myapp"
    assert refused(may) == "config-namespace-mismatch"


def test_a_client_whose_store_cannot_be_given_a_name_needs_leave_to_differ(postgres, timelock):
    assert refused(migrated(postgres, timelock, "0.574.9"), version="0.574.9") == "config-namespace-mismatch"


@pytest.mark.parametrize("namespace", ["a b", "tl", "leader"])
def test_a_name_that_timelock_cannot_serve_is_refused(postgres, timelock, namespace):
    assert refused(migrated(postgres, timelock), namespace) == "config-namespace-illegal"


def test_a_client_without_namespaces_is_refused(postgres, timelock):
    assert refused(migrated(postgres, timelock, "0.54.0"), version="0.54.0") == "config-client-too-old"


def test_an_embedded_service_is_left_as_it_is(postgres):
    assert renamed(postgres).install_text == postgres
