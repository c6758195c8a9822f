# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The judgements between the steps of the way back."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations import reverse_checks
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

MARGIN = "10000000"


def plan(**more):
    return {
        "live": False, "backup": 5, "corroboration": [], "record": None, "store": "invalidated", "renamed": [],
        "nodes_to_stop": ["orders-1"], **more,
    }  # fmt: skip


def reverse_to(fresh, **more):
    return reverse_checks.reverse_to({"plan": plan(**more), "fresh_timestamp": str(fresh), "margin": MARGIN})


def test_the_bound_is_the_margin_above_the_fresh_timestamp_whatever_its_size():
    assert reverse_to(9_007_199_254_740_993) == {"at_least": "9007199264740993"}


@pytest.mark.parametrize(
    "known",
    [
        {"backup": 7},
        {"corroboration": [{"source": "punch table", "number": 9}]},
        {"record": {"numbers": {"fresh": "7"}}},
    ],
)
def test_a_timelock_that_is_below_what_was_given_out_has_lost_it(known):
    with pytest.raises(Refusal) as refused:
        reverse_to(7, **known)
    assert refused.value.code == "reverse-timelock-lost"


def given_back(fresh="15000000", raised=None, planned=None, **store):
    store = {"state": "ambiguous", "guarded": True, "bound": 20_000_000, "record": None, **store}
    store["record"] = store["record"] or {"epoch": 3, "holder": {"run_id": "run"}}
    return reverse_checks.given_back(
        {
            "plan": plan(**(planned or {})), "store": store, "expected": {"bound": 20_000_000},
            "fresh_timestamp": fresh, "margin": MARGIN, "raised": raised, "run_id": "run", "epoch": 3,
        }
    )  # fmt: skip


def test_a_live_bound_well_above_timelock_is_given_back():
    assert given_back() == {"bound": "20000000", "raise_to": None}


def test_one_that_timelock_has_come_near_to_is_raised_once():
    assert given_back("15000001") == {"bound": "20000000", "raise_to": "25000001"}
    with pytest.raises(Refusal, match="timelock-not-quiet.* Then run the playbook again"):
        given_back("15000001", raised={"bound": 20_000_000})


def test_one_that_an_earlier_run_has_opened_is_raised_too_once_no_node_runs():
    opened = {"state": "active", "guarded": False}
    assert given_back("20000000", planned={"live": True, "store": "active"}, **opened)["raise_to"] == "30000000"


def test_under_nodes_that_serve_on_it_already_a_bound_is_not_raised_and_must_be_above_timelock():
    served = {"live": True, "nodes_to_stop": []}
    assert given_back("19999999", planned=served) == {"bound": "20000000", "raise_to": None}
    with pytest.raises(Refusal, match="timelock-not-quiet.* stop every node of the service, then run reverse"):
        given_back("20000000", planned=served)
    assert given_back("15000001", planned={"live": True})["raise_to"] == "25000001"


@pytest.mark.parametrize(
    ("store", "code"),
    [
        ({"guarded": False, "state": "invalidated", "bound": None}, "bound-moved"),
        ({"guarded": False, "state": "active"}, "bound-moved"),
        ({"bound": 19_999_999}, "bound-moved"),
        ({"record": {"epoch": 4, "holder": {"run_id": "other"}}}, "operator-lock-lost"),
    ],
)
def test_nothing_is_started_on_any_other(store, code):
    with pytest.raises(Refusal) as refused:
        given_back(**store)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("step", "more", "way"),
    [
        ("prepare", {}, "back"),
        ("quiet_stop", {}, "back"),
        ("reverse_configure", {}, "as_left"),
        ("quiet_stop", {"embedded": ["orders-1"]}, "as_left"),
        ("quiet_stop", {"live": True}, "as_left"),
        ("rename_read_back", {"direction": "rename"}, "back"),
        ("quiet_stop", {"direction": "rename", "renamed": ["orders-1"]}, "half_renamed"),
        ("restart_first", {"direction": "rename"}, "half_renamed"),
    ],
)
def test_a_service_goes_on_with_timelock_only_while_no_node_was_configured(step, more, way):
    planned = {"live": False, "embedded": [], "renamed": [], **more}
    params = {"lock": {"epoch": 3}, "step": step, "plan": planned, "direction": more.get("direction", "reverse")}
    assert reverse_checks.retreat(params) == {"way": way}


ALLOWED = (("migrate", "migrate"), ("migrate", "reverse"), ("reverse", "reverse"), ("rename", "rename"))


@pytest.mark.parametrize("began", ["migrate", "reverse", "rename"])
@pytest.mark.parametrize("direction", ["migrate", "reverse", "rename"])
def test_nobody_goes_another_way_than_one_that_began_but_back_from_a_migration(began, direction):
    lock = {"document": {"unfinished": True, "direction": began, "service": "orders"}}
    if (began, direction) in ALLOWED:
        assert reverse_checks.one_way({"lock": lock, "direction": direction}) == {}
    else:
        with pytest.raises(Refusal, match="reverse-unfinished|rename-unfinished|rename-not-migrated"):
            reverse_checks.one_way({"lock": lock, "direction": direction})


def test_what_has_ended_or_never_began_is_in_nobodys_way():
    for document in ({}, {"unfinished": False, "direction": "reverse"}):
        assert reverse_checks.one_way({"lock": {"document": document}, "direction": "migrate"}) == {}


def test_without_the_lock_nothing_was_touched():
    assert reverse_checks.retreat({"lock": {"failed": True}, "step": "prepare", "plan": {}}) == {"way": "untouched"}


@pytest.mark.parametrize(
    ("store", "code"),
    [
        ({"failed": True, "attempts": 15, "bound": 20}, "node-unhealthy"),
        ({"failed": True, "code": "kvs-denied", "found": "It may not look."}, "kvs-denied"),
        ({"failed": True, "msg": "The connection was lost."}, "kvs-unreachable"),
    ],
)
def test_a_bound_that_stays_is_told_from_a_store_that_does_not_say(store, code):
    with pytest.raises(Refusal) as refused:
        reverse_checks.require_use({"nodes": ["a"], "store": store, "expected": {"bound": 20}})
    assert refused.value.code == code
