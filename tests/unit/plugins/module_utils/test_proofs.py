# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proofs: whose they are, how old, and whether they are enough."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils import proofs
from ansible_collections.atlasdb.timelock.plugins.module_utils.identity import later_identity
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import (
    Guard,
    age,
    guard_of,
    later_stamp,
    require_offline,
    require_timelock,
    stamp_now,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

KVS = {
    "type": "postgres",
    "system_identifier": "7711032148059542225",
    "timeline": 1,
    "database": "orders",
    "database_oid": 16385,
    "schema": "public",
    "table": "_timestamp",
    "position": 100,
}
NODES = ["n1", "n2"]


class Clocks:
    """The controller's two clocks and its boot, set by the test."""

    wall = 1_000_000.0
    boot = 5000.0
    boot_id = "first"

    def pass_by(self, seconds):
        self.wall += seconds
        self.boot += seconds


@pytest.fixture
def clocks(monkeypatch):
    made = Clocks()
    monkeypatch.setattr(proofs.time, "time", lambda: made.wall)
    monkeypatch.setattr(proofs, "_boot_clock", lambda: made.boot)
    monkeypatch.setattr(proofs, "boot_id", lambda: made.boot_id)
    return made


def node_proof(kind, node, **changes):
    return {
        "kind": kind,
        "node": node,
        "service": "orders",
        "run_id": "one",
        "epoch": 3,
        "seen_before": True,
        "taken": stamp_now(),
        **changes,
    }


def all_offline():
    made = [node_proof(kind, node) for node in NODES for kind in ("hold", "process")]
    return made + [{**node_proof("sessions", None), "kvs_identity": KVS}]


def timelock(**changes):
    return {
        "kind": "timelock",
        "run_id": "one",
        "epoch": 3,
        "fresh_timestamp": 101,
        "kvs_identity": KVS,
        "taken": stamp_now(),
        **changes,
    }


def offline(given, nodes=None, identity=None, waived=False):
    nodes = NODES if nodes is None else nodes
    require_offline(nodes, given, KVS if identity is None else identity, 300.0, waived)


def refused(call, *arguments, **options):
    with pytest.raises(Refusal) as raised:
        call(*arguments, **options)
    return raised.value.code


def test_what_is_complete_is_enough(clocks):
    offline(all_offline())
    require_timelock(timelock(), KVS, 100, 300.0)


# Age


def test_the_age_is_the_larger_of_two_clocks(clocks):
    taken = stamp_now()
    clocks.wall += 10
    clocks.boot += 70
    assert age(taken) == 70
    clocks.wall += 100
    assert age(taken) == 110


@pytest.mark.parametrize("clock", ["wall", "boot"])
def test_a_clock_that_ran_backwards_makes_a_proof_worthless(clocks, clock):
    given = all_offline()
    clocks.pass_by(10)
    setattr(clocks, clock, getattr(clocks, clock) - 11)
    assert refused(offline, given) == "proof-missing"


def test_a_proof_from_before_a_reboot_is_worthless(clocks):
    given = all_offline()
    clocks.boot_id = "second"
    assert refused(offline, given) == "proof-missing"
    assert (
        refused(require_timelock, timelock(taken={**stamp_now(), "boot_id": "first"}), KVS, 100, 300.0)
        == "proof-missing"
    )


def test_a_proof_is_good_for_as_long_as_was_said_and_no_longer(clocks):
    given, proof = all_offline(), timelock()
    clocks.pass_by(300)
    offline(given)
    require_timelock(proof, KVS, 100, 300.0)
    clocks.pass_by(1)
    assert refused(offline, given) == "proof-missing"
    assert refused(require_timelock, proof, KVS, 100, 300.0) == "proof-missing"


def test_one_stale_proof_among_fresh_ones_is_found(clocks):
    stale = node_proof("process", "n2")
    clocks.pass_by(301)
    given = [stale if (p["kind"], p["node"]) == ("process", "n2") else p for p in all_offline()]
    assert refused(offline, given) == "proof-missing"


def test_a_stale_proof_that_was_taken_again_is_good(clocks):
    stale = all_offline()
    clocks.pass_by(301)
    offline(stale + all_offline())


@pytest.mark.parametrize("taken", [None, {}, {"wall": 1.0}, "now"])
def test_a_proof_without_a_readable_time_is_worthless(clocks, taken):
    given = all_offline()
    given[0]["taken"] = taken
    assert refused(offline, given) == "proof-missing"


def test_a_stamp_moved_on_is_younger(clocks):
    assert age(later_stamp(stamp_now(), -5)) == 5


# Completeness


@pytest.mark.parametrize("missing", range(5))
def test_every_kind_is_needed_for_every_node_and_sessions_for_the_service(clocks, missing):
    given = all_offline()
    del given[missing]
    assert refused(offline, given) == "proof-missing"
    offline(given, waived=True)


def test_a_node_without_proofs_is_found(clocks):
    assert refused(offline, all_offline(), nodes=[*NODES, "n3"]) == "proof-missing"


def test_no_nodes_at_all_are_not_all_nodes(clocks):
    assert refused(offline, all_offline(), nodes=[]) == "proof-missing"
    offline([], nodes=[], waived=True)


@pytest.mark.parametrize("kind", ["process", "sessions"])
@pytest.mark.parametrize("seen_before", [False, None])
def test_a_probe_that_never_saw_its_node_proves_nothing(clocks, kind, seen_before):
    given = all_offline()
    for proof in given:
        if proof["kind"] == kind:
            proof["seen_before"] = seen_before
    assert refused(offline, given) == "proof-missing"
    offline(given, waived=True)


def test_sessions_looked_for_before_the_last_hold_prove_nothing(clocks):
    sessions = all_offline()[-1]
    clocks.pass_by(1)
    given = all_offline()[:-1] + [sessions]
    assert refused(offline, given) == "proof-missing"


def test_a_store_that_tells_nothing_is_proved_left_by_what_each_nodes_host_shows(clocks):
    given = [*all_offline()[:-1], *(node_proof("kvs_sockets", node) for node in NODES)]
    offline(given)
    for missing in (-1, -2):
        assert refused(offline, [proof for proof in given if proof is not given[missing]]) == "proof-missing"
    offline(given[:-1], waived=True)


def test_what_the_store_tells_is_enough_whatever_one_nodes_host_shows(clocks):
    offline([*all_offline(), node_proof("kvs_sockets", "n1")])


def test_connections_that_were_never_seen_prove_nothing(clocks):
    given = [*all_offline()[:-1], *(node_proof("kvs_sockets", node, seen_before=node == "n1") for node in NODES)]
    assert refused(offline, given) == "proof-missing"


def test_connections_looked_for_before_a_nodes_own_hold_prove_nothing(clocks):
    early = node_proof("kvs_sockets", "n2")
    late = node_proof("kvs_sockets", "n1")
    clocks.pass_by(1)
    held = all_offline()[:-1]
    assert refused(offline, [*held, early, node_proof("kvs_sockets", "n1")]) == "proof-missing"
    offline([node_proof("hold", "n1", taken=late["taken"]), *held[1:], late, node_proof("kvs_sockets", "n2")])


def test_connections_looked_for_too_long_ago_prove_nothing(clocks):
    stale = [node_proof("kvs_sockets", node) for node in NODES]
    clocks.pass_by(301)
    assert refused(offline, [*all_offline()[:-1], *stale]) == "proof-missing"


def test_what_is_there_is_checked_even_when_what_is_missing_is_waived(clocks):
    given = all_offline()
    clocks.pass_by(301)
    assert refused(offline, given[:1], waived=True) == "proof-missing"


# Whose


def test_the_lock_is_that_of_the_run_that_took_the_proofs(clocks):
    assert guard_of([timelock(), *all_offline()]) == Guard("one", 3)
    assert guard_of([]) is None


@pytest.mark.parametrize("change", [{"run_id": "two"}, {"epoch": 2}])
def test_proofs_of_several_runs_are_refused(clocks, change):
    for at in range(6):
        given = [timelock(), *all_offline()]
        given[at].update(change)
        assert refused(guard_of, given) == "operator-lock-lost"


@pytest.mark.parametrize("change", [{"epoch": None}, {"epoch": "x"}])
def test_a_proof_of_no_run_is_refused(clocks, change):
    assert refused(guard_of, [timelock(**change)]) == "proof-missing"


# Where


@pytest.mark.parametrize(
    "key", ["type", "system_identifier", "timeline", "database", "database_oid", "schema", "table"]
)
@pytest.mark.parametrize("other", ["other", None])
def test_another_key_value_service_is_refused(clocks, key, other):
    assert refused(later_identity, KVS, {**KVS, key: other}) == "kvs-identity"
    assert refused(later_identity, {**KVS, key: other}, KVS) == "kvs-identity"
    assert refused(offline, all_offline(), identity={**KVS, key: other}) == "kvs-identity"
    assert refused(require_timelock, timelock(), {**KVS, key: other}, 100, 300.0) == "kvs-identity"


def test_an_identity_of_nothing_equals_no_other(clocks):
    assert refused(later_identity, {}, {}) == "kvs-identity"
    assert refused(require_timelock, timelock(kvs_identity=None), KVS, 100, 300.0) == "kvs-identity"


def test_a_position_may_grow_and_not_shrink(clocks):
    later_identity(KVS, {**KVS, "position": 100})
    later_identity(KVS, {**KVS, "position": 101})
    assert refused(later_identity, KVS, {**KVS, "position": 99}) == "kvs-identity"


# TimeLock


@pytest.mark.parametrize(("fresh", "bound", "code"), [(101, 101, "timelock-behind"), (100, 101, "timelock-behind")])
def test_a_timelock_that_is_not_above_the_bound_is_refused(clocks, fresh, bound, code):
    assert refused(require_timelock, timelock(fresh_timestamp=fresh), KVS, bound, 300.0) == code


@pytest.mark.parametrize("fresh", ["101", 101, 2**63 - 1])
def test_a_fresh_timestamp_may_be_a_number_or_its_digits(clocks, fresh):
    require_timelock(timelock(fresh_timestamp=fresh), KVS, 100, 300.0)


@pytest.mark.parametrize("proof", [None, {}, {"fresh_timestamp": None}, {"fresh_timestamp": "x"}])
def test_no_fresh_timestamp_is_no_proof(clocks, proof):
    assert refused(require_timelock, proof, KVS, 100, 300.0) == "proof-missing"
