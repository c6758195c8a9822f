# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether real Cassandra can be had here: where it cannot, its tests are skipped, or in CI fail."""

from __future__ import annotations

import os

import pytest

from lab.cassandra import distribution

# LAB_CASSANDRA names the versions to test on, or is `all`.
_WANTED = os.environ.get("LAB_CASSANDRA", distribution.DEFAULT_VERSION)
WIDE = _WANTED == "all"
VERSIONS = list(distribution.VERSIONS) if WIDE else _WANTED.split()

only_wide = pytest.mark.skipif(not WIDE, reason="only in the wider run: LAB_CASSANDRA=all")
"""Of tests that take minutes, on several nodes or versions."""

only_on_demand = pytest.mark.skipif(
    not (WIDE or "LAB_CLUSTERS" in os.environ), reason="only by make clusters, and in the wider run"
)
"""Of what `make clusters` runs."""


def require(version: str = distribution.DEFAULT_VERSION) -> str:
    """The version, with its jars in the cache; else skips the test with the reason, or fails it where CI is set."""
    reason = distribution.why_not(version)
    if reason is not None:
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return version
