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
    what fails and why, and with C(--diff) what is changed. Not for other playbooks than those of this collection.
  - In a terminal, the last line says what the run waits for, for how long it has, and, where that can be told, for how
    long still at most. Elsewhere, such as in a file, a line says so for a wait that is long.
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
from ansible.errors import AnsibleError
from ansible.plugins.callback import CallbackBase
from ansible.template import Templar
from ansible_collections.atlasdb.timelock.plugins.module_utils.printable import printable
from ansible_collections.atlasdb.timelock.plugins.module_utils.report.steps import PUT_BACK, SHORT
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.progress import LONG_SECONDS, Progress, Task

ERASE_LINE = "\r\x1b[K"
REDRAW_SECONDS = 0.5
COLOURS = re.compile(r"\x1b\[[\d;]*m")
DIFF_COLOURS = {"+": C.COLOR_DIFF_ADD, "-": C.COLOR_DIFF_REMOVE, "@": C.COLOR_DIFF_LINES}


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
        # What is done once is done for all hosts, and the one that Ansible names has no part in it.
        where = "" if result.task.run_once else f"{result.host.get_name()}: "
        items = [item for item in result.result.get("results") or [] if isinstance(item, dict)]
        failed = [item for item in items if item.get("failed") or item.get("unreachable")]
        for told in failed or [result.result]:
            first, *more = _reason(told) or [""]
            for line in (f"{where}{what}: {first}", *more):
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
            # Of a wait that is shorter nothing is said in a file, and of a longer one whenever it has doubled.
            elif (waiting := self._progress.waiting()) and waiting[1] >= max(LONG_SECONDS, 2 * self._spoken):
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
        self._on_task({}, None)
        self._say(f"== {play.get_name()}")

    def v2_playbook_on_task_start(self, task, is_conditional):
        module = (task.resolved_action or task.action).removeprefix("atlasdb.timelock.")
        variables = {**self._play.get_vars(), **task.get_vars()}
        self._on_task(variables, Task(module, task.name or "", task.args, bool(task.until)))

    def _on_task(self, variables, task):
        self._spoken = 0.0
        step = variables.get("timelock_step")
        # As the role calls it: (1/9) Prepare. What puts a service back stands under the step that failed.
        called = SHORT[PUT_BACK] if step == PUT_BACK else variables.get("timelock_title", "")
        title = re.sub(r"^\((.*?)\)", r"\1", called)
        for line in self._progress.task(step, title or step, task):
            self._say(line)

    def v2_runner_on_start(self, host, task):
        def value(variable: str) -> float | None:
            manager = self._play.get_variable_manager()
            variables = manager.get_vars(play=self._play, host=host, task=task)
            templar = Templar(loader=self._play.get_loader(), variables=variables)
            try:
                return float(templar.resolve_variable_expression(variable))
            except AnsibleError:
                return None  # the role of TimeLock's servers has none of them

        self._progress.begins(host.get_name(), value)

    def v2_runner_on_ok(self, result):
        self._progress.ends(result.host.get_name(), skipped=False)
        self._warn(result)
        action = (result.task.resolved_action or result.task.action).rpartition(".")[2]
        if action == "fleet_plan":
            self._progress.planned(result.result.get("services") or {})
        elif action == "debug":
            for told in result.result.get("results") or [result.result]:
                self._debug(told)

    def _debug(self, told):
        """What a debug task says, or, of a variable, its name and value."""
        if told.get("skipped"):
            return
        if "msg" in told:
            message = told["msg"]
        else:
            hidden = ("changed", "failed", "skipped", "item")
            message = [f"{key}: {value}" for key, value in told.items() if key[0] != "_" and key not in hidden]
        for text in message if isinstance(message, list) else [message]:
            for line in str(text).splitlines() or [""]:
                self._say(f"   {line}")

    def v2_on_file_diff(self, result):
        if not (result.result.get("changed") and result.result.get("diff")):
            return
        self._say(f"   {result.host.get_name()}: {result.task.name}:")
        # Without Ansible's colours: what does not print, such as in a file's text, is shown by its number.
        for line in COLOURS.sub("", self._get_diff(result.result["diff"])).rstrip().splitlines():
            self._say(f"   {line}", DIFF_COLOURS.get(line[:1]))

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
        self._on_task({}, None)
        hosts = [stats.summarize(host) for host in stats.processed]
        counts = {key: sum(host[key] for host in hosts) for key in ("changed", "failures", "unreachable")}
        told = {"changed": counts["changed"], "failed": counts["failures"], "unreachable": counts["unreachable"]}
        said = " ".join(f"{key}={count}" for key, count in told.items() if count or key == "changed")
        self._say(f"== {said} over {len(hosts)} hosts")


def _reason(told: dict) -> list:
    """Why something failed, as lines: its message, and what a command said. Of what is hidden, that it is."""
    said = [told.get("msg") or told.get("censored") or "no reason given"]
    said += [told[key] for key in ("stderr", "module_stderr", "stdout", "module_stdout") if told.get(key)][:1]
    return [line for text in said for line in str(text).splitlines()]
