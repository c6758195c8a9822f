# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the callback prints."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.atlasdb.timelock.plugins.callback.progress import CallbackModule
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.progress import Task
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


def _task(action, name="Do it", run_once=False):
    return SimpleNamespace(
        resolved_action=action, name=name, get_vars=dict, args={}, until=[], run_once=run_once, loop=None
    )


def _result(told, action="ansible.builtin.command", **task):
    host = SimpleNamespace(get_name=lambda: "orders-1")
    return SimpleNamespace(host=host, task=_task(action, **task), result=told)


def _said(printed, call, *arguments):
    """What a call has the callback say, without the times."""
    callback, lines = printed
    lines.clear()
    getattr(callback, call)(*arguments)
    return [line.partition(" s  ")[2] for line in lines]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"censored": "the output has been hidden"}, ["   orders-1: FAILED: the output has been hidden"]),
        ({}, ["   orders-1: FAILED: no reason given"]),
        (
            {"msg": "non-zero return code", "stderr": "drain: no such pool\nbye", "stdout": "draining"},
            ["   orders-1: FAILED: non-zero return code", "   drain: no such pool", "   bye"],
        ),
        (
            {"msg": "One or more items failed", "results": [{"msg": "well"}, {"failed": True, "msg": "not well"}]},
            ["   orders-1: FAILED: not well"],
        ),
        ({"msg": "not well", "results": ["nginx is already installed"]}, ["   orders-1: FAILED: not well"]),
    ],
)
def test_a_failure_is_printed_with_its_reason(printed, told, said):
    assert _said(printed, "v2_runner_on_failed", _result(told)) == said


def test_what_is_refused_for_the_whole_fleet_is_no_host_s_failure(printed):
    told = {"msg": "orders: kvs-denied: No.\nusers: probe-blind: No."}
    said = _said(printed, "v2_runner_on_failed", _result(told, "ansible.builtin.fail", run_once=True))
    assert said == ["   FAILED: orders: kvs-denied: No.", "   users: probe-blind: No."]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"msg": "two\nlines"}, ["   two", "   lines"]),
        ({"drained": {"pool": 7}, "changed": False, "failed": False}, ["   drained: {'pool': 7}"]),
        (
            {"msg": "All items completed", "results": [{"msg": "one"}, {"skipped": True}, {"msg": ["two"]}]},
            ["   one", "   two"],
        ),
    ],
)
def test_what_a_debug_task_says_is_printed(printed, told, said):
    assert _said(printed, "v2_runner_on_ok", _result(told, "ansible.builtin.debug")) == said


def test_a_diff_of_a_task_is_printed(printed):
    diff = {"before": "level: INFO\n", "after": "level: DEBUG\n"}
    said = _said(printed, "v2_on_file_diff", _result({"changed": True, "diff": diff}))
    assert said == [
        "   orders-1: Do it:", "   --- before", "   +++ after", "   @@ -1 +1 @@", "   -level: INFO", "   +level: DEBUG",
    ]  # fmt: skip
    assert _said(printed, "v2_on_file_diff", _result({"changed": False, "diff": diff})) == []


def test_a_play_whose_tasks_are_one_step_has_its_lines_too(printed):
    callback, _lines = printed
    step = {"timelock_step": "take_over", "timelock_title": "(5/6) Take over one server after the other"}
    _said(printed, "v2_playbook_on_play_start", SimpleNamespace(get_name=lambda: "Take over", get_vars=lambda: step))
    callback.v2_playbook_on_task_start(_task("ansible.builtin.command"), False)
    callback.v2_runner_on_ok(_result({}))
    next_play = SimpleNamespace(get_name=lambda: "Prove", get_vars=dict)
    line, _play = _said(printed, "v2_playbook_on_play_start", next_play)
    assert line.startswith("orders-1  5/6 Take over one server after the other  ")


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"changed": 2}, "== changed=4 over 2 hosts"),
        ({"failures": 1, "unreachable": 1}, "== changed=0 failed=2 unreachable=2 over 2 hosts"),
    ],
)
def test_the_last_line_says_what_failed(printed, counts, said):
    summary = {"changed": 0, "failures": 0, "unreachable": 0, **counts}
    stats = SimpleNamespace(processed=["orders-1", "orders-2"], summarize=lambda host: summary)
    assert _said(printed, "v2_playbook_on_stats", stats) == [said]


@given(NAMES, NAMES)
def test_no_name_and_no_message_reaches_the_terminal_as_more_than_text(printed, name, words):
    callback, lines = printed
    lines.clear()
    host = SimpleNamespace(get_name=lambda: name)
    task = _task("ansible.builtin.debug", name=name)
    result = SimpleNamespace(host=host, task=task, result={"msg": words})
    callback.v2_playbook_on_play_start(SimpleNamespace(get_name=lambda: name, get_vars=dict))
    callback.v2_runner_on_failed(result)
    changed = {"changed": True, "diff": {"prepared": words}}
    callback.v2_on_file_diff(SimpleNamespace(host=host, task=task, result=changed))
    callback.v2_runner_on_unreachable(result)
    callback.v2_runner_on_ok(result)
    callback.v2_runner_on_ok(SimpleNamespace(host=host, task=task, result={"msg": [words, {"a": words}]}))
    plan = _task("atlasdb.timelock.fleet_plan")
    planned = {"services": {words: {"nodes": [name]}}}
    callback.v2_runner_on_ok(SimpleNamespace(host=host, task=plan, result=planned))
    callback._progress.task("stop", words, Task("node_offline"))
    callback._progress.begins(name, lambda variable: 1.0)
    callback._redraw()
    callback._draw("")
    callback._progress.ends(name, skipped=False)
    callback.v2_playbook_on_task_start(_task("debug"), False)
    assert len(lines) > 8
    assert all(line.removeprefix("\r\x1b[K").isprintable() for line in lines), lines
