# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report knows of a run, from its journal."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils.report.history import history
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.report import runs


def told():
    return history(runs.lines(), "orders")


def test_a_step_lasts_from_the_first_to_the_last_thing_that_was_done_or_looked_at_in_it():
    steps = {step["step"]: (step["began"][17:23], step["ended"][17:23], step["seconds"]) for step in told()["steps"]}
    assert steps["stop"] == ("05.000", "09.000", 4.0)
    assert steps["read"] == ("09.750", "10.000", 0.25), "a look began before it was told"
    assert list(steps) == [
        "prepare", "stop", "read", "fast_forward", "invalidate", "read_back", "restart_first", "restart_others",
        "report",
    ]  # fmt: skip


def test_every_number_is_told_as_text_with_when_it_was_seen():
    ts = runs.TS
    assert [(one["time"][17:23], one["what"], int(one["number"]) - ts) for one in told()["numbers"]] == [
        ("00.000", "bound", -1_000_000),
        ("02.000", "fresh", 1 - ts),
        ("10.000", "bound", 0),
        ("11.000", "fresh", 2 - ts),
        ("12.000", "fresh", 2),
        ("13.000", "bound", 0),
        ("14.000", "backup", 0),
        ("15.000", "fresh", 3),
        ("20.500", "fresh", 50),
    ]
    assert {type(one["number"]) for one in told()["numbers"]} == {str}


def test_a_proof_is_told_with_what_the_same_probe_saw_before():
    (gone,) = [one for one in told()["proofs"] if (one["kind"], one["node"]) == ("process", "orders-2")]
    assert gone["before"]["pids"] == [7] and gone["detail"] == "process 7 is gone" and gone["step"] == "stop"
    of_service = [one["kind"] for one in told()["proofs"] if one["node"] is None]
    assert of_service == ["sessions", "timelock"]


def test_what_else_the_store_held_when_ts_was_read_bears_it_out():
    assert told()["witnesses"] == [{"source": "punch table", "number": str(runs.TS - 4)}]


def test_a_run_that_was_cut_short_tells_what_it_came_to():
    cut = history(runs.lines()[:3], "orders")
    assert [step["step"] for step in cut["steps"]] == ["prepare", "stop"]
    assert (cut["proofs"], cut["witnesses"]) == ([], [])
    assert [(one["effect"], one["came"]) for one in cut["effects"]] == [("stop", "begun")]


def test_nothing_is_told_of_a_service_that_the_journal_does_not_name():
    assert not any(history(runs.lines(), "users").values())
