# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words of others in our own sentences."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.printable import brief, printable
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.tests.unit.hostile import TEXTS
from hypothesis import given


@given(TEXTS)
def test_whatever_is_said_stays_in_its_line_and_is_obeyed_by_no_terminal(text):
    shown = printable(text)
    assert shown.isprintable() and shown.encode("utf-8").decode() == shown
    assert printable(shown) == shown
    assert text.isprintable() == (shown == text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("é: 3 µs", "é: 3 µs"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\nb", r"a\nb"),
        ("\u202e", r"\u202e"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_does_not_print_is_told_by_its_number(text, shown):
    assert printable(text) == shown


@given(TEXTS, TEXTS)
def test_a_refusal_can_be_printed_whatever_was_found(found, do):
    result = Refusal("bound-moved", found, do).result()
    assert all(result[key].isprintable() for key in ("found", "do", "msg"))


def test_a_long_answer_is_cut():
    assert brief("x" * 400) == "x" * 400
    assert len(brief("x" * 1_000_000)) < 410 and brief("x" * 401).endswith("...")
