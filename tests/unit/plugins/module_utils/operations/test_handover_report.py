# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run, from what it left, and on disk."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.journal import append
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.handover_report import (
    file_of,
    report_of,
    summary,
    write,
)
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.report import runs

PAGE = Path(__file__).parents[5] / "docs/json.md"


def params(folder, end=None):
    verdict = {"services": {"orders": end or runs.end()}}
    settings = {"playbook": "migrate.yml", "server_version": None, "validate_certs": True}
    return {"directory": str(folder), "plan": runs.plan(), "verdict": verdict, **settings}


def test_a_report_is_the_plan_with_how_it_ended_and_what_the_journal_tells(tmp_path):
    given = params(tmp_path)
    for line in runs.lines():
        append(file_of(given, "jsonl"), line)
    report = json.loads(json.dumps(report_of(given, runs.MADE, runs.BY)))
    assert (report["kind"], report["run_id"]) == ("report", runs.RUN_ID)
    assert (report["made"], report["by"]) == (runs.MADE, runs.BY)
    assert (report["playbook"], report["server_version"]) == ("migrate.yml", None)
    service = report["services"]["orders"]
    end = service["end"]
    assert (service["todo"], end["outcome"], end["ts"]) == ("migrate", "migrated", str(runs.TS))
    assert [(one["effect"], one["came"]) for one in end["effects"]][-1] == ("record", "changed")
    assert len(end["steps"]) == 9 and end["numbers"] and end["proofs"]
    assert ["timelock_server_version" in sentence for sentence in end["unchecked"]] == [True]
    assert set(end) == _explained("`end`")


def _explained(heading):
    """The keys that the page on the format explains under a heading."""
    (_before, part) = PAGE.read_text(encoding="utf-8").split(f"### {heading}\n")
    return set(re.findall(r"^\| `([a-z_]+)` \|", part, re.MULTILINE))


def test_a_run_without_a_journal_has_a_report(tmp_path):
    end = report_of(params(tmp_path, runs.end(outcome="not begun")), runs.MADE, runs.BY)["services"]["orders"]["end"]
    assert (end["outcome"], end["steps"], end["effects"], end["unchecked"]) == ("not begun", [], [], [])


def test_the_summary_says_how_each_service_ended_and_no_more(tmp_path):
    report = report_of(params(tmp_path), runs.MADE, runs.BY)
    told = summary(report)
    assert told["run_id"] == runs.RUN_ID and told["by"] == runs.BY
    assert told["services"]["orders"]["outcome"] == "migrated" and told["services"]["orders"]["ts"] == str(runs.TS)
    assert len(json.dumps(told)) < 1000


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_a_file_is_its_owners_alone_whatever_the_umask(tmp_path, umask):
    path = tmp_path / "a" / "reports" / "r1.json"
    before = os.umask(umask)
    try:
        write(str(path), "text")
    finally:
        os.umask(before)
    assert path.read_text() == "text"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        write(str(tmp_path / "r1.json"), "text")
    assert os.listdir(tmp_path) == []


def test_a_second_report_of_a_run_replaces_the_first(tmp_path):
    for text in ("first", "second"):
        write(str(tmp_path / "r1.json"), text)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["second"]
