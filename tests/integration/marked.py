# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests are marked with, in all files of this folder, the wider run's tests too."""

from __future__ import annotations

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
