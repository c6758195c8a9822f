# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints a run of the collection's playbooks as a line for each service and step."""

from __future__ import annotations

DOCUMENTATION = """
name: progress
type: stdout
author: the atlasdb.timelock authors (!UNKNOWN)
version_added: 0.1.0
short_description: A line for each service and step of a handover
description:
  - Prints when each play begins, what the plan and the verdict say, a line for each service and step with what it took,
    and what fails. Not for other playbooks than those of this collection.
  - In a terminal, the last line says what the run waits for, for how long it has, and for how long still at most.
    Elsewhere, such as in a file, a line says so for a wait that is long.
  - The elapsed seconds stand at the beginning of each line.
requirements:
  - to be asked for, as C(ANSIBLE_STDOUT_CALLBACK=atlasdb.timelock.progress) or by C(stdout_callback) in C(ansible.cfg)
"""

import os
import re
import shutil
import sys
import threading
import time
from contextlib import suppress

from ansible import constants as C
from ansible.plugins.callback import CallbackBase
from ansible.template import Templar
from ansible_collections.atlasdb.timelock.plugins.module_utils.printable import printable
from ansible_collections.atlasdb.timelock.plugins.module_utils.report.steps import PUT_BACK, SHORT
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.progress import Progress

ERASE_LINE = "\r\x1b[K"
REDRAW_SECONDS = 0.5
FIRST_WORD_SECONDS = 10.0
"""In a file: of a wait that is shorter nothing is said, and of a longer one whenever it has doubled."""


class CallbackModule(CallbackBase):
    """Hands on to Progress what happens, and prints what it says."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "atlasdb.timelock.progress"

    def __init__(self):
        super().__init__()
        self._began = time.monotonic()
        self._progress = Progress(time.monotonic)
        self._play = None
        self._terminal = sys.stdout.isatty()
        self._drawn = False
        self._spoken = 0.0
        self._writing = threading.Lock()
        threading.Thread(target=self._watch, daemon=True).start()

    def _stamped(self, text: str) -> str:
        return f"{time.monotonic() - self._began:6.1f} s  {printable(text)}"

    def _say(self, text: str, color: str | None = None) -> None:
        with self._writing:
            self._draw("")
            self._display.display(self._stamped(text), color=color)

    def _say_of(self, result, what: str, color: str) -> None:
        first, *more = str(result.result.get("msg")).splitlines() or [""]
        for line in (f"{result.host.get_name()}: {what}: {first}", *more):
            self._say(f"   {line}", color)

    def _warn(self, result) -> None:
        with self._writing:
            self._draw("")
            self._handle_warnings(result.result)

    @staticmethod
    def _write(text: str) -> None:
        """Past Python's own buffer: a worker that is forked meanwhile would inherit its lock."""
        with suppress(OSError):
            os.write(sys.__stdout__.fileno(), text.encode())

    def _watch(self) -> None:
        while True:
            time.sleep(REDRAW_SECONDS)
            if self._terminal:
                self._redraw()
            elif (waiting := self._progress.waiting()) and waiting[1] >= max(FIRST_WORD_SECONDS, 2 * self._spoken):
                self._spoken = waiting[1]
                with self._writing:
                    self._write(f"{self._stamped(waiting[0])}\n")

    def _redraw(self) -> None:
        columns = shutil.get_terminal_size().columns - len(self._stamped("")) - 1
        with self._writing:
            # Asked for here: what was said meanwhile would have an older wait below it.
            waiting = self._progress.waiting(columns)
            self._draw(self._stamped(waiting[0]) if waiting else "")

    def _draw(self, text: str) -> None:
        """In place of what was drawn before. Whatever else is in the line is another's, such as a question of ssh."""
        self._write((ERASE_LINE if self._drawn else "") + text)
        self._drawn = bool(text)

    def v2_playbook_on_play_start(self, play):
        self._play = play
        self._on_task({}, "")
        self._say(f"== {play.get_name()}")

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._on_task(task.get_vars(), task.resolved_action or task.action)

    def _on_task(self, variables, action):
        self._spoken = 0.0
        step = variables.get("timelock_step")
        # As the role calls it: (1/9) Prepare. What puts a service back stands under the step that failed.
        called = SHORT[PUT_BACK] if step == PUT_BACK else variables.get("timelock_title", "")
        title = re.sub(r"^\((.*?)\)", r"\1", called)
        for line in self._progress.task(step, title or step, action.removeprefix("atlasdb.timelock.")):
            self._say(line)

    def v2_runner_on_start(self, host, task):
        def limit(variable: str) -> float:
            manager = self._play.get_variable_manager()
            variables = manager.get_vars(play=self._play, host=host, task=task)
            templar = Templar(loader=self._play.get_loader(), variables=variables)
            return float(templar.resolve_variable_expression(variable))

        self._progress.begins(host.get_name(), limit)

    def v2_runner_on_ok(self, result):
        self._progress.ends(result.host.get_name(), skipped=False)
        self._warn(result)
        action = (result.task.resolved_action or result.task.action).rpartition(".")[2]
        if action == "fleet_plan":
            self._progress.planned(result.result.get("services") or {})
        elif action == "debug":
            message = result.result.get("msg")
            for line in message if isinstance(message, list) else [message]:
                self._say(f"   {line}")

    def v2_runner_on_skipped(self, result):
        self._progress.ends(result.host.get_name(), skipped=True)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._progress.ends(result.host.get_name(), skipped=False)
        self._warn(result)
        if not ignore_errors:
            self._say_of(result, "FAILED", C.COLOR_ERROR)

    def v2_runner_on_unreachable(self, result):
        self._progress.ends(result.host.get_name(), skipped=False)
        self._say_of(result, "UNREACHABLE", C.COLOR_UNREACHABLE)

    def v2_playbook_on_stats(self, stats):
        self._on_task({}, "")
        changed = sum(stats.summarize(host)["changed"] for host in stats.processed)
        self._say(f"== changed={changed} over {len(stats.processed)} hosts")
