# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of which namespaces a plan takes a timestamp: of a service's own, and of none that somebody may be watching."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.asked import to_ask
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.planning import fleets

ENDED = {"unfinished": False, "holder": None}
ELSEWHERE = {"servers": ["https://other:8421"]}


def nodes(mode="leader", **more):
    found = [fleets.node(number, **more) for number in (1, 2, 3)]
    for node in found:
        node["look"]["config"]["mode"] = mode
    return found


def asked(nodes, store, gone=True, take_over=None):
    return to_ask(nodes, {"orders": store}, fleets.SERVERS, take_over, lambda holder: gone)


@pytest.mark.parametrize(
    ("service", "store"),
    [
        (nodes(), fleets.store(record=fleets.record())),
        (nodes(), fleets.store(record=fleets.record(**ENDED))),
        (nodes(), fleets.invalidated()),
        (nodes("timelock"), fleets.store()),
        (nodes(adopt_namespace=True), fleets.store()),
        (nodes(), fleets.store(record=fleets.record(namespace="shop", rename_to="orders"))),
        (nodes("timelock"), fleets.invalidated(record=fleets.record(**ELSEWHERE))),
    ],
    ids=["an unfinished run", "one that ended", "an invalidated store", "nodes", "the inventory", "a rename", "both"],
)
def test_a_namespace_is_the_services_own_by(service, store):
    assert asked(service, store) == ["orders"]


@pytest.mark.parametrize(
    ("service", "store"),
    [
        (nodes(), fleets.store()),
        (nodes(), {"refusal": "kvs-unreachable"}),
        (nodes(), None),
        ([fleets.node(1, look=None)], fleets.invalidated()),
        (nodes("timelock"), fleets.invalidated(record=fleets.record(namespace="shop"))),
        (nodes(), fleets.invalidated(record=fleets.record(**ELSEWHERE))),
    ],
    ids=["no handover", "a store that is not read", "no store", "no look", "another namespace", "another TimeLock"],
)
def test_none_is_asked_with(service, store):
    assert asked(service, store) == []


def test_the_namespace_of_a_service_that_another_run_holds_is_left_alone():
    held = fleets.store(record=fleets.record())
    assert asked(nodes(), held, gone=False) == []
    assert asked(nodes(), held, gone=False, take_over="earlier") == ["orders"]
