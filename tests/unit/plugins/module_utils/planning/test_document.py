# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one format of plan, status and report."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning import service, verdict
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.document import PLAN, REPORT, STATUS, document
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.fleet import plan_fleet
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.planning import fleets

PAGE = Path(__file__).parents[5] / "docs/json.md"
BY = {"user": "alice@ops-1", "collection": "0.1.0", "ansible": "2.19.0", "python": "3.11.0"}
MADE = "2026-11-22T18:04:54.120+00:00"


def planned(**settings):
    nodes = [fleets.node(number) for number in (1, 2, 3)]
    store = fleets.store(bound=2**62 + 1, corroboration=[{"source": "punch table", "number": 7}])
    return {
        **plan_fleet(nodes, {"orders": store}, fleets.TIMELOCK, fleets.settings(**settings)),
        "run_id": "r1",
    }


def explained(heading):
    """The keys that the page explains under a heading."""
    page = PAGE.read_text(encoding="utf-8")
    (part,) = re.findall(rf"^##+ {re.escape(heading)}$(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^\| `([a-z_]+)` \|", part, re.MULTILINE))


@pytest.mark.parametrize("kind", [PLAN, STATUS, REPORT])
def test_every_key_of_the_document_is_explained(kind):
    made = document(kind, planned(), MADE, BY, {"orders": {}} if kind == REPORT else None)
    assert set(made) | {"playbook", "server_version"} == explained("The document")
    assert set(made["services"]["orders"]) | {"end"} == explained("A service")
    assert set(made["services"]["orders"]["status"]) == explained("`status`")


def _values(key):
    """The words that the page names for a key of a service, or of its end."""
    (explanation,) = re.findall(rf"^\| `{key}` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return set(re.findall(r"`([^`]+)`", explanation)) - {"repair.yml"}


def test_every_word_for_what_is_to_be_done_and_for_how_it_ended_is_explained():
    assert _values("todo") == {*service.MOVES, service.NOTHING, service.NEW, service.LEFT_ALONE, service.REFUSED}
    ends = {verdict.MIGRATED, service.REVERSED, verdict.RENAMED, verdict.FAILED, verdict.NOT_BEGUN, verdict.LEFT_OUT}
    assert _values("outcome") == ends | {service.NEW, service.LEFT_ALONE, service.REFUSED}


def test_timestamps_are_text_that_no_reader_rounds():
    orders = json.loads(json.dumps(document(PLAN, planned(), MADE, BY)))["services"]["orders"]
    assert (orders["bound"], orders["backup"]) == (str(2**62 + 1), None)
    assert orders["corroboration"] == [{"source": "punch table", "number": "7"}]


def test_a_plan_that_was_kept_as_a_document_is_the_plan():
    kept = json.loads(json.dumps(document(PLAN, planned(), MADE, BY)))
    assert planned(kept=kept)["reasons"] == []
    kept["services"]["orders"]["bound"] = str(2**62 + 2)
    assert "its bound is" in planned(kept=kept)["reasons"][0]
    kept["services"]["orders"]["bound"] = "a lot"
    assert "plan-stale" in planned(kept=kept)["reasons"][0]


def test_refusals_say_what_was_found_and_what_to_do():
    made = document(PLAN, planned(servers=[], playing=["orders-1"]), MADE, BY)
    ((fleet,), (own, *_others)) = made["refusals"], made["services"]["orders"]["refusals"]
    assert set(fleet) == set(own) == {"code", "found", "do"}
