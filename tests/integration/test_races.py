# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two operators, one service. `make races` does a thousand on each store."""

from __future__ import annotations

import pytest

from fleet import STORES
from races.locks import LOCKED, race, tally
from races.stores import opened

COUNT = 60


@pytest.mark.parametrize("store", STORES)
def test_of_two_operators_that_begin_together_exactly_one_proceeds(store):
    with opened(store) as kvs:
        told = race(kvs, COUNT)
    assert told.ok, told.wrong
    assert 0 < told.back < COUNT // 2, "each direction has its races, and neither wins them all"


@pytest.mark.parametrize(
    ("ends", "wrong"),
    [
        ({"alice": 1, "bob": 2}, "race 0: {'alice': 1, 'bob': 2}"),
        ({"alice": LOCKED, "bob": LOCKED}, "race 0: "),
        ({"alice": 1}, "race 0: "),
        ({"alice": 1, "bob": "kvs-unreachable"}, "race 0: "),
    ],
)
def test_a_race_in_which_not_exactly_one_proceeds_is_counted_as_wrong(ends, wrong):
    told = tally(1, [(0, operator, end) for operator, end in ends.items()])
    assert not told.ok
    assert told.wrong[0].startswith(wrong)
