# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AtlasDB's bytes on Cassandra: what a partition says, and the batches that change it."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.bound import (
    ABSENT,
    ACTIVE,
    AMBIGUOUS,
    INVALIDATED,
    LARGEST_BOUND,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.cassandra_row import (
    Cell,
    Cells,
    cells_of,
    classify,
    decode,
    encode,
    invalidating,
    opening,
    repairing,
    restoring,
    selection,
    table_name,
)
from hypothesis import given
from hypothesis import strategies as st

V = 1_010_000
W = 3_010_007


def rows(live=None, backup=None, manual=None, **others):
    found = [(b"ts", live), (b"oldTs", backup), (b"tr", manual)]
    return [Cell(column, -1, value) for column, value in found if value is not None]


def state(*cells):
    return classify("orders._timestamp", [one for some in cells for one in some])


@pytest.mark.parametrize(
    ("found", "expected", "bound", "backup", "code"),
    [
        pytest.param(rows(), ABSENT, None, None, "bound-absent", id="B: no row"),
        pytest.param(rows(encode(V)), ACTIVE, V, None, None, id="C: a live bound"),
        pytest.param(rows(encode(V), b""), ACTIVE, V, None, None, id="D: a live bound, an emptied backup"),
        pytest.param(rows(encode(V), b"\0"), ACTIVE, V, None, None, id="D: a live bound, a backup that is none"),
        pytest.param(rows(None, b""), ABSENT, None, None, "bound-absent", id="E: an emptied backup alone"),
        pytest.param(rows(b"\0", encode(W)), INVALIDATED, None, W, None, id="F: invalidated"),
        pytest.param(rows(b"", encode(W)), INVALIDATED, None, W, None, id="F: invalidated, emptied"),
        pytest.param(rows(encode(V), encode(W)), AMBIGUOUS, None, None, "bound-ambiguous", id="G: both"),
        pytest.param(rows(None, encode(W)), AMBIGUOUS, None, None, "bound-ambiguous", id="G: a backup alone"),
        pytest.param(rows(b"\0"), INVALIDATED, None, None, "bound-unreadable", id="H: no backup"),
        pytest.param(rows(b"\0", b""), INVALIDATED, None, None, "bound-unreadable", id="H: an emptied backup"),
        pytest.param(rows(b"\0", None, encode(W)), INVALIDATED, None, W, "bound-manual-backup", id="H: by hand"),
        pytest.param(rows(b"\0", None, b"\0"), INVALIDATED, None, None, "bound-unreadable", id="H: unreadable"),
        pytest.param(rows(encode(V) + 16 * b"u"), AMBIGUOUS, None, None, "bound-length", id="24 bytes of 0.32.0"),
        pytest.param(rows(encode(V) + b"u", encode(W)), AMBIGUOUS, None, None, "bound-length", id="9 bytes, a backup"),
        pytest.param(rows(encode(V), encode(W) + b"u"), AMBIGUOUS, None, None, "bound-length", id="a long backup"),
        pytest.param(rows(encode(V), None, encode(W)), ACTIVE, V, None, None, id="J: a live bound, 0x7472 ignored"),
        pytest.param(rows(encode(-1)), ACTIVE, -1, None, "bound-out-of-range", id="negative"),
        pytest.param(rows(b"\0", encode(LARGEST_BOUND + 1)), INVALIDATED, None, LARGEST_BOUND + 1,
                     "bound-out-of-range", id="no headroom"),
    ],
)  # fmt: skip
def test_each_state_of_the_partition_is_what_atlasdb_makes_of_it_or_refused(found, expected, bound, backup, code):
    now = classify("orders._timestamp", found)
    assert (now.state, now.bound, now.backup, now.code) == (expected, bound, backup, code)
    assert bool(now.reason) == bool(code)


@pytest.mark.parametrize("column", [b"ts", b"oldTs"])
def test_two_rows_of_one_column_are_ambiguous_and_both_are_named(column):
    now = state(
        [Cell(column, -1, encode(V)), Cell(column, -2, encode(W))], rows(live=b"\0") if column == b"oldTs" else []
    )
    assert (now.state, now.code) == (AMBIGUOUS, "bound-ambiguous")
    assert str(V) in now.reason
    assert str(W) in now.reason


def test_a_bound_at_another_column2_is_ambiguous_since_the_timestamp_service_would_not_see_it():
    assert state([Cell(b"ts", -5, encode(V))]).code == "bound-ambiguous"


def test_a_bound_that_will_vanish_is_ambiguous():
    assert "60 s" in state([Cell(b"ts", -1, encode(V), 60)]).reason


def test_a_row_without_a_value_is_ambiguous():
    assert state([Cell(b"ts", -1, None)]).code == "bound-ambiguous"


def test_other_columns_are_ignored_whatever_they_hold():
    assert state(rows(encode(V)), [Cell(b"x", 7, b""), Cell(b"x", 8, None, 5)]).bound == V


def test_a_backup_made_by_hand_is_named_with_its_number_and_column():
    reason = state(rows(b"\0", manual=encode(W))).reason
    assert "0x7472" in reason
    assert str(W) in reason


def test_nothing_is_taken_for_fresh_when_a_restored_bound_was_lost():
    now = state(rows(None, b""))
    assert "10000" in now.reason
    assert now.empty_table


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_is_eight_bytes_and_comes_back(number):
    assert len(encode(number)) == 8
    assert decode(encode(number)) == number


@pytest.mark.parametrize("value", [None, b"", b"\0", 7 * b"\0", 9 * b"\0", 800 * b"x"])
def test_only_eight_bytes_are_a_number(value):
    assert decode(value) is None


def test_the_statements_are_atlasdbs_own_but_for_the_keyspace():
    assert selection("Orders") == (
        'SELECT column1, column2, value, ttl(value) FROM "Orders"."_timestamp" WHERE key=0x7473;'
    )
    assert invalidating("orders", Cells(encode(V), None, None)).replace('"orders".', "") == (
        "BEGIN UNLOGGED BATCH\n"
        'UPDATE "_timestamp" SET value=0x00 WHERE key=0x7473 AND column1=0x7473 AND column2=-1'
        " IF value=0x00000000000F6950;\n"
        'INSERT INTO "_timestamp" (key, column1, column2, value)'
        " VALUES (0x7473, 0x6F6C645473, -1, 0x00000000000F6950) IF NOT EXISTS;\n"
        "APPLY BATCH;"
    )


def test_an_emptied_backup_is_compared_as_empty():
    assert "SET value=0x00000000000F6950 WHERE key=0x7473 AND column1=0x6F6C645473 AND column2=-1 IF value=0x;" in (
        invalidating("orders", Cells(encode(V), b"", None))
    )


def test_a_backup_below_the_live_bound_guards_it_and_the_same_number_does_not():
    guarded = classify("t", rows(encode(W), encode(V)))
    assert (guarded.state, guarded.code, guarded.bound, guarded.backup) == (AMBIGUOUS, "bound-ambiguous", W, V)
    assert guarded.guarded and W > V
    assert not classify("t", rows(encode(V), encode(V))).guarded


def test_a_guarded_restore_keeps_the_backup_and_an_opening_empties_it_whatever_the_bound_is():
    text = restoring("orders", Cells(b"\0", encode(V), None), W, guarded=True)
    backup = "WHERE key=0x7473 AND column1=0x6F6C645473 AND column2=-1 IF value=0x00000000000F6950;"
    assert f"SET value=0x00000000000F6950 {backup}" in text
    opened = opening("orders", Cells(encode(W), encode(V), None))
    assert opened == f"UPDATE {table_name('orders')} SET value=0x {backup}"


def test_a_restore_empties_the_backup_that_counted_in_the_same_batch():
    text = restoring("orders", Cells(b"\0", encode(V), None), W)
    assert text.count("\n") == 3
    assert "SET value=0x00000000002DEDD7 " in text
    assert "SET value=0x WHERE key=0x7473 AND column1=0x6F6C645473 AND column2=-1 IF value=0x00000000000F6950;" in text


@pytest.mark.parametrize(
    ("cells", "condition"),
    [
        (Cells(encode(V), None, None), "IF value=0x00000000000F6950;"),
        (Cells(encode(V), b"", None), "IF value=0x00000000000F6950;"),
        (Cells(None, None, None), "IF NOT EXISTS;"),
        (Cells(None, b"", None), "IF NOT EXISTS;"),
    ],
)
def test_a_live_or_missing_bound_is_raised_by_one_conditional_statement(cells, condition):
    text = restoring("orders", cells, W)
    assert text.endswith(condition)
    assert "BATCH" not in text


def test_a_repair_is_conditional_on_all_that_it_rests_on():
    text = repairing("orders", Cells(b"\0", None, encode(V)))
    assert [line.rpartition(" IF ")[2] for line in text.splitlines()[1:-1]] == [
        "value=0x00;",
        "NOT EXISTS;",
        "value=0x00000000000F6950;",
    ]
    assert classify("t", rows(b"\0", encode(V), encode(V))).backup == V


def test_the_values_of_a_partition_are_found_by_name():
    assert cells_of(rows(b"\0", encode(V), encode(W))) == Cells(b"\0", encode(V), encode(W))
