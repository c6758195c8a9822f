# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements that docs/refusals.md has a person type, as they stand there, for a service `orders`."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs/refusals.md").read_text(encoding="utf-8")
NUMBER = 12_010_001
"""What they write, where they write one."""

_BEGINS = re.compile(r"(BEGIN|APPLY|UPDATE|INSERT|DELETE|ALTER|TABLE)\b.*;?")


def statements(code: str, *, cassandra: bool) -> list[str]:
    """Those under a code, in their order; of Cassandra, or of PostgreSQL."""
    section = re.search(rf"^### `{code}`\n(.*?)(?=^### |\Z)", PAGE, re.DOTALL | re.MULTILINE).group(1)
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ") and _BEGINS.match(line[4:])]
    return [line for line in lines if ('"orders"' in line or "BATCH" in line) == cassandra]
