# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a run ended for each service."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.verdict import verdict

MIGRATED = {
    "timelock_lock": {"epoch": 1},
    "timelock_released": {"epoch": 1},
    "timelock_bound": {"ts": "10"},
    "timelock_after": {"fresh_timestamp": 13},
}
TIMES = {"outage_seconds": 1.5, "window_seconds": 2.25}
FAILURE = {"step": "read", "code": "bound-moved", "msg": "bound-moved: it moved."}


def end(voice, todo="migrate", check_mode=False, left_out=(), highest_issued=None):
    refusals = [{"code": "probe-blind"}] if todo == "refused" else []
    orders = {"todo": todo, "namespace": "orders", "backup": None, "refusals": refusals, "store": "invalidated"}
    orders["highest_issued"] = highest_issued
    orders["renamed_from"] = "sales" if todo == "rename" else None
    plan = {"run_id": "r", "services": {"orders": orders}, "left_out": left_out}
    times = {"orders": TIMES} if voice else {}
    return verdict(plan, {"orders": voice}, times, check_mode)


@pytest.mark.parametrize(
    ("voice", "todo", "outcome"),
    [
        (MIGRATED, "migrate", "migrated"),
        (MIGRATED, "reverse", "reversed"),
        (MIGRATED, "rename", "renamed"),
        ({}, "nothing", "migrated"),
        ({}, "refused", "refused"),
        ({}, "migrate", "not begun"),
        ({**MIGRATED, "timelock_failure": FAILURE}, "migrate", "failed"),
        ({"timelock_lock": {"epoch": 1}}, "migrate", "failed"),
        ({**MIGRATED, "timelock_released": {"failed": True}}, "migrate", "failed"),
    ],
)
def test_a_service_ends_as(voice, todo, outcome):
    ended = end(voice, todo)
    assert ended["services"]["orders"]["outcome"] == outcome
    assert ended["not_migrated"] == ([] if outcome in ("migrated", "reversed", "renamed") else ["orders"])


def test_a_refused_service_that_is_left_out_is_no_failure_and_named():
    ended = end({}, "refused", left_out=("orders",))
    assert ended["not_migrated"] == []
    assert ended["lines"] == ["orders: left out (probe-blind)"]


def test_that_a_bound_rests_on_an_operators_number_is_told_where_it_was_restored_by_it():
    for restored, told in (({"accepted_unproven": "looked"}, True), ({"failed": True}, False)):
        lines = end({**MIGRATED, "timelock_restored": restored}, "reverse", highest_issued="50")["lines"]
        words = "orders: accepted unproven: looked; timelock_lost: TimeLock never gave out more than 50"
        assert (words in lines) == told


@pytest.mark.parametrize("task", [f"timelock_{one}" for one in ("invalidated", "may_migrate", "renamed", "opened")])
def test_whatever_went_without_a_proof_says_why_and_says_it_once(task):
    told = end({**MIGRATED, task: {"accepted_unproven": "looked"}, "timelock_raised": {"accepted_unproven": "looked"}})
    assert "orders: accepted unproven: looked" in told["lines"]


def test_of_a_rename_both_names_are_told():
    assert end(MIGRATED, "rename")["lines"][0].startswith("orders: renamed, sales -> orders, TS 10,")


def test_in_check_mode_a_service_that_would_migrate_is_no_failure():
    assert end({}, check_mode=True)["not_migrated"] == []


def test_the_outage_ends_with_the_first_node_and_the_window_with_the_last():
    ended = end(MIGRATED)["services"]["orders"]
    assert (ended["outage_seconds"], ended["window_seconds"]) == (1.5, 2.25)


def test_the_verdict_says_what_failed_and_how_the_service_was_left():
    lines = end({**MIGRATED, "timelock_failure": FAILURE, "timelock_left": {"words": "put back"}})["lines"]
    assert lines[1:] == ["orders: in step 'read': bound-moved: it moved.", "orders: put back."]
