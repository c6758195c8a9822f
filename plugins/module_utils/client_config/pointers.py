# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a block stands in a file: ``/install/atlas`` (a JSON pointer), or the same with dots."""

from __future__ import annotations


def parse_pointer(text: str) -> tuple:
    """The keys that ``text`` names from the outside in; none at all for ``/``, which is the whole document."""
    if text.startswith("/"):
        parts = text[1:].split("/") if text != "/" else []
        return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)
    return tuple(text.split("."))


def pointer(path: tuple) -> str:
    """``path`` as a JSON pointer."""
    return "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)
