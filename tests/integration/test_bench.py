# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make bench` measures, on one migration: how often a node is called inside the window is counted."""

from __future__ import annotations

import pytest

from bench.observed import Timeline, figures
from bench.rounds import play_round
from bench.table import percentile
from cassandra_here import only_wide
from fleet import new_lab

BUDGET = 2
PROOF_ON_TIMELOCK = 1


@only_wide
def test_a_migration_calls_a_node_twice_inside_the_window_and_is_measured_as_a_bare_restart_is(tmp_path):
    with new_lab(tmp_path / "lab") as lab:
        played = play_round(lab, tmp_path / "round", "orders", 1, None)
    assert set(played["bare"].executions.values()) == {2}
    for calls in played["migrate"].executions.values():
        assert 2 <= calls <= BUDGET + PROOF_ON_TIMELOCK
    for found in played.values():
        assert found.window >= found.outage > 0
        assert found.overhead > 0


def test_overhead_is_the_window_without_what_the_service_itself_takes():
    found = figures(
        {
            "a": Timeline(10.0, 11.0, 15.0, 17.0, [9.0, 9.9, 14.9, 20.0, 21.1]),
            "b": Timeline(10.5, 12.5, 18.0, 19.0, [9.8, 10.4, 13.0, 17.9]),
            "c": Timeline(10.0, 11.0, 18.0, 21.0, [9.9, 17.9]),
        },
        "a",
    )
    assert (found.outage, found.window) == (7.0, 11.0)
    assert found.overhead == pytest.approx(11.0 - 2.0 - 2.0 - 3.0)
    assert found.executions == {"a": 3, "b": 3, "c": 2}


def test_percentiles_are_values_that_were_measured():
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(range(1, 21), 0.95) == 19
    assert percentile([7], 0.95) == 7
