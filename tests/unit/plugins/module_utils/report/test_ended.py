# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ended, by its journal alone."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.journal import append
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.handover_report import file_of, report_of
from ansible_collections.atlasdb.timelock.plugins.module_utils.report.ended import ended
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.report import runs


def plan(todo="migrate"):
    return {**runs.plan()["services"]["orders"], "todo": todo}


def cut_after(effect, came):
    """The journal up to and with the last such line."""
    lines = runs.lines()
    last = max(n for n, line in enumerate(lines) if (line.get("effect"), line["came"]) == (effect, came))
    return lines[: last + 1]


def test_the_journal_of_a_migrated_service_tells_its_outcome_and_its_numbers():
    assert ended(runs.lines(), plan()) == {
        "outcome": "migrated", "ts": str(runs.TS), "fresh_before_start": str(runs.TS + 3), "outage_seconds": 15.0,
        "window_seconds": 15.0,
    }  # fmt: skip
    assert "down_since" not in ended(runs.lines(), plan())


@pytest.mark.parametrize(
    ("todo", "named", "outcome"),
    [
        ("reverse", {"stop": "quiet_stop", "restart_first": "reverse_start_first",
                     "restart_others": "reverse_start_others", "report": "reverse_report"}, "reversed"),
        ("rename", {"stop": "quiet_stop", "read_back": "rename_read_back", "report": "rename_report"}, "renamed"),
        ("migrate", {"restart_first": "own_migration"}, "migrated"),
    ],
)  # fmt: skip
def test_it_tells_as_much_of_a_way_back_of_a_rename_and_of_a_clients_own_migration(todo, named, outcome):
    lines = [{**line, "step": named.get(line["step"], line["step"])} for line in runs.lines()]
    told = ended(lines, plan(todo))
    assert (told["outcome"], told["outage_seconds"], told["window_seconds"]) == (outcome, 15.0, 15.0)
    assert "window_seconds" not in ended(lines[:-1], plan(todo))


def test_a_service_whose_last_effect_has_no_end_has_failed():
    told = ended(cut_after("invalidate", "begun"), plan())
    assert told == {"outcome": "failed", "ts": str(runs.TS), "down_since": "2026-11-22T18:05:05.000+00:00"}


def test_a_service_that_was_put_back_has_failed():
    lines = cut_after("stop", "changed")
    assert "down_since" in ended(lines, plan())
    assert "down_since" not in ended(lines[:-1], plan()), "one node is not known to be gone"
    back = {**lines[-1], "step": "put_back", "effect": "start", "proofs": []}
    assert ended([*lines, back], plan()) == {"outcome": "failed"}, "it did not run before"
    serves = {**back, "time": "2026-11-22T18:05:12.500+00:00", "proofs": [{"kind": "serving"}]}
    later = {**serves, "time": "2026-11-22T18:05:14.000+00:00"}
    told = ended([*lines, back, serves, later], plan())
    assert told == {"outcome": "failed", "outage_seconds": 7.5}


def test_a_line_that_is_missing_is_no_failure():
    assert "outcome" not in ended(cut_after("invalidate", "changed"), plan())


def test_a_service_of_which_nothing_was_done_is_not_told_of():
    assert ended([line for line in runs.lines() if "effect" not in line], plan()) == {}
    assert ended(runs.lines(), {**plan(), "service": "users"}) == {}


def test_the_report_says_what_the_journal_says_where_the_facts_of_the_run_say_otherwise(tmp_path):
    facts = runs.end(outcome="not begun", ts="7", fresh_before_start=None, outage_seconds=None, window_seconds=None)
    settings = {"server_version": None, "validate_certs": True, "playbook": "migrate.yml"}
    verdict = {"services": {"orders": facts}}
    params = {"directory": str(tmp_path), "plan": runs.plan(), "verdict": verdict, **settings}
    for line in runs.lines():
        append(file_of(params, "jsonl"), line)
    end = report_of(params, runs.MADE, runs.BY)["services"]["orders"]["end"]
    assert (end["outcome"], end["ts"], end["outage_seconds"]) == ("migrated", str(runs.TS), 15.0)
