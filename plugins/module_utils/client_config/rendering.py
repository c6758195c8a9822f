# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""New configuration as text: blocks of lines, or flow style that JSON readers take too."""

from __future__ import annotations

import json

STEP = "  "


def block_lines(value: dict, indent: str) -> list:
    """The lines of ``value``, a dict of dicts, lists and single values, without line endings."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict) and item:
            lines += [f"{indent}{key}:", *block_lines(item, indent + STEP)]
        elif isinstance(item, list) and item:
            lines += [f"{indent}{key}:", *(f"{indent}{STEP}- {flow(element)}" for element in item)]
        else:
            lines.append(f"{indent}{key}: {flow(item)}")
    return lines


def flow(value) -> str:
    """``value`` in one line."""
    return json.dumps(value, ensure_ascii=False)
