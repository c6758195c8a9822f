# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that one node has been told to have; a restart forgets them."""
from __future__ import annotations


class Faults:
    """Slow answers, and answers that are lost after the work was done."""

    def __init__(self):
        self.delay = 0.0
        self._drops = 0
        self._match = ""

    def set(self, message):
        """Obey a command: ``delay`` in seconds, or ``drops`` answers to targets that contain ``match``."""
        if "delay" in message:
            self.delay = message["delay"]
        if "drops" in message:
            self._drops, self._match = message["drops"], message["match"]
        return {"ok": True, "drops": self._drops}

    def drops(self, target):
        """Whether the answer to this request is to be lost; counts it."""
        if self._drops == 0 or self._match not in target:
            return False
        self._drops -= 1
        return True
