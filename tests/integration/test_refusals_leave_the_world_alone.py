# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of which refusals it is tested that nothing in the world changes, in the wider run at the latest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import CODES

FOLDER = Path(__file__).parent
NOT_YET = {
    "timelock-not-quiet", "fence-changed", "fence-open", "migration-not-done", "reverse-unfinished",
    "rename-unfinished",
}  # fmt: skip
"""They are tested, and of the world only a part is looked at. A code that is new does not belong here."""

MARKED = """
import importlib, sys
for name in sys.argv[1:]:
    for found in vars(importlib.import_module(name)).values():
        for mark in getattr(found, "pytestmark", []):
            if mark.name == "refuses":
                print(*mark.args, sep="\\n")
"""


def test_every_refusal_is_made_for_real_by_a_test_that_compares_the_world_before_and_after():
    names = [path.stem for path in sorted(FOLDER.glob("test_*.py")) if "\n@pytest.mark.refuses(" in path.read_text()]
    places = os.pathsep.join([str(FOLDER), os.environ["PYTHONPATH"]])
    done = subprocess.run(
        [sys.executable, "-c", MARKED, *names], env={**os.environ, "PYTHONPATH": places, "LAB_CASSANDRA": "all"},
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    # What concerns TimeLock's own servers is refused to whoever installs them.
    ours = {code for code in CODES if not code.startswith("server-")}
    assert set(done.stdout.split()) == ours - NOT_YET
