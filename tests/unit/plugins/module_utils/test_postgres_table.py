# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What rows and columns of the timestamp table mean, whatever they are."""

from __future__ import annotations

from decimal import Decimal

from ansible_collections.atlasdb.timelock.plugins.module_utils.bound import MAX_LONG, StoreState
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.postgres_table import choose, classify
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# A machine that is busy with other tests is slow, and no mistake of ours.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

LIVE, LEGACY = "last_allocated", "legacy_last_allocated"
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.decimals(),
    st.floats(),
    st.text(max_size=3),
    st.integers(0, 2**62),
)
COLUMNS = st.lists(st.sampled_from([LIVE, LEGACY, "other", "LAST_ALLOCATED"]), max_size=4, unique=True)


@st.composite
def tables(draw):
    columns = draw(COLUMNS)
    return columns, draw(st.lists(st.tuples(*[VALUES for _column in columns]), max_size=3))


@PATIENT
@given(tables())
def test_a_number_is_only_reported_when_there_is_exactly_one_and_it_is_that_one(table):
    columns, rows = table
    state = classify("public._timestamp", columns, rows)
    assert isinstance(state, StoreState)
    assert bool(state.code) == bool(state.reason)
    reported = state.bound if state.bound is not None else state.backup
    if state.guarded:
        (row,) = rows
        assert (row[columns.index(LIVE)], row[columns.index(LEGACY)]) == (state.bound, None)
        assert state.code == "bound-ambiguous"
        return
    if reported is None:
        assert state.code
        return
    (kept,) = [column for column in columns if column in (LIVE, LEGACY)]
    (row,) = rows
    value = row[columns.index(kept)]
    assert not isinstance(value, (bool, float, str))
    assert value == reported
    assert -MAX_LONG - 1 <= reported <= MAX_LONG
    assert state.state == ("active" if kept == LIVE else "invalidated")
    assert (state.bound is None) != (state.backup is None)


@PATIENT
@given(st.integers(0, 2**62), st.sampled_from([LIVE, LEGACY]), st.booleans())
def test_one_row_with_a_good_number_is_active_or_invalidated(number, column, as_decimal):
    state = classify("t", [column], [(Decimal(number) if as_decimal else number,)])
    assert (state.bound if column == LIVE else state.backup) == number
    assert isinstance(state.bound if column == LIVE else state.backup, int)
    assert state.code is None


def test_a_second_column_without_a_value_guards_a_live_bound_and_any_other_is_ambiguous():
    def guarded(columns, *rows):
        state = classify("t", columns, rows)
        assert (state.state, state.code) == ("ambiguous", "bound-ambiguous")
        return state.bound if state.guarded else None

    assert guarded([LIVE, LEGACY], (7, None)) == 7
    assert guarded([LEGACY, LIVE], (None, 7)) == 7
    assert guarded([LIVE, LEGACY], (7, 5)) is None
    assert guarded([LIVE, LEGACY], (None, 7)) is None
    assert guarded([LIVE, LEGACY], (7, None), (7, None)) is None
    assert guarded([LIVE, LEGACY]) is None


@PATIENT
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("rpvmf"), st.none() | st.integers(1, 4)), max_size=4))
def test_a_table_is_only_used_when_atlasdb_would_find_it_and_nothing_else(found):
    found = sorted(found, key=lambda row: (row[2] is None, row[2] or 0))
    place = choose("_timestamp", found)
    visible = [row for row in found if row[2] is not None]
    if place.problem is None:
        assert visible == [(place.schema, "r", 1)]
    else:
        assert place.problem.code
        assert visible != [(place.schema, "r", 1)]


def test_extra_columns_do_not_hide_the_one_that_counts():
    assert classify("t", ["note", LIVE], [("x", 7)]).bound == 7


def test_an_empty_table_is_told_from_one_that_says_zero():
    assert classify("t", [LIVE], []).code == "bound-absent"
    assert classify("t", [LIVE], [(0,)]).code is None
