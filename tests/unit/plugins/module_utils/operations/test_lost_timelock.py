# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a plan asks TimeLock for a timestamp where an operator says that it is lost."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations import fleet_plan
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.planning import fleets

FRESH = 7_000_000


class Listing:
    """A TimeLock that lists ``orders``, or has no quorum."""

    def __init__(self, quorum):
        self.quorum = quorum

    def namespaces(self):
        if not self.quorum:
            raise Refusal("timelock-unreachable", "No quorum.")
        return ["orders"]

    def ping(self, name):
        assert name == "orders"

    def fresh_timestamp(self, _name):
        return FRESH


def asked(monkeypatch, quorum=True, refusal=None, check_mode=False, **more):
    """The timestamp that the plan of a way back has taken, or None."""

    def look(timelock):
        if refusal:
            raise refusal
        return {"namespaces": timelock.namespaces()}

    monkeypatch.setattr(fleet_plan, "open_timelock", lambda params: Listing(quorum))
    monkeypatch.setattr(fleet_plan, "look", look)
    nodes = [fleets.node(number, look=fleets.look(number, "timelock")) for number in (1, 2, 3)]
    settings = {**fleets.settings(), "direction": "reverse", "fresh_timestamps": False, "rename_to": None}
    params = {**settings, **more, "nodes": nodes, "stores": []}
    return fleet_plan.fleet_plan(params, check_mode)["services"]["orders"]["fresh_timestamp"]


@pytest.mark.parametrize(
    "refusal", [None, Refusal("timelock-tls", "One is no server of it."), Refusal("timelock-clusters-differ", "Twice.")]
)
def test_one_that_is_said_to_be_lost_is_asked_in_each_plan_wherever_a_quorum_lists_the_namespace(monkeypatch, refusal):
    assert asked(monkeypatch, refusal=refusal, highest_issued="9") == FRESH
    assert asked(monkeypatch, quorum=False, refusal=refusal, highest_issued="9") is None
    assert asked(monkeypatch, refusal=refusal, highest_issued="9", check_mode=True) is None


def test_another_one_is_asked_in_the_first_plan_only(monkeypatch):
    assert asked(monkeypatch, highest_issued=None) is None
    assert asked(monkeypatch, highest_issued=None, fresh_timestamps=True) == FRESH
