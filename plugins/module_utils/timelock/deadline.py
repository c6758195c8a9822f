# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The time that an operation may take, all its attempts together."""

from __future__ import annotations

import time


class Deadline:
    """The moment, ``seconds`` from its making, by which an operation ends."""

    def __init__(self, seconds: float):
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that remain, 0.0 when there are none."""
        return max(0.0, self._end - time.monotonic())

    def cut(self, seconds: float) -> Deadline:
        """A deadline ``seconds`` from now, but not after this one."""
        return Deadline(min(seconds, self.left()))

    def pause(self, seconds: float) -> bool:
        """Sleep ``seconds``, or what remains where that is less; whether any time remains afterwards."""
        time.sleep(min(seconds, self.left()))
        return self.left() > 0
