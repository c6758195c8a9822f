# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report says that was not checked."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.report.history import history
from ansible_collections.atlasdb.timelock.plugins.module_utils.report.unchecked import unchecked
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.report import runs

SERVERS = ["https://tl-1:8421"]
KNOWN = {"server_version": "0.905.0", "validate_certs": True}


def found(lines=None, plan=None, servers=None, **more):
    service = {**runs.plan()["services"]["orders"], **(plan or {})}
    settings = {**KNOWN, **{key: more.pop(key) for key in list(more) if key in KNOWN}}
    end = {**runs.end(**more), **history(runs.lines() if lines is None else lines, "orders")}
    return unchecked(service, end, SERVERS if servers is None else servers, settings)


def without(key):
    return [
        {**line, "proofs": [{k: v for k, v in proof.items() if k != key} for proof in line.get("proofs", [])]}
        for line in runs.lines()
    ]


def test_of_a_run_that_could_see_everything_nothing_is_said():
    assert found() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"server_version": None}, "TimeLock's version"),
        ({"validate_certs": False}, "timelock_validate_certs is off"),
        ({"servers": ["http://tl-1:8421"]}, "they are asked by http"),
        ({"plan": {"trust": "off"}}, "Who the key-value service is: validate_certs of its connection is off"),
        ({"plan": {"trust": "none"}}, "Who the key-value service is: no certificate of it was asked for"),
        ({"plan": {"view": {"kind": "nodes", "unseen": []}}}, "runs on a host that is no node's"),
        (
            {"plan": {"view": {"kind": "hosts", "unseen": ["cassandra-2 was not looked at."]}}},
            "cassandra-2 was not looked",
        ),
        ({"lines": without("health")}, "orders-1, orders-2, orders-3 are healthy: atlasdb_health_url is not set"),
        ({"lines": without("listening")}, "listen: atlasdb_service_ports is not set"),
        ({"lines": [{**line, "corroboration": []} for line in runs.lines()]}, "the store holds no second number"),
    ],
)
def test_what_a_run_could_not_look_at_is_said(options, words):
    assert [sentence for sentence in found(**options) if words in sentence]


def test_a_run_that_failed_says_which_steps_it_did_not_reach():
    failure = {"step": "stop", "code": "node-still-running", "msg": "It runs."}
    (sentence,) = found(lines=runs.lines()[:9], failure=failure, outcome="failed")
    assert "3/9 Read TS" in sentence and "9/9 Report" in sentence and "2/9" not in sentence


def test_of_a_service_that_was_not_touched_nothing_is_said():
    assert found(lines=[]) == []
