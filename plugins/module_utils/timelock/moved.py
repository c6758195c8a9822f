# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether somebody else takes timestamps of a namespace, as its clients do.

A look is a result of timelock_info with a fresh timestamp.
"""

from __future__ import annotations

import time
from collections.abc import Callable

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 1.0


def await_moved(look: Callable[[], dict], earlier: dict, seconds: float) -> dict:
    """The last of the looks that ``look`` takes, with ``moved``: whether anybody but they took a timestamp since the
    look ``earlier``, which is waited for as long as ``seconds``.

    Counted are looks under one leader: a new one goes on up to 1,000,000 further up, so that counting begins again with
    its first look. And a request whose answer was lost may have taken one too. Raises Refusal as ``look`` does.
    """
    deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE
    first, own = earlier, 0
    while True:
        found = look()
        own += found["requests"]
        if found["leader"] != first["leader"]:
            first, own = found, 0
        moved = found["fresh_timestamp"] - first["fresh_timestamp"] > own
        if moved or time.monotonic() + pause > deadline:
            return {**found, "moved": moved}
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
