# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Numbers that can be bounds, and texts that spell them."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.bound import (
    BUFFER,
    LARGEST_BOUND,
    MAX_LONG,
    out_of_range,
    parse_number,
)


@pytest.mark.parametrize("number", [0, 1, 10000, 9007199254740993, MAX_LONG])
def test_digits_are_read_exactly(number):
    assert parse_number(str(number), "at_least") == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 7",
        "7 ",
        "7\n",
        "+7",
        "-7",
        "7.0",
        "9007199254740993.0",
        "1e6",
        "0x10",
        "1_000",
        "\u0667",
        "seven",
        7,
        7.0,
        None,
        True,
    ],
)
def test_anything_else_than_a_text_of_digits_is_refused(text):
    with pytest.raises(ValueError, match="at_least"):
        parse_number(text, "at_least")


def test_a_number_beyond_64_bits_is_refused():
    with pytest.raises(ValueError, match="64 bits"):
        parse_number(str(MAX_LONG + 1), "at_least")


@pytest.mark.parametrize("number", [0, 10000, LARGEST_BOUND])
def test_a_bound_with_a_thousand_years_of_headroom_is_accepted(number):
    assert out_of_range(number) is None
    assert MAX_LONG - number >= BUFFER + 1000 * 365 * 24 * 3600 * 1_000_000


@pytest.mark.parametrize("number", [-1, -MAX_LONG - 1, LARGEST_BOUND + 1, MAX_LONG])
def test_a_bound_below_zero_or_without_headroom_is_not(number):
    assert str(number) in out_of_range(number)
