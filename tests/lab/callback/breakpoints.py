# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: breakpoints
type: notification
short_description: What happens in a run, for a test that watches it, and stops in it
description:
  - Appends a line of JSON for each task, result and the statistics to C(events.jsonl) in the folder of E(LAB_RUN).
  - E(LAB_BREAKPOINTS) names moments of the handover's steps, with commas between.
    C(begin-STEP) is before the first task of the step, C(end-STEP) after its last task, whatever follows.
    C(before-STEP-TASK) is before a task of the step, C(after-STEP-TASK) after its first result that changed something;
    its name is written with a hyphen for whatever is no letter. C(past-STEP-TASK) is when all hosts have given their
    results of it, if one of them changed something.
  - At such a moment the whole run waits, from the file MOMENT.reached in the folder to the file MOMENT.go. A test may
    kill it there.
"""

PATIENCE_SECONDS = 300
AROUND_A_STEP = ("handover.yml", "automated.yml", "reverse.yml", "rename.yml", "step.yml", "retreat.yml")


def moment_of(when, step, task):
    """The moment C(before) or C(after) a task of a step, by the task's name."""
    return f"{when}-{step}-{re.sub('[^A-Za-z]+', '-', task)}"


class CallbackModule(CallbackBase):
    """A task belongs to the step that the variable timelock_step names for it; putting back is a step of that name."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "breakpoints"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self._folder = Path(os.environ["LAB_RUN"])
        self._breakpoints = set(filter(None, os.environ.get("LAB_BREAKPOINTS", "").split(",")))
        self._step = None
        self._changed = None

    def _write(self, **event):
        with open(self._folder / "events.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"at": time.monotonic(), **event}) + "\n")

    def _pass(self, moment):
        if moment not in self._breakpoints:
            return
        self._breakpoints.discard(moment)
        (self._folder / f"{moment}.reached").touch()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (self._folder / f"{moment}.go").exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody let the run go on at {moment}")
            time.sleep(0.01)

    def v2_playbook_on_task_start(self, task, is_conditional):
        if self._changed:
            self._pass(self._changed)
            self._changed = None
        file = Path(task.get_path().rpartition(":")[0]).name
        step = None if file in AROUND_A_STEP else task.get_vars().get("timelock_step")
        self._write(event="task", name=task.name, file=file, step=step)
        if step:
            if step != self._step:
                self._step = str(step)
                self._pass(f"begin-{step}")
            self._pass(moment_of("before", step, task.name))
        elif file in AROUND_A_STEP and self._step:
            self._pass(f"end-{self._step}")

    def _result(self, result, outcome):
        found = result._result
        told = found.get("msg", "")
        self._write(
            event="result", host=result._host.get_name(), task=result._task.name, outcome=outcome,
            changed=bool(found.get("changed")), code=found.get("code"),
            said=[str(line) for line in told] if isinstance(told, list) else str(told).splitlines(),
        )  # fmt: skip
        if self._step and found.get("changed"):
            self._changed = moment_of("past", self._step, result._task.name)
            self._pass(moment_of("after", self._step, result._task.name))

    def v2_runner_on_ok(self, result):
        self._result(result, "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result(result, "failed")

    def v2_runner_on_unreachable(self, result):
        self._result(result, "unreachable")

    def v2_playbook_on_stats(self, stats):
        hosts = {host: stats.summarize(host) for host in stats.processed}
        self._write(event="stats", hosts=hosts, told=stats.custom.get("_run", {}))
