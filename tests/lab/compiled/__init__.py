# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Python compiled is kept from one process of the tests to the next, in one folder of the checkout's build."""

from __future__ import annotations

from pathlib import Path

KEPT = Path(__file__).resolve().parents[3] / ".build" / "compiled"


def environment(of: Path) -> dict[str, str]:
    """What a Python is to find in its environment, so that it imports the sitecustomize in the folder `of`."""
    KEPT.mkdir(parents=True, exist_ok=True)
    return {"PYTHONPATH": f"{of}:{Path(__file__).resolve().parent}", "LAB_COMPILED": str(KEPT)}
