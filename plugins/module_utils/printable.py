# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words of others in our own sentences: names, answers of servers, what a command said. A terminal would obey some."""

from __future__ import annotations

_LONGEST = 400


def printable(text: str) -> str:
    """``text`` in one line that can be printed and written as UTF-8: any other character as Python would escape it."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def brief(text: str) -> str:
    """What a server says, no longer than a sentence may be."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
