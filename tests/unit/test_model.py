# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The model of the handover, its table, what checks it, and the code speak of the same things."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODEL = (ROOT / "docs/model/handover.pml").read_text(encoding="utf-8")
PAGE = (ROOT / "docs/model/README.md").read_text(encoding="utf-8")
CHECK = ROOT / "tests/tools/checks/model.py"
STEPS = ROOT / "roles/timelock/tasks"

# Labels that are no steps: where spin may rest, and where a run ends.
PLACES = {"end", "end_plan", "over"}


def listed(name):
    """The keys of a dictionary of the check."""
    for node in ast.parse(CHECK.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return [key.value for key in node.value.keys]
    raise AssertionError(name)


def part(heading):
    """What stands in the model below a heading."""
    return MODEL.split(f"/* ---- {heading}")[1].split("/* ---- ")[0]


def table(heading):
    """The names in the first column of the table below a heading of the page."""
    return re.findall(r"^\| `(\w+)` \|", PAGE.split(f"## {heading}")[1].split("\n## ")[0], re.MULTILINE)


def test_every_guard_of_the_model_is_explained_and_is_removed_by_the_check():
    guards = sorted(set(re.findall(r"\bNO_[A-Z][A-Z_]*\b", MODEL)))
    assert sorted(table("Each guard")) == guards
    assert sorted(listed("GUARDS")) == guards


def test_every_configuration_that_is_checked_is_explained():
    assert sorted(table("What each configuration covers")) == sorted(listed("CONFIGURATIONS"))


def test_the_models_steps_are_the_steps_of_the_handover():
    labels = re.findall(r"^(\w+):$", part("The handover"), re.MULTILINE)
    steps = re.findall(r"timelock_step: (\w+)", (STEPS / "handover.yml").read_text(encoding="utf-8"))
    assert [label for label in labels if label not in PLACES] == [*steps, "put_back"]
    assert all((STEPS / f"{label}.yml").is_file() for label in [*steps, "put_back"])


def test_the_models_effects_have_the_names_that_the_code_gives_them():
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "plugins").rglob("*.py"))
    named = set(re.findall(r"def (\w+)\(", code)) | {path.stem for path in (ROOT / "plugins").rglob("*.py")}
    effects = re.findall(r"^inline (\w+)\(", part("Effects"), re.MULTILINE)
    assert len(effects) > 4
    assert set(effects) - named == set()


def test_what_the_table_says_is_in_the_code_is_there():
    for row in re.findall(r"^\| `NO_\w+` \| (.*?) \|", PAGE, re.MULTILINE):
        for path in re.findall(r"`([\w/]+\.(?:py|yml))`", row):
            base = ROOT / ("roles/timelock" if path.startswith("tasks/") else "plugins/module_utils")
            assert (base / path).is_file(), path
