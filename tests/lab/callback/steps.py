# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints a run of the collection's playbooks as its steps, what they say, and what they change, with the time."""

from __future__ import annotations

import re
import time

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: steps
type: stdout
short_description: The steps of a handover, a line each
description: For the lab's demonstration.
"""

_STEP = re.compile(r"\([^)]+\) ")


class CallbackModule(CallbackBase):
    """One line a step and an effect; messages and failures in full."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "steps"

    def __init__(self):
        super().__init__()
        self._began = time.monotonic()
        self._step = None

    def _say(self, text: str) -> None:
        self._display.display(f"{time.monotonic() - self._began:6.1f} s  {text}")

    def v2_playbook_on_play_start(self, play):
        self._say(f"== {play.get_name()}")

    def v2_playbook_on_task_start(self, task, is_conditional):
        if _STEP.match(task.name or "") and task.name != self._step:
            self._step = task.name
            self._say(f"-- {task.name}")

    def v2_runner_on_ok(self, result):
        outcome = result._result
        if result._task.action.rpartition(".")[2] == "debug":
            message = outcome.get("msg")
            for line in message if isinstance(message, list) else [message]:
                self._say(f"   {line}")
        elif outcome.get("changed"):
            self._say(f"   {result._host.get_name()}: {result._task.name}")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._say(f"   {result._host.get_name()}: FAILED: {result._result.get('msg')}")

    def v2_runner_on_unreachable(self, result):
        self._say(f"   {result._host.get_name()}: UNREACHABLE: {result._result.get('msg')}")

    def v2_playbook_on_stats(self, stats):
        changed = sum(stats.summarize(host)["changed"] for host in stats.processed)
        self._say(f"== changed={changed} over {len(stats.processed)} hosts")
