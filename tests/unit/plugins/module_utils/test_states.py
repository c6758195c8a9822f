# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a state allows, and the number that a restored bound ends at."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.bound import (
    ABSENT,
    ACTIVE,
    AMBIGUOUS,
    INVALIDATED,
    LARGEST_BOUND,
    StoreState,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.interface import Record
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.states import (
    next_bound,
    require_restorable,
    require_usable,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# A machine that is busy with other tests is slow, and no mistake of ours.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NUMBERS = st.integers(0, LARGEST_BOUND - 1)


def test_a_state_without_objection_can_be_used():
    require_usable(StoreState(ACTIVE, bound=5))
    require_usable(StoreState(INVALIDATED, backup=5))


@pytest.mark.parametrize("state", [ACTIVE, INVALIDATED, ABSENT, AMBIGUOUS])
def test_a_state_with_an_objection_is_refused_with_its_own_code(state):
    for check in (require_usable, require_restorable):
        with pytest.raises(Refusal) as raised:
            check(StoreState(state, code="bound-ambiguous", reason="Two rows."))
        assert (raised.value.code, raised.value.found) == ("bound-ambiguous", "Two rows.")


def test_only_restoring_may_begin_with_an_empty_table():
    empty = StoreState(INVALIDATED, code="bound-unreadable", reason="No row.", empty_table=True)
    require_restorable(empty)
    with pytest.raises(Refusal):
        require_usable(empty)


@PATIENT
@given(NUMBERS, st.none() | NUMBERS, st.lists(NUMBERS), NUMBERS, st.booleans())
def test_a_restored_bound_is_above_everything_known_and_not_below_what_was_asked(
    number, backup, numbers, at_least, live
):
    state = StoreState(ACTIVE, bound=number) if live else StoreState(INVALIDATED, backup=backup)
    record = Record(1, None, {"numbers": {str(i): str(n) for i, n in enumerate(numbers)}})
    restored = next_bound(state, at_least, record)
    assert restored >= at_least
    assert all(restored > known for known in numbers)
    assert restored > (number if live else backup or 0)


def test_a_service_without_a_record_is_restored_above_its_backup():
    assert next_bound(StoreState(INVALIDATED, backup=5), 0, None) == 6
    assert next_bound(StoreState(INVALIDATED, backup=5), 6, None) == 6
    assert next_bound(StoreState(INVALIDATED, backup=5), 9, None) == 9


@pytest.mark.parametrize(("backup", "at_least"), [(LARGEST_BOUND, 0), (0, LARGEST_BOUND + 1)])
def test_no_bound_is_restored_without_headroom(backup, at_least):
    with pytest.raises(Refusal) as raised:
        next_bound(StoreState(INVALIDATED, backup=backup), at_least, None)
    assert raised.value.code == "bound-out-of-range"
