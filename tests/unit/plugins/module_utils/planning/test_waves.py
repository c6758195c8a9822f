# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of the services, and the sizes of the waves."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.waves import NO_HOST, waves


def services(*sizes, todo="migrate"):
    return {
        f"s{number}": {"todo": todo, "nodes": [f"s{number}-{node}" for node in range(size)]}
        for number, size in enumerate(sizes)
    }


def test_a_wave_counts_services_and_not_hosts():
    assert waves(services(3, 1, 2), [1])["sizes"] == [3, 1, 2]


def test_the_last_number_holds_for_all_later_waves():
    assert waves(services(1, 2, 3, 4, 5), [1, 2])["sizes"] == [1, 5, 9]


def test_the_nodes_of_a_service_stay_together_in_the_inventory_s_order():
    assert waves(services(2, 1), [5])["order"] == ["s0-0", "s0-1", "s1-0"]


def test_services_that_need_nothing_are_in_no_wave():
    assert waves(services(3, todo="nothing"), [1]) == {"order": [NO_HOST], "sizes": [1]}


@pytest.mark.parametrize("sizes", [[], [0], [1, -1]])
def test_a_wave_of_no_service_is_refused(sizes):
    with pytest.raises(ValueError, match="timelock_waves"):
        waves(services(1), sizes)
