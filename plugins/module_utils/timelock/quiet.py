# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a namespace gave out nothing but our own timestamps between two looks at it.

A look is a result of timelock_info with a fresh timestamp.
"""

from __future__ import annotations

import time

from ..proofs import since
from ..refusal import Refusal


def wait(earlier: dict, seconds: float) -> None:
    """Until ``seconds`` after the moment since when the namespace was quiet at the look ``earlier``. Raises Refusal
    ``timelock-not-quiet`` where nobody can say how long ago that was."""
    passed = since(earlier["quiet_from"])
    if passed is None:
        found = "The first look at the namespace was on another machine, or before a restart of this one."
        raise Refusal("timelock-not-quiet", found, "Run it again.")
    time.sleep(max(0.0, seconds - passed))


def require_quiet(earlier: dict, later: dict) -> None:
    """Raise Refusal ``timelock-not-quiet`` unless nobody but the two looks took a timestamp, under one leader.

    A new leader of TimeLock goes on up to 1,000,000 further up, which would hide what others took.
    """
    if earlier["leader"] != later["leader"]:
        found = f"TimeLock's leader changed from {earlier['leader']} to {later['leader']} meanwhile."
        raise Refusal("timelock-not-quiet", found, "Run it again.")
    taken = later["fresh_timestamp"] - earlier["fresh_timestamp"] - 1
    if taken:
        found = f"All nodes are stopped, and between two looks somebody took {taken} timestamps of the namespace."
        raise Refusal("timelock-not-quiet", found)
