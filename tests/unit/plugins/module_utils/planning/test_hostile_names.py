# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a fleet whose names and messages are whatever they are: refused by a code, or carried as data."""

from __future__ import annotations

import copy
import json

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.document import PLAN, STATUS, document
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.fleet import plan_fleet
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.status import fleet_status
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.verdict import verdict
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.waves import waves
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import CODES, Refusal
from ansible_collections.atlasdb.timelock.tests.unit.hostile import NAMES, TEXTS
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.planning import fleets
from hypothesis import example, given
from hypothesis import strategies as st

WAYS = ("migrate", "reverse", "rename")


@st.composite
def inventories(draw):
    """Two services with two nodes, everything of which is called whatever it is."""
    services = draw(st.lists(NAMES, min_size=2, max_size=2, unique=True))
    hosts = draw(st.lists(NAMES, min_size=4, max_size=4, unique=True))
    nodes = []
    for number, name in enumerate(hosts):
        node = fleets.node(number + 1, services[number // 2], name=name)
        node.update(
            host=draw(NAMES), config_path=draw(TEXTS), unit=draw(TEXTS), variables={"atlasdb_version": "0.905.0"}
        )
        node["look"]["digest"] = draw(TEXTS)
        node["look"]["planned"]["diff"] = draw(TEXTS)
        nodes.append(node)
    return nodes


@st.composite
def strange_looks(draw, nodes):
    """``nodes``, of which some are seen to be odd, and say so in words of their own."""
    for node in nodes:
        look, said = node["look"], draw(TEXTS)
        oddity = draw(
            st.sampled_from(["none", "down", "sick", "failed", "unreachable", "problem", "namespace", "held"])
        )
        look["config"]["namespace"] = look["config"]["shared"]["namespace"] = draw(NAMES)
        look["probe"]["manager_state"] = look["probe"]["health"]["detail"] = said
        look["probe"]["process"]["running"] = oddity != "down"
        look["probe"]["health"]["ok"] = oddity != "sick"
        if oddity == "failed":
            node["look"] = {"failed": True, "msg": said}
        elif oddity == "unreachable":
            node["look"] = {"unreachable": True, "msg": said}
        elif oddity == "problem":
            look["problems"] = [{"code": "config-invalid", "found": said}]
        elif oddity == "held":
            look["config"]["mode"] = "held"
            look["probe"]["hold"] = {"run_id": said}
    return nodes


@st.composite
def strange_stores(draw, nodes):
    """The stores of the services of ``nodes``, which say something in words of their own."""
    found = {}
    for service in sorted({node["service"] for node in nodes}):
        kind = draw(st.sampled_from(["active", "refused", "odd", "resumed"]))
        store = fleets.store(identity=copy.deepcopy(fleets.IDENTITY))
        for session in store["sessions"]:
            session.update(user=draw(TEXTS), application=draw(TEXTS))
        store["identity"]["database"] = draw(TEXTS)
        if kind == "refused":
            store = {"refusal": Refusal("kvs-unreachable", draw(TEXTS))}
        elif kind == "odd":
            store.update(code="bound-renamed", reason=draw(TEXTS), state="renamed", bound=None)
        elif kind == "resumed":
            store["record"] = fleets.record(namespace=draw(TEXTS), nodes=[draw(NAMES)])
            store["record"]["holder"].update(user=draw(TEXTS), host=draw(TEXTS), run_id=draw(NAMES))
        found[service] = store
    return found


def check(planned):
    """That the plan is one: every refusal has a code, every line can be shown, and programs read what it says."""
    told = [*planned["refusals"], *(one for plan in planned["services"].values() for one in plan["refusals"])]
    assert all(refusal["code"] in CODES for refusal in told)
    now = fleet_status(planned)
    voices = dict.fromkeys(planned["services"], {"timelock_failure": {"step": "stop", "code": "x", "msg": "\x1b[m"}})
    end = verdict({**planned, "run_id": "r"}, voices, {}, False)
    for line in (*planned["table"], *planned["reasons"], *now["lines"], *end["lines"]):
        assert line.isprintable(), line
    for kind in (PLAN, STATUS):
        made = document(kind, {**planned, "run_id": "r"}, "now", {})
        assert json.loads(json.dumps(made)) == made


@given(st.data())
def test_a_plan_carries_any_name_as_it_is_or_refuses_it_by_a_code(data):
    nodes = data.draw(inventories())
    names = [node["name"] for node in nodes]
    way = data.draw(st.sampled_from(WAYS))
    settings = fleets.settings(playing=names, direction=way, rename_to=data.draw(TEXTS))
    stores = {node["service"]: fleets.store() for node in nodes}
    planned = plan_fleet(nodes, stores, fleets.TIMELOCK, settings)
    check(planned)
    assert [name for plan in planned["services"].values() for name in plan["nodes"]] == names
    assert set(planned["services"]) == {node["service"] for node in nodes}
    odd = [name for name in (*names, *planned["services"]) if not name.isprintable()]
    codes = [refusal["code"] for refusal in planned["refusals"]]
    assert not odd or (planned["refused"] and "inventory-name-unusable" in codes)
    order = waves(planned["services"], [1])["order"]
    assert set(order) <= {*names, "all:!all"}


@given(st.data())
def test_a_plan_is_one_whatever_nodes_stores_and_timelock_say(data):
    nodes = data.draw(strange_looks(data.draw(inventories())))
    stores = data.draw(strange_stores(nodes))
    refusals = [Refusal("timelock-unreachable", data.draw(TEXTS))] if data.draw(st.booleans()) else []
    timelock = {"refusals": refusals, "namespaces": data.draw(st.lists(TEXTS)), "fresh": {}}
    playing = [node["name"] for node in nodes]
    nodes = fleets.telling(nodes, {"accept_unproven": data.draw(TEXTS)})
    check(plan_fleet(nodes, stores, timelock, fleets.settings(playing=playing, holder_gone=lambda holder: False)))


@pytest.mark.parametrize(
    "name", ["a b", "!a", "&a", "~a", "@a", "a,b", "a*", "a?", "a[0]", "{{ a }}", "a:b", "a\tb", "é\x1b"]
)
def test_a_host_that_a_play_cannot_name_alone_is_refused(name):
    nodes = [fleets.node(1, name=name), fleets.node(2), fleets.node(3)]
    planned = plan_fleet(nodes, {"orders": fleets.store()}, fleets.TIMELOCK, fleets.settings(playing=[name]))
    assert planned["refused"] and [one["code"] for one in planned["refusals"]] == ["inventory-name-unusable"]
    assert repr(name) in planned["reasons"][0]


@pytest.mark.parametrize(
    "name", ["orders-1", "orders_1.example.org", "10.0.0.1", "::1", "fe80::1", "Österreich", "-x", "a'b"]
)
def test_a_host_that_is_one_to_ansible_too_is_not_refused(name):
    nodes = [fleets.node(1, name=name), fleets.node(2), fleets.node(3)]
    playing = [name, "orders-2", "orders-3"]
    planned = plan_fleet(nodes, {"orders": fleets.store()}, fleets.TIMELOCK, fleets.settings(playing=playing))
    assert not planned["refused"], planned["reasons"]


@example("or\nders")
@example("\0")
@given(NAMES.filter(lambda name: not name.isprintable()))
def test_a_service_that_cannot_be_printed_is_refused_before_anything_is_written(name):
    nodes = [fleets.node(number, name, name=f"node-{number}") for number in (1, 2, 3)]
    playing = [node["name"] for node in nodes]
    planned = plan_fleet(nodes, {name: fleets.store()}, fleets.TIMELOCK, fleets.settings(playing=playing))
    assert [one["code"] for one in planned["refusals"]] == ["inventory-name-unusable"]
