# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines in the shape of the real client's, to standard error."""

from __future__ import annotations

import sys
import time


def log(level: str, logger: str, message: str) -> None:
    now = time.time()
    clock = time.strftime("%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}"
    sys.stderr.write(f"{level:5} {clock} {logger} - {message}\n")
    sys.stderr.flush()
