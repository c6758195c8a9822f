# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may act on a service, and what its record keeps."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import Guard
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.interface import Record
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.lock import (
    OperatorLocked,
    must_take,
    noted,
    require_guard,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# A machine that is busy with other tests is slow, and no mistake of ours.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ALICE = {"run_id": "one", "user": "alice", "host": "controller", "pid": 7, "since": "noon"}


def test_a_lock_that_nobody_has_must_be_taken():
    assert must_take(None, "orders", "one", None)
    assert must_take(Record(3, None, {}), "orders", "one", None)


def test_a_lock_is_kept_by_the_run_that_has_it():
    assert not must_take(Record(3, ALICE, {}), "orders", "one", None)


@pytest.mark.parametrize("take_over", [None, "", "three", "two"])
def test_a_lock_of_another_run_is_refused_with_the_holder_unless_it_is_named(take_over):
    with pytest.raises(OperatorLocked) as raised:
        must_take(Record(3, ALICE, {}), "orders", "two", take_over)
    result = raised.value.result()
    assert (result["code"], result["holder"]) == ("operator-locked", ALICE)
    for word in ("orders", "one", "alice", "controller", "7", "noon"):
        assert word in result["found"]
    assert must_take(Record(3, ALICE, {}), "orders", "two", "one")


def test_only_run_and_epoch_together_have_the_lock():
    require_guard(Record(3, ALICE, {}), Guard("one", 3))
    for record in (Record(4, ALICE, {}), Record(3, {**ALICE, "run_id": "two"}, {}), Record(3, None, {}), None):
        with pytest.raises(Refusal) as raised:
            require_guard(record, Guard("one", 3))
        assert raised.value.code == "operator-lock-lost"


def test_without_a_lock_there_must_be_no_holder():
    require_guard(None, None)
    require_guard(Record(3, None, {}), None)
    with pytest.raises(OperatorLocked):
        require_guard(Record(3, ALICE, {}), None)


@PATIENT
@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 2**63 - 1))))
def test_numbers_on_record_only_grow_and_other_keys_are_replaced(changes):
    record = Record(3, ALICE, {})
    for index, numbers in enumerate(changes):
        before = {name: int(number) for name, number in record.document.get("numbers", {}).items()}
        record = noted(record, Guard("one", 3), {"numbers": numbers, "step": index}, False)
        after = {name: int(number) for name, number in record.document["numbers"].items()}
        assert all(after[name] >= number for name, number in before.items())
        assert all(after[name] >= number for name, number in numbers.items())
        assert set(after) == set(before) | set(numbers)
        assert (record.epoch, record.holder, record.document["step"]) == (3, ALICE, index)


def test_a_released_record_names_who_released_it_and_a_later_note_forgets_it():
    released = noted(Record(3, ALICE, {"x": 1}), Guard("one", 3), {}, True)
    assert (released.epoch, released.holder, released.document["x"]) == (3, None, 1)
    assert released.document["released"] == {"run_id": "one", "epoch": 3}
    assert noted(released, Guard("two", 4), {}, False).document["released"] is None
