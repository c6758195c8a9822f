# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether hosts with a root of their own can be had here: where they cannot, their tests are skipped, by reason."""

from __future__ import annotations

import os

import pytest

import cassandra_here
from lab.hosts import image

only_on_demand = pytest.mark.skipif(
    not (cassandra_here.WIDE or "LAB_ON_HOSTS" in os.environ), reason="only by make hosts, and in the wider run"
)
"""Of what `make hosts` runs."""


def require() -> None:
    """Skips the test with the reason; where CI is set, and we are a root who may have them, fails it."""
    reason = image.why_not()
    if reason is not None:
        if os.environ.get("CI") and image.may():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
