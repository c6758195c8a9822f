# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change whose answer was lost: neither done nor undone until somebody looks."""

from __future__ import annotations

from ..refusal import Refusal


class FateUnknown(Refusal):
    """A change was sent, and may still be made: nobody could see what became of it."""

    def result(self) -> dict:
        return {**super().result(), "fate_unknown": True}
