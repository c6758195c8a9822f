# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Python compiled is kept from one process of the tests to the next, in one folder of the checkout's build."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
KEPT = TESTS.parent / ".build" / "compiled"


def environment(of: str, tests: str = str(TESTS), kept: str = str(KEPT)) -> dict[str, str]:
    """What a Python is to find in its environment, so that it imports the sitecustomize of the lab's package `of`.

    `tests` and `kept`: where that Python sees the tests, and the folder of what is kept.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    return {"PYTHONPATH": f"{tests}/lab/{of}:{tests}/lab/compiled", "LAB_COMPILED": kept}
