# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import Guard
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.cassandra import CassandraStore
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.postgres import PostgresStore


@pytest.mark.parametrize("call", [
    lambda store: store.login("orders"),
    lambda store: store.require_login("orders"),
    lambda store: store.missing_use("orders", "dba"),
    lambda store: store.put_login("orders", False, Guard("r1", 1)),
])  # fmt: skip
def test_cassandra_refuses_to_shut_a_login_out_and_does_not_stumble_over_it(call):
    with pytest.raises(Refusal) as refused:
        call(CassandraStore.__new__(CassandraStore))
    assert refused.value.code == "fence-unsupported"


def test_the_fence_is_built_for_postgresql_alone():
    assert (PostgresStore.has_fence, CassandraStore.has_fence) == (True, False)
