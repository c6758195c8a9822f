# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the callback prints."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.atlasdb.timelock.plugins.callback.progress import CallbackModule
from ansible_collections.atlasdb.timelock.tests.unit.hostile import NAMES
from hypothesis import given


@pytest.fixture(scope="module")
def printed():
    """A callback, and the lines that it gives to Ansible's display and to the terminal."""
    lines = []
    callback = CallbackModule()
    callback._display = SimpleNamespace(display=lambda text, color=None: lines.append(text))
    callback._write = lambda text: lines.append(text) if text else None
    return callback, lines


@given(NAMES, NAMES)
def test_no_name_and_no_message_reaches_the_terminal_as_more_than_text(printed, name, words):
    callback, lines = printed
    lines.clear()
    host = SimpleNamespace(get_name=lambda: name)
    task = SimpleNamespace(resolved_action="ansible.builtin.debug", get_vars=dict)
    result = SimpleNamespace(host=host, task=task, result={"msg": words})
    callback.v2_playbook_on_play_start(SimpleNamespace(get_name=lambda: name))
    callback.v2_runner_on_failed(result)
    callback.v2_runner_on_unreachable(result)
    callback.v2_runner_on_ok(result)
    callback.v2_runner_on_ok(SimpleNamespace(host=host, task=task, result={"msg": [words, {"a": words}]}))
    plan = SimpleNamespace(resolved_action="atlasdb.timelock.fleet_plan")
    planned = {"services": {words: {"nodes": [name]}}}
    callback.v2_runner_on_ok(SimpleNamespace(host=host, task=plan, result=planned))
    callback._progress.task("stop", words, "node_offline")
    callback._progress.begins(name, lambda variable: 1.0)
    callback._redraw()
    callback._draw("")
    callback._progress.ends(name, skipped=False)
    callback.v2_playbook_on_task_start(SimpleNamespace(get_vars=dict, resolved_action="debug"), False)
    assert len(lines) > 8
    assert all(line.removeprefix("\r\x1b[K").isprintable() for line in lines), lines
