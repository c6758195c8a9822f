# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where an action's operation runs."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from ansible_collections.atlasdb.timelock.plugins.action.fleet_plan import ActionModule as FleetPlan
from ansible_collections.atlasdb.timelock.plugins.action.handover_check import ActionModule as HandoverCheck
from ansible_collections.atlasdb.timelock.plugins.action.timestamp_info import ActionModule as TimestampInfo
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import boot_id
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.operation_action import OperationAction

ON_DELEGATE = {"changed": False, "ran": "on the delegate"}
HERE = {"changed": False, "ran": "here"}


class Anything(OperationAction):
    """An action whose operation has no options."""

    operation = staticmethod(lambda _params, _check_mode: dict(HERE))


def perform(action_class, transport, become, arguments, delegate_to=None, task_become=False, answer=None):
    """What the action returns for a task on such a connection, where modules give that answer, or ON_DELEGATE."""
    action = action_class.__new__(action_class)
    action._connection = SimpleNamespace(transport=transport)
    action._play_context = SimpleNamespace(become=become)
    action._task = SimpleNamespace(args=arguments, check_mode=False, delegate_to=delegate_to, become=task_become)
    action._execute_module = lambda **_ignored: dict(answer or ON_DELEGATE)
    action._load_name = "action"
    return action.perform({})


@pytest.mark.parametrize(("transport", "become"), [("ssh", False), ("local", True)])
def test_another_host_or_user_gets_the_module(transport, become):
    assert perform(TimestampInfo, transport, become, {}) == ON_DELEGATE


def test_a_delegated_task_is_another_users_by_its_own_word_and_not_by_the_inventorys():
    assert perform(Anything, "local", True, {}, delegate_to="localhost") == HERE
    assert perform(Anything, "local", True, {}, delegate_to="localhost", task_become=True) == ON_DELEGATE
    assert perform(Anything, "ssh", True, {}, delegate_to="other") == ON_DELEGATE


@pytest.mark.parametrize(("transport", "become"), [("ssh", False), ("local", True), ("local", False)])
def test_a_judgement_runs_on_the_controller_wherever_the_task_points(transport, become):
    before = time.time()
    result = perform(HandoverCheck, transport, become, {"that": "nodes"})
    assert before <= result.pop("at") <= time.time(), "by the controller's clock"
    assert result == {"changed": False, "proofs": []}


@pytest.mark.parametrize("said", ["false", "no", "yes", "True"])
def test_a_module_that_is_told_yes_or_no_in_place_of_a_reason_does_nothing(said):
    result = perform(HandoverCheck, "local", False, {"that": "nodes", "accept_unproven": said})
    assert (result["failed"], result["code"]) == (True, "reason-missing")
    assert f"accept_unproven is {said}, which is no reason." in result["msg"]


@pytest.mark.parametrize(("where", "refused"), [(boot_id(), []), ("another", ["delegate-elsewhere"]), ("", None)])
def test_a_plan_that_was_made_on_another_machine_is_refused(where, refused):
    made = {"services": {}, "refused": False, "reasons": ["one"], "refusals": [{"code": "one"}], "boot_id": where}
    result = perform(FleetPlan, "ssh", False, {}, delegate_to="db-1", answer=made)
    codes = ["delegate-elsewhere"] if refused is None else refused
    assert [refusal["code"] for refusal in result["refusals"]] == [*codes, "one"]
    assert (result["refused"], len(result["reasons"])) == (bool(codes), len(codes) + 1)
    if codes:
        assert result["reasons"][0].startswith("delegate-elsewhere: timelock_delegate is db-1, another machine")


def test_a_plan_that_could_not_be_made_there_is_what_it_is():
    failed = {"failed": True, "code": "controller-requirements"}
    assert perform(FleetPlan, "ssh", False, {}, answer=failed) == failed


def test_a_refusal_is_a_failed_result_with_its_code():
    result = perform(HandoverCheck, "local", False, {"that": "nodes", "nodes": ["a"], "results": []})
    assert (result["failed"], result["code"]) == (True, "node-lost")
