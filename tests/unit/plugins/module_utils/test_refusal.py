# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a refusal says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import CODES, Refusal

LISTS = "test_refusals_leave_the_world_alone.py"
"""Names codes, and makes no mistake."""
REAL = [
    path.read_text(encoding="utf-8")
    for path in (Path(__file__).parents[3] / "integration").glob("*.py")
    if path.name != LISTS
]
"""The tests against real parts."""


def test_a_refusal_says_what_was_found_and_what_to_do():
    result = Refusal("bound-moved", "The bound is 5.").result()
    assert result == {
        "failed": True,
        "changed": False,
        "code": "bound-moved",
        "found": "The bound is 5.",
        "do": CODES["bound-moved"].do,
        "msg": f"bound-moved: The bound is 5. {CODES['bound-moved'].do}",
    }


def test_what_to_do_can_be_said_by_whoever_refuses():
    assert Refusal("kvs-denied", "It may not.", "Run: GRANT x TO y.").do == "Run: GRANT x TO y."


def test_a_code_that_is_not_in_the_list_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        raise Refusal("no-such-code", "Found.")


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_time_and_a_sentence(code):
    assert re.match(r"^[a-z]+(-[a-z]+)+$", code)
    assert CODES[code].when in ("plan", "prepare", "window", "after", "status", "any")
    assert re.match(r"^[A-Z].*\.$", CODES[code].do)


# Those of the servers' own role are refused by a plan of units, before any service has to do with it.
@pytest.mark.parametrize("code", sorted(code for code in CODES if not code.startswith("server-")))
def test_every_code_is_met_by_a_test_against_real_parts(code):
    assert any(re.search(rf"(?<![a-z-]){code}(?![a-z-])", text) for text in REAL)
