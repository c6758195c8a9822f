# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says of where it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.journal import EFFECTS, LOOKS
from ansible_collections.atlasdb.timelock.plugins.module_utils.report.steps import title
from ansible_collections.atlasdb.timelock.plugins.plugin_utils import progress

PLAN = {"orders": {"nodes": ["orders-1", "orders-2"]}, "users": {"nodes": ["users-1"]}}
ROOT = Path(__file__).parents[4]


class Run:
    """A run whose clock is set by hand."""

    def __init__(self):
        self.now = 0.0
        self.progress = progress.Progress(lambda: self.now)
        self.progress.planned(PLAN)
        self.asked = []

    def task(self, step, module="debug", nodes=(), limit=None, **task):
        lines = self.progress.task(step, step and title(step), progress.Task(module, **task))

        def ask(variable):
            self.asked.append(variable)
            return limit

        for node in nodes:
            self.progress.begins(node, ask)
        return lines

    def ends(self, second, *nodes, skipped=False):
        self.now = second
        for node in nodes:
            self.progress.ends(node, skipped)

    @property
    def waiting(self):
        return (self.progress.waiting() or (None,))[0]


def test_a_step_is_a_line_for_each_service_with_what_it_took():
    run = Run()
    assert run.task("stop", "node_offline", ["orders-1", "orders-2", "users-1"], 120) == []
    run.ends(2.0, "users-1")
    run.ends(3.5, "orders-1", "orders-2")
    assert run.task("stop") == [], "the step goes on"
    assert run.task("read") == [
        "users   2/9 Hold, stop, prove offline                 2.0 s",
        "orders  2/9 Hold, stop, prove offline                 3.5 s",
    ]
    assert run.task(None) == [], "nothing was done in the other"


def test_a_service_that_a_step_leaves_out_has_no_line():
    run = Run()
    run.task("stop", "node_offline", ["orders-1", "users-1"], 120)
    run.ends(1.0, "orders-1")
    run.ends(1.0, "users-1", skipped=True)
    (line,) = run.task("put_back")
    assert line.startswith("orders ")
    assert run.task("read") == []


def test_a_wait_says_for_what_for_how_long_and_for_how_long_at_most():
    run = Run()
    run.task("stop", "node_offline", ["orders-1", "orders-2"], 120.0)
    run.ends(12.0, "orders-1")
    assert run.waiting == "2/9 Hold, stop, prove offline waits 12 s, at most 108 s more, for orders-2 to stop"
    assert run.asked == ["atlasdb_stop_timeout"], "once a task"
    run.now = 200.0
    assert "waits 200 s, at most 0 s more, for" in run.waiting
    run.ends(201.0, "orders-2")
    assert run.waiting is None


def test_of_many_nodes_some_are_named():
    run = Run()
    run.task("restart_others", "node_online", [f"orders-{number}" for number in range(1, 8)], 300.0)
    assert run.waiting.endswith(" for orders-1, orders-2, orders-3 and 4 more to serve")


def test_in_a_narrow_terminal_a_wait_keeps_its_times_whatever_its_nodes_are_called():
    run = Run()
    run.task("restart_others", "node_online", ["orders-1.example.com", "orders-2.example.com"], 300.0)
    whole, _seconds = run.progress.waiting(130)
    assert whole == run.waiting
    short, _seconds = run.progress.waiting(90)
    assert short == "8/9 waits 0 s, at most 300 s more, for orders-1.example.com, orders-2.example.com to serve"
    cut, _seconds = run.progress.waiting(60)
    assert cut == "8/9 waits 0 s, at most 300 s more, for orders-1.example.c..."


def test_a_wait_without_a_limit_and_one_outside_of_the_steps_are_said_too():
    run = Run()
    run.task("read", "timestamp_info", ["orders-1"])
    assert run.waiting == "3/9 Read TS waits 0 s for the store to answer"
    run.task(None, "client_config_info", ["orders-1"])
    assert run.waiting == "waits 0 s for a look at orders-1"
    run.task(None, "debug", ["orders-1"])
    assert run.waiting is None


def test_a_task_without_words_of_its_own_is_named_once_it_takes_long():
    run = Run()
    run.task("stop", "command", ["orders-1", "orders-2"], name="Drain {it}")
    run.ends(9.9, "orders-1")
    assert run.waiting is None
    run.now = 12.0
    assert run.waiting == "2/9 Hold, stop, prove offline waits 12 s for the task Drain {it} of orders-2"
    assert run.asked == []


QUIET = "waits 0 s, at most 60 s more, for TimeLock to be asked by nobody else"
MOVING = "waits 0 s, at most 45 s more, for a node to take timestamps from TimeLock"
ANSWER = "waits 0 s, at most 30 s more, for TimeLock to answer"


@pytest.mark.parametrize(
    ("arguments", "limit", "said"),
    [
        ({"quiet_since": "{{ look }}", "quiet_seconds": "{{ timelock_quiet_seconds }}"}, 30.0, QUIET),
        ({"quiet_since": "{{ look }}", "quiet_seconds": 0}, 30.0, ANSWER),
        ({"moved_since": "{{ look }}"}, 30.0, MOVING),
        ({}, 30.0, ANSWER),
        ({}, None, "waits 0 s for TimeLock to answer"),
    ],
)
def test_a_question_to_timelock_that_is_to_see_more_than_an_answer_says_so(arguments, limit, said):
    run = Run()
    run.task(None, "timelock_info", ["orders-1"], limit, arguments=arguments)
    assert run.waiting == said


def test_what_is_repeated_until_it_gives_what_is_wanted_and_what_asks_many_stores_has_no_limit():
    run = Run()
    run.task(None, "timelock_info", ["tl-1"], 30.0, repeated=True)
    assert run.waiting == "waits 0 s for TimeLock to answer"
    run.task(None, "fleet_plan", ["orders-1"], 30.0)
    assert run.waiting == "waits 0 s for the stores and TimeLock to answer"
    assert run.asked == []


def test_hosts_of_no_service_have_a_line_each_for_a_step():
    run = Run()
    run.progress.task("install", "3/6 Install beside what runs", progress.Task("command"))
    run.ends(2.0, "timelock-1.example.com")
    assert run.task(None) == ["timelock-1.example.com  3/6 Install beside what runs                  2.0 s"]


def test_a_look_that_waits_for_nothing_has_no_limit():
    run = Run()
    run.task("prepare", "kvs_sockets_info", ["orders-1"], 0.0)
    assert run.waiting == "1/9 Prepare waits 0 s for the store's hosts to say who is connected"


@pytest.mark.parametrize("module", sorted({*EFFECTS, *LOOKS}))
def test_whatever_a_run_may_wait_for_has_words(module):
    assert progress.WAITS[module][0]


def test_the_limits_are_variables_of_the_roles():
    defaults = "".join((ROOT / f"roles/{role}/defaults/main.yml").read_text() for role in ("atlasdb", "timelock"))
    given = "".join(file.read_text() for file in (ROOT / "roles/timelock/tasks").glob("*.yml"))
    waits = (*progress.WAITS.values(), progress.QUIET, progress.MOVING)
    variables = {limit for _words, limits in waits for limit in limits if isinstance(limit, str)}
    assert "timelock_quiet_seconds" in variables
    for variable in variables:
        assert f"\n{variable}: " in defaults or f"\n    {variable}: " in given
