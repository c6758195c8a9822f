# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Suites that run the collection against real parts."""

from __future__ import annotations

import os
import sys

from checkout import ROOT
from checks.outcome import Log


def integration(log: Log) -> None:
    env = {**os.environ, "PYTHONPATH": f"{os.environ['ANSIBLE_COLLECTIONS_PATH']}:{ROOT / 'tests'}"}
    log.run(
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", "--import-mode=importlib", "-q",
        "tests/integration", env=env,
    )  # fmt: skip


def molecule(log: Log) -> None:
    env = {**os.environ, "NO_COLOR": "1"}
    # What a killed run left would make this one skip its first steps.
    log.run("molecule", "reset", "--all", env=env)
    log.run("molecule", "test", "--all", "--no-command-borders", env=env)
