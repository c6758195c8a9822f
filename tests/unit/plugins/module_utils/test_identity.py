# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which looks at a key-value service are looks at the same one."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.identity import bound_of, later_identity, same_kvs
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

CASSANDRA = {
    "type": "cassandra",
    "cluster_name": "prod",
    "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
    "host_ids": ["h1", "h2", "h3"],
    "keyspace": "orders",
    "table": "_timestamp",
    "table_id": "fc8f6ad3-6088-3324-a0f3-4abad3f905e0",
}


@pytest.mark.parametrize("key", ["type", "cluster_name", "partitioner", "keyspace", "table", "table_id"])
@pytest.mark.parametrize("other", ["other", None])
def test_another_cassandra_is_refused(key, other):
    for before, now in ((CASSANDRA, {**CASSANDRA, key: other}), ({**CASSANDRA, key: other}, CASSANDRA)):
        with pytest.raises(Refusal) as refused:
            later_identity(before, now)
        assert refused.value.code == "kvs-identity"
        assert key in refused.value.found or key == "type"


def test_a_cluster_of_the_same_name_with_other_nodes_is_another():
    assert "h4" in same_kvs(CASSANDRA, {**CASSANDRA, "host_ids": ["h1", "h4", "h5"]})
    assert same_kvs(CASSANDRA, {**CASSANDRA, "host_ids": []})


def test_a_cluster_may_have_a_node_replaced_or_added():
    assert same_kvs(CASSANDRA, {**CASSANDRA, "host_ids": ["h1", "h2", "h4", "h5"]}) is None


def test_an_identity_of_an_unknown_kind_equals_none():
    assert same_kvs({"type": "memory"}, {"type": "memory"})
    assert bound_of({"type": "memory"}) is None


def test_two_keyspaces_of_a_cluster_are_two_bounds_and_a_missing_table_is_none():
    other = {**CASSANDRA, "keyspace": "users", "table_id": "a"}
    assert len({bound_of(CASSANDRA), bound_of(other), bound_of({**CASSANDRA, "host_ids": ["x"]})}) == 3
    assert bound_of({**CASSANDRA, "table_id": None}) is None
