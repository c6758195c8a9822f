# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judgements between the steps of a rename: what must be proved before a node starts on the new namespace."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations import rename_checks
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import later_stamp, stamp_now
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

SERVER = {
    "type": "postgres", "system_identifier": "7", "timeline": 1, "database": "orders", "database_oid": 5,
    "schema": "public", "table": "_timestamp", "position": 100,
}  # fmt: skip
RUN = {"run_id": "r", "epoch": 4}
TS = 100
NODES = ["orders-1", "orders-2"]


def proofs(**more):
    old = {**RUN, "taken": later_stamp(stamp_now(), -10), "seen_before": True, **more}
    found = [{**old, "kind": kind, "node": node} for node in NODES for kind in ("hold", "process")]
    return [*found, {**old, "kind": "sessions", "kvs_identity": SERVER, "taken": later_stamp(stamp_now(), -5), **more}]


def forwarded(**more):
    proof = {"kind": "timelock", **RUN, "namespace": "shop", "fresh_timestamp": TS + 1, "kvs_identity": SERVER}
    return {**proof, "taken": stamp_now(), **more}


def seen(fresh, leader="tl-1"):
    return {"fresh_timestamp": fresh, "leader": leader}


def renamed(**more):
    params = {
        "plan": {"nodes": NODES, "namespace": "shop"}, "store": {"identity": {**SERVER, "position": 200}},
        "earlier": seen(TS), "later": seen(TS + 1), "fresh_timestamp": str(TS + 2),
        "timelock_proof": forwarded(), "proofs": proofs(),
        # The parameters of a test are made long before it is run where the machine is slow.
        "max_proof_age": 86400.0, "accept_unproven": None, **RUN,
    }  # fmt: skip
    return rename_checks.renamed({**params, **more})


def test_nodes_may_start_where_all_is_proved():
    assert renamed() == {"handover": {**RUN, "namespace": "shop", "ts": str(TS)}, "accepted_unproven": None}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"proofs": proofs()[1:]}, "proof-missing"),
        ({"proofs": proofs()[:-1]}, "proof-missing"),
        ({"proofs": proofs(seen_before=False)}, "proof-missing"),
        ({"max_proof_age": 1.0}, "proof-missing"),
        ({"proofs": proofs(epoch=3)}, "operator-lock-lost"),
        ({"epoch": 5}, "operator-lock-lost"),
        ({"timelock_proof": None}, "proof-missing"),
        ({"timelock_proof": forwarded(fresh_timestamp=TS)}, "timelock-behind"),
        ({"timelock_proof": forwarded(namespace="orders")}, "proof-missing"),
        ({"timelock_proof": forwarded(kvs_identity={**SERVER, "database_oid": 6})}, "kvs-identity"),
        ({"store": {"identity": {**SERVER, "position": 99}}}, "kvs-identity"),
        ({"fresh_timestamp": str(TS)}, "timelock-behind"),
        ({"later": seen(TS + 2)}, "timelock-not-quiet"),
        ({"later": seen(TS + 1, "tl-2")}, "timelock-not-quiet"),
    ],
)
def test_nothing_starts_where_anything_of_it_is_missing(more, code):
    with pytest.raises(Refusal) as refused:
        renamed(**more)
    assert refused.value.code == code


@pytest.mark.parametrize("known", [{"backup": TS}, {"record": {"numbers": {"fresh": str(TS)}}}])
def test_a_last_timestamp_that_is_not_above_what_is_known_is_refused(known):
    planned = {"live": False, "backup": 5, "corroboration": [], "record": None, "renamed": [], **known}
    with pytest.raises(Refusal, match="timelock-behind-backup"):
        rename_checks.rename_at({"plan": planned, "fresh_timestamp": str(TS)})
    assert rename_checks.rename_at({"plan": planned, "fresh_timestamp": str(TS + 1)}) == {"ts": str(TS + 1)}


def test_what_clients_wrote_down_counts_until_a_node_is_renamed_and_may_have_it_from_the_new_namespace():
    witness = [{"source": "punch table", "number": TS + 1}]
    planned = {"live": False, "backup": 5, "corroboration": witness, "record": None, "renamed": []}
    with pytest.raises(Refusal, match="timelock-behind-backup"):
        rename_checks.rename_at({"plan": planned, "fresh_timestamp": str(TS)})
    half = {**planned, "renamed": ["orders-1"]}
    assert rename_checks.rename_at({"plan": half, "fresh_timestamp": str(TS)}) == {"ts": str(TS)}
