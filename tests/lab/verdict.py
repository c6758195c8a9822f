# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands print of the checker's verdict."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from lab.checker import check_folder


def judge(journal: Path, services: Collection[str], as_json: bool) -> int:
    """The exit code: 1 where the checker found something, or a service took no timestamp, so that nothing was checked.

    Raises JournalError.
    """
    reports = check_folder(journal)
    silent = sorted(set(services) - {report.service for report in reports if report.timestamps})
    if as_json:
        print(json.dumps({"services": [report.as_dict() for report in reports], "silent": silent}, indent=2))
    else:
        for report in reports:
            print("\n".join(report.lines()))
        for name in silent:
            print(f"{name}: no timestamp taken, nothing checked")
    return 0 if not silent and all(report.ok for report in reports) else 1
