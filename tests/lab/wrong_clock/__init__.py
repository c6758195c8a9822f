# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python whose wall clock is wrong, and whose other clocks are right.

libfaketime would do the same to any program, but what it preloads refuses the sleep of Python 3.11.
"""

from __future__ import annotations

from lab.compiled import TESTS


def environment(seconds: int, tests: str = str(TESTS)) -> dict[str, str]:
    """What a Python is to find in its environment; `tests`: where it sees the tests."""
    return {"PYTHONPATH": f"{tests}/lab/wrong_clock", "LAB_CLOCK": str(seconds)}
