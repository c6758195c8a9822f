# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which actions write into the journal of a run."""

from __future__ import annotations

import importlib
import json
from types import SimpleNamespace

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.journal import EFFECTS, LOOKS
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.journalled import Journalled, JournalledLook


@pytest.mark.parametrize("module", sorted(EFFECTS))
def test_an_effect_is_written_into_the_journal_before_and_after(module):
    action = importlib.import_module(f"ansible_collections.atlasdb.timelock.plugins.action.{module}").ActionModule
    assert issubclass(action, Journalled)
    assert action.run is Journalled.run


@pytest.mark.parametrize("module", sorted(LOOKS))
def test_a_look_is_written_into_the_journal(module):
    action = importlib.import_module(f"ansible_collections.atlasdb.timelock.plugins.action.{module}").ActionModule
    assert action.run is JournalledLook.run


class _Failing:
    def run(self, tmp=None, task_vars=None):
        raise ConnectionError("the connection was lost")


class _Invalidating(Journalled, _Failing):
    def __init__(self, folder):
        variables = {
            "timelock_report_dir": str(folder),
            "timelock_run_id": "r1",
            "atlasdb_service_name": "orders",
            "timelock_step": "invalidate",
        }
        self._task = SimpleNamespace(check_mode=False, resolved_action="atlasdb.timelock.timestamp_invalidate")
        self._templar = SimpleNamespace(template=lambda value: value)
        self.variables = {**variables, "inventory_hostname": "orders-1"}


def test_an_effect_that_ends_in_an_error_is_unknown(tmp_path):
    action = _Invalidating(tmp_path)
    with pytest.raises(ConnectionError):
        action.run(task_vars=action.variables)
    lines = [json.loads(line) for line in (tmp_path / "r1.jsonl").read_text().splitlines()]
    assert [(line["effect"], line["came"]) for line in lines] == [("invalidate", "begun"), ("invalidate", "unknown")]


def test_a_task_of_no_run_and_one_in_check_mode_have_no_journal(tmp_path):
    for checking, without in ((False, "timelock_step"), (False, "timelock_run_id"), (True, None)):
        action = _Invalidating(tmp_path)
        action._task.check_mode = checking
        action.variables.pop(without, None)
        with pytest.raises(ConnectionError):
            action.run(task_vars=action.variables)
    assert list(tmp_path.iterdir()) == []
