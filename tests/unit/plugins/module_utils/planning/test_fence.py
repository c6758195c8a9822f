# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fence in the plan: which login is shut out, and every reason against it that can be known beforehand."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.fence import old_login, shared
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.fleet import plan_fleet
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

from .fleets import IDENTITY, TIMELOCK, invalidated, look, node, record, settings, store

OLD = {"enabled": True, "shut_out": False, "own": False, "missing_rights": [], "elsewhere": []}
SHUT = {**OLD, "enabled": False, "shut_out": True}
FENCE = {"old": "orders", "new": "orders_2"}
NO_FENCE = Refusal("fence-unsupported", "The servers have no authorizer.")


def seen(**more) -> dict:
    """A look at a fence with which all is well."""
    return {**FENCE, "state": OLD, "untried": None, "trial": {"identity": IDENTITY, "missing": []}, **more}


def nodes(mode="leader", login="orders", **more) -> list:
    made = [node(number, **more) for number in (1, 2, 3)]
    for number, one in enumerate(made, 1):
        one["look"] = look(number, mode)
        one["look"]["config"]["login"] = login
    return made


def plan(fence, members=None, its_store=None, **more) -> dict:
    view = {**(its_store or store()), **({"fence": fence} if fence else {})}
    timelock = {**TIMELOCK, "namespaces": ["orders"]} if view["record"] else TIMELOCK
    return plan_fleet(members or nodes(), {"orders": view}, timelock, settings(**more))["services"]["orders"]


def codes(made: dict) -> list:
    return [refusal["code"] for refusal in made["refusals"]]


def test_without_the_option_there_is_no_fence():
    made = plan(None)
    assert (made["todo"], made["fence"], made["refusals"]) == ("migrate", None, [])


def test_with_all_in_order_the_plan_says_who_is_shut_out_and_who_stands_in_its_place():
    made = plan(seen())
    assert (made["todo"], made["fence"], made["refusals"]) == ("migrate", FENCE, [])
    assert made["notes"] == ["fence: orders will be shut out, and orders_2 stand in its place"]


@pytest.mark.parametrize(
    ("fence", "code", "words"),
    [
        (seen(refusal=NO_FENCE, state=None), "fence-unsupported", "no authorizer"),
        (seen(untried="127.0.0.2 does not answer."), "fence-login", "127.0.0.2 does not answer"),
        (seen(new="orders"), "fence-login", "no new one"),
        (seen(state=None), "fence-login", "no role orders"),
        (seen(state={**OLD, "own": True}), "fence-denied", "logs in as orders"),
        (seen(state={**OLD, "missing_rights": ["ALTER ROLE dba CREATEROLE"]}), "fence-denied", "ALTER ROLE dba"),
        (seen(state=SHUT), "fence-login", "no run on record"),
        (seen(state={**OLD, "elsewhere": ["billing"]}), "fence-shared", "billing"),
        (seen(trial={"refusal": "wrong password."}), "fence-login", "orders_2 cannot be used: wrong password."),
        (seen(trial={"identity": IDENTITY, "missing": ["GRANT orders TO orders_2"]}), "fence-login", "GRANT orders"),
        (seen(trial={"identity": {**IDENTITY, "schema": "other"}, "missing": []}), "fence-login", "schema is other"),
    ],
)
def test_what_speaks_against_it_is_refused_with_what_to_do(fence, code, words):
    made = plan(fence)
    assert codes(made) == [code] and words in made["refusals"][0]["msg"]
    assert made["fence"] is None


def test_several_reasons_come_together():
    wrong = seen(state={**OLD, "missing_rights": ["A"], "elsewhere": ["billing"]}, trial={"refusal": "no."})
    assert codes(plan(wrong)) == ["fence-denied", "fence-shared", "fence-login"]


def test_nodes_with_two_logins_or_an_unknown_one_are_refused():
    differing = nodes()
    differing[2]["look"]["config"]["login"] = "orders_old"
    assert codes(plan(seen(), differing)) == ["config-nodes-disagree"]
    assert codes(plan(seen(old=None, state=None), nodes(login=None))) == ["config-secret-encrypted"]


def test_a_login_that_another_service_on_the_server_has_as_well_is_refused():
    other = node(4, "billing", look=copy.deepcopy(nodes()[0]["look"]))
    other["look"]["config"]["namespace"] = "billing"
    stores = {
        "orders": {**store(), "fence": seen()},
        "billing": store(identity={**IDENTITY, "database_oid": 2, "database": "billing"}),
    }
    made = plan_fleet([*nodes(), other], stores, TIMELOCK, settings())["services"]["orders"]
    assert codes(made) == ["fence-shared"] and "billing" in made["refusals"][0]["found"]
    stores["billing"]["identity"]["system_identifier"] = "another server"
    assert codes(plan_fleet([*nodes(), other], stores, TIMELOCK, settings())["services"]["orders"]) == []


def test_a_login_that_another_service_on_the_cluster_has_as_well_is_refused():
    services = {"orders": nodes(), "billing": nodes()}
    orders, billing = {"host_ids": ["a", "b"]}, {"host_ids": ["a", "b"]}
    stores = {"orders": {"identity": orders, "fence": seen()}, "billing": {"identity": billing}}
    refusals = shared(services, stores)
    assert {name: one.code for name, one in refusals.items()} == {"orders": "fence-shared"}
    billing["host_ids"] = ["c"]
    assert shared(services, stores) == {}


def test_the_plan_says_which_sessions_of_no_node_will_be_ended():
    stranger = {"user": "orders", "application": "psql", "address": "10.0.0.66", "port": 1}
    made = plan(seen(), its_store=store(sessions=[*store()["sessions"], stranger]))
    assert made["refusals"] == []
    assert any("1 of orders (psql) from 10.0.0.66" in note for note in made["notes"])


def test_an_unfinished_run_goes_on_with_its_own_fence_and_no_other():
    unfinished = store(record=record(fence=FENCE))
    held = nodes("held")
    made = plan(seen(state=SHUT), held, unfinished)
    assert (made["todo"], made["fence"]) == ("migrate", FENCE)
    assert codes(plan(seen(new="orders_3", state=SHUT), held, unfinished)) == ["fence-changed"]
    assert codes(plan(seen(new=None, trial=None, state=SHUT), held, unfinished)) == ["fence-changed"]
    # Nothing was shut out yet: it may be given up. Not where the run was killed midway.
    assert codes(plan(seen(new=None, trial=None), held, unfinished)) == []
    unseen = seen(new=None, trial=None, state=None, refusal=NO_FENCE)
    assert codes(plan(unseen, held, unfinished)) == []
    taken = store(record=record(fence=FENCE, taken={"orders": {"roles": [], "rights": {"data": ["SELECT"]}}}))
    assert codes(plan(unseen, held, taken)) == ["fence-changed"]
    midway = {**OLD, "enabled": False}
    assert codes(plan(seen(new=None, trial=None, state=midway), held, unfinished)) == ["fence-changed"]
    assert codes(plan(seen(state=midway), held, unfinished)) == []


def test_nodes_that_somebody_has_given_their_old_configuration_again_are_known_to_be_shut_out_by_the_handover():
    done = invalidated(record=record(fence=FENCE, unfinished=False, holder=None))
    assert codes(plan(seen(state=SHUT), its_store=done)) == []
    made = plan(seen(new=None, trial=None, state=SHUT), its_store=done)
    assert codes(made) == ["fence-changed"] and "orders_2" in made["refusals"][0]["found"]
    # Whoever has shut out another login of theirs since: that is none of this run's business.
    other = seen(new=None, trial=None, old="third", state=SHUT)
    assert codes(plan(other, nodes(login="third"), done)) == []


def test_a_node_that_is_on_timelock_with_the_login_is_not_shut_out():
    made = plan(seen(), [*nodes("timelock")[:1], *nodes("held")[1:]], invalidated(record=record()))
    assert codes(made) == ["fence-changed"] and "orders-1" in made["refusals"][0]["found"]


def test_a_fence_that_is_down_after_the_handover_is_noted():
    done = invalidated(record=record(fence=FENCE, unfinished=False, holder=None))
    made = plan(seen(new=None, trial=None), nodes("timelock", "orders_2"), done)
    assert (made["todo"], made["fence"]) == ("nothing", None)
    assert any("orders, which the handover shut out, may log in again" in note for note in made["notes"])
    assert plan(seen(new=None, trial=None, state=SHUT), nodes("timelock", "orders_2"), done)["notes"] == []
    unseen = seen(new=None, trial=None, state=None, refusal=NO_FENCE)
    made = plan(unseen, nodes("timelock", "orders_2"), done)
    assert (made["todo"], made["refusals"]) == ("nothing", [])
    assert any("still shut out is not seen: The servers have no authorizer." in note for note in made["notes"])


def test_the_way_back_lets_in_whom_the_handover_shut_out_and_wants_the_option_for_it():
    done = invalidated(record=record(fence=FENCE, unfinished=False, holder=None))
    members = nodes("timelock", "orders_2")
    for one in members:
        one["look"]["config"]["former"] = True
    made = plan(seen(state=SHUT), members, done, direction="reverse")
    assert (made["todo"], made["fence"]) == ("reverse", FENCE)
    assert "fence-changed" in codes(plan(seen(new=None, state=SHUT), members, done, direction="reverse"))
    powerless = seen(state={**SHUT, "missing_rights": ["A"]})
    assert "fence-denied" in codes(plan(powerless, members, done, direction="reverse"))
    unseen = seen(state=None, refusal=Refusal("fence-denied", "What orders may do is not shown."))
    assert "fence-denied" in codes(plan(unseen, members, done, direction="reverse"))


def test_the_login_to_shut_out_is_that_of_the_nodes_unless_a_run_is_unfinished_or_all_are_on_timelock():
    there = {"fence": {"old": "first", "new": "x"}, "unfinished": False}
    assert old_login(nodes(), None) == "orders"
    assert old_login(nodes(), there) == "orders"
    assert old_login(nodes(), {**there, "unfinished": True}) == "first"
    assert old_login(nodes("timelock", "x"), there) == "first"


def test_a_plan_that_was_kept_with_another_fence_is_stale():
    kept = plan_fleet(nodes(), {"orders": {**store(), "fence": seen()}}, TIMELOCK, settings())
    assert codes(plan(seen(), kept=kept)) == []
    assert codes(plan(None, kept=kept)) == ["plan-stale"]
