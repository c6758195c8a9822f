# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run, on disk."""

from __future__ import annotations

import json
import os
import stat

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.journal import append, entry
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.handover_report import handover_report

CONTENT = {"services": {"orders": {"ts": "9223372036854775807"}}}


def params(folder, **others):
    return {"directory": str(folder), "run_id": "20261122T180454Z-1046d7", "content": CONTENT, **others}


def test_a_report_is_its_owners_alone_and_says_what_it_was_given(tmp_path):
    result = handover_report(params(tmp_path / "a" / "reports"), False)
    assert result["changed"] is False
    with open(result["path"], encoding="utf-8") as file:
        assert json.load(file) == CONTENT
    assert stat.S_IMODE(os.stat(result["path"]).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / "a" / "reports").st_mode) == 0o700


def test_check_mode_writes_nothing(tmp_path):
    result = handover_report(params(tmp_path / "reports"), True)
    assert result["path"].startswith(str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "reports").write_text("a file")
    result = handover_report(params(tmp_path / "reports"), False)
    assert result["failed"]
    assert str(tmp_path / "reports") in result["msg"]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in handover_report(params(tmp_path), False)["msg"]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", [CONTENT, {}])
def test_a_second_report_of_a_run_replaces_the_first(tmp_path, content):
    handover_report(params(tmp_path), False)
    result = handover_report(params(tmp_path, content=content), False)
    with open(result["path"], encoding="utf-8") as file:
        assert json.load(file) == content
    assert len(os.listdir(tmp_path)) == 1


def test_a_report_tells_of_each_service_what_the_journal_says_was_done_to_it(tmp_path):
    given = params(tmp_path, content={"services": {"orders": {"outcome": "migrated"}, "users": {"outcome": "refused"}}})
    who = {"run": given["run_id"], "service": "orders", "node": "orders-1", "step": "invalidate"}
    append(os.path.join(given["directory"], f"{given['run_id']}.jsonl"), entry("invalidate", who, {"changed": True}))
    with open(handover_report(given, False)["path"], encoding="utf-8") as file:
        told = json.load(file)["services"]
    ((effect,), outcome) = told["orders"]["effects"], told["orders"]["outcome"]
    assert (effect["effect"], effect["came"], outcome) == ("invalidate", "changed", "migrated")
    assert told["users"] == {"outcome": "refused", "effects": []}
