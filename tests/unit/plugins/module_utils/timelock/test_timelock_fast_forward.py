# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operation of timelock_fast_forward, from options to result and proof."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils import proofs
from ansible_collections.atlasdb.timelock.plugins.module_utils.operation import attempt
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.timelock_fast_forward import (
    timelock_fast_forward,
)

IDENTITY = {
    "type": "cassandra",
    "cluster_name": "prod",
    "partitioner": "Murmur3Partitioner",
    "keyspace": "orders",
    "table": "_timestamp",
    "table_id": "fc8f6ad3-6088-3324-a0f3-4abad3f905e0",
}
RUN = {"service": "orders", "run_id": "run-1", "epoch": 3, "kvs_identity": IDENTITY}


def options(cluster, **others):
    defaults = {
        "servers": cluster.urls,
        "ca_path": None,
        "client_cert": None,
        "client_key": None,
        "validate_certs": True,
        "timeout": 10.0,
        "namespace": "orders",
        "timestamp": "5000",
        "service": None,
        "run_id": None,
        "epoch": None,
        "kvs_identity": None,
    }
    return {**defaults, **others}


def test_the_proof_is_one_that_an_invalidation_accepts(cluster):
    found = attempt(timelock_fast_forward, options(cluster, **RUN), False)
    proof = found["timelock_proof"]
    assert found["changed"] is True
    proofs.require_timelock(proof, IDENTITY, 5000, 60.0)
    assert (proof["kind"], proof["service"], proof["namespace"]) == ("timelock", "orders", "orders")
    assert (proof["run_id"], proof["epoch"]) == ("run-1", 3)
    assert proof["servers"] == cluster.urls
    assert proof["fresh_timestamp"] == found["fresh_timestamp"] == 5002


def test_a_namespace_that_is_above_already_is_proved_again_without_a_change(cluster):
    cluster.highest["orders"] = 9000
    found = attempt(timelock_fast_forward, options(cluster, **RUN), False)
    assert (found["changed"], found["before"]) == (False, 9001)
    assert found["timelock_proof"]["fresh_timestamp"] == 9003


def test_by_hand_there_is_no_proof(cluster):
    assert attempt(timelock_fast_forward, options(cluster), False)["timelock_proof"] is None


@pytest.mark.parametrize("left_out", sorted(RUN))
def test_a_proof_that_would_name_less_than_all_is_refused_before_anything_is_asked(cluster, left_out):
    found = attempt(timelock_fast_forward, options(cluster, **{**RUN, left_out: None}), False)
    assert found["failed"] is True
    assert cluster.asked("") == []


def test_check_mode_proves_nothing(cluster):
    found = attempt(timelock_fast_forward, options(cluster, **RUN), True)
    assert (found["changed"], found["asked"], found["timelock_proof"]) == (True, False, None)
    assert cluster.asked("orders") == []


@pytest.mark.parametrize("timestamp", ["", "-1", "1e6", "5000.0", "9007199254740993.0", " 5", "0x10", str(2**63)])
def test_a_timestamp_that_is_not_spelt_in_digits_is_refused(cluster, timestamp):
    assert attempt(timelock_fast_forward, options(cluster, timestamp=timestamp), False)["failed"] is True
    assert cluster.asked("") == []


def test_a_timestamp_without_headroom_is_refused(cluster):
    found = attempt(timelock_fast_forward, options(cluster, timestamp=str(2**63 - 1)), False)
    assert found["code"] == "bound-out-of-range"
