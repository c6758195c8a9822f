# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No shell reads a value: programs are begun by lists of arguments alone."""

from __future__ import annotations

import ast
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TASK_FILES = sorted(
    path for folder in ("roles/*/tasks", "roles/*/handlers", "playbooks") for path in ROOT.glob(f"{folder}/*.yml")
)
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
OF_A_SHELL = ("shell", "raw", "script", "expect")
FORBIDDEN_CALLS = (
    "system", "popen", "getoutput", "getstatusoutput", "run_command", "_low_level_execute_command", "eval", "exec",
)  # fmt: skip
"""By their last name. Ansible's own run_command takes a string as well as a list."""


def tasks_of(value):
    """Every dictionary in a file of tasks, however deep in blocks."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from tasks_of(inner)


def test_tasks_run_programs_by_their_arguments():
    wrong = []
    for path in TASK_FILES:
        for task in tasks_of(yaml.safe_load(path.read_text(encoding="utf-8"))):
            command = task.get("ansible.builtin.command", {"argv": []})
            by_words = not isinstance(command, dict) or "argv" not in command
            if by_words or {f"ansible.builtin.{name}" for name in OF_A_SHELL} & {*map(str, task)}:
                wrong.append(f"{path.relative_to(ROOT)}: {task.get('name')}")
    assert wrong == [] and len(TASK_FILES) > 50


def test_plugins_run_programs_by_their_arguments():
    wrong = []
    for path in PLUGINS:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            by_a_shell = [keyword for keyword in call.keywords if keyword.arg in ("shell", "use_unsafe_shell")]
            if name in FORBIDDEN_CALLS or by_a_shell:
                wrong.append(f"{path.relative_to(ROOT)}: line {call.lineno}")
    assert wrong == [] and len(PLUGINS) > 100
