# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every way of taking timestamps offers to the rest of a node."""

from __future__ import annotations

from typing import Protocol


class Timestamps(Protocol):
    """`mode` is what the journal calls it: `embedded`, `leader` or `timelock`."""

    mode: str

    def fresh(self, count: int) -> tuple[int, int]:
        """Up to `count` timestamps: lowest and highest. Raises AtlasFailure, or hangs as the real one does."""

    def health(self) -> str | None:
        """Why no timestamp can be had, or None."""
