# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of which refusals it is tested that nothing in the world changes, in the wider run at the latest: of all."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import CODES

from fleet import Fleet
from marked import marked, marked_without

COMPARISONS = {made.__name__ for made in (Fleet.look, Fleet.look_at, Fleet.refused)}


def test_every_refusal_is_made_for_real_by_a_test_that_compares_the_world_before_and_after():
    # What concerns TimeLock's own servers is refused to whoever installs them.
    assert marked("refuses") == {code for code in CODES if not code.startswith("server-")}


def test_a_test_that_is_said_to_compare_the_world_looks_at_it():
    assert marked_without("refuses", COMPARISONS) == []
