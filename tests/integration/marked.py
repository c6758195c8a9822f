# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests are marked with, in all files of this folder, the wider run's tests too."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent

MARKED = """
import importlib, sys
mark, *names = sys.argv[1:]
for name in names:
    for found in vars(importlib.import_module(name)).values():
        for each in getattr(found, "pytestmark", []):
            if each.name == mark:
                print(*each.args, sep="\\n")
"""


def marked(mark: str) -> set[str]:
    """The arguments that tests have the mark with, each of them one line of text."""
    files = sorted(FOLDER.glob("test_*.py"))
    names = [path.stem for path in files if f"\n@pytest.mark.{mark}(" in path.read_text()]
    places = os.pathsep.join([str(FOLDER), os.environ["PYTHONPATH"]])
    done = subprocess.run(
        [sys.executable, "-c", MARKED, mark, *names],
        env={**os.environ, "PYTHONPATH": places, "LAB_CASSANDRA": "all"},
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return set(done.stdout.splitlines())


def marked_without(mark: str, calls: set[str]) -> list[str]:
    """The tests with the mark that call no method of these names, neither themselves nor by a function or a fixture of
    their file.
    """
    found = []
    for path in sorted(FOLDER.glob("test_*.py")):
        functions = {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        for name, function in functions.items():
            if f"pytest.mark.{mark}" in map(_called, function.decorator_list):
                used = _used(name, functions)
                found += [] if any(call.rpartition(".")[2] in calls for call in used) else [f"{path.stem}::{name}"]
    return found


def _called(node: ast.AST) -> str:
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def _used(name: str, functions: dict[str, ast.FunctionDef]) -> set[str]:
    """What a function calls, with what is called by those of `functions` that it names, and by its fixtures."""
    calls, names, seen = set(), [name], set()
    while names:
        function = functions.get(names.pop())
        if function is not None and function.name not in seen:
            seen.add(function.name)
            calls |= set(map(_called, ast.walk(function)))
            names += [node.id for node in ast.walk(function) if isinstance(node, ast.Name)]
            names += [argument.arg for argument in function.args.args]
    return calls
