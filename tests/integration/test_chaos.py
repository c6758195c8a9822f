# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A little of what `make chaos` and `make hidden` do at length."""

from __future__ import annotations

import pytest

from cassandra_here import only_wide
from chaos import batches, hidden, schedules
from chaos.faults import OfAService, OfTheFleet
from fleet import STEPS, lab

__all__ = ["lab"]

NUMBERS = range(1, 2)


def test_services_that_go_through_random_faults_end_migrated_and_no_timestamp_goes_back(lab, tmp_path):
    told = batches.run_batch(lab, tmp_path / "batch", NUMBERS)
    assert told.wrong == []
    assert sorted(told.ends) == list(NUMBERS)
    assert told.timestamps


@only_wide
def test_clients_that_nobody_knows_of_are_found(lab, tmp_path):
    trials, wrong = hidden.try_all(lab, tmp_path / "trials", range(3), "postgres")
    assert wrong == []
    assert [trial for trial in trials if not trial.found] == []
    assert len(trials) == 3


@pytest.mark.parametrize(
    ("end", "said", "found"),
    [
        ("as it was", "s1: in step 'stop': kvs-session-open: Somebody.", True),
        ("held", "s1: in step 'read_back': kvs-session-open: Somebody.", True),
        ("migrated", "s1: in step 'read_back': kvs-session-open: Somebody.", False),
        ("as it was", "s1: in step 'stop': node-lost: Nobody.", False),
    ],
)
def test_a_client_counts_as_found_where_it_was_named_and_nothing_was_migrated(end, said, found):
    assert hidden.Trial(1, "idle_pool", "stop", end, said).found == found


def test_what_happens_follows_from_the_number_alone():
    for number in range(50):
        for store in batches.STORES:
            assert schedules.of_service(number, store, STEPS) == schedules.of_service(number, store, STEPS)
        assert schedules.of_fleet(number, STEPS) == schedules.of_fleet(number, STEPS)


def test_every_fault_happens_and_is_one_that_there_is():
    of_services, of_fleets = set(), set()
    for number in range(300):
        of_services |= {strike.fault for strike in schedules.of_service(number, "postgres", STEPS).strikes}
        of_fleets |= {strike.fault for strike in schedules.of_fleet(number, STEPS)}
    assert of_services == set(schedules.OF_A_SERVICE) and of_fleets == set(schedules.OF_THE_FLEET)
    assert all(hasattr(OfAService, fault) for fault in of_services)
    assert all(hasattr(OfTheFleet, fault) for fault in of_fleets)
