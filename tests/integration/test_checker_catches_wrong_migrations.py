# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations done wrong on purpose, on a real lab: the checker must name each of them.

The client is one whose own migration does nothing: from before 0.253.2 on a relational store, from before 0.32.0 on
Cassandra. With later clients, each start repeats the fast-forward to the backup, and heals some of what is done wrong
here.
"""

from __future__ import annotations

import time

import pytest

import cassandra_here
from fleet import wait_for
from lab import by_hand, clusters
from lab.lab import Lab, services_named
from lab.layout import POSTGRES

VERSIONS = {POSTGRES: "0.252.0", clusters.DEFAULT: "0.31.0"}
FAST = {"rate": 400, "span": 10_000}
WELL_ABOVE = 500_000


@pytest.fixture(scope="module", params=VERSIONS)
def kind(request):
    """The store of the services."""
    if request.param != POSTGRES:
        cassandra_here.require()
    return request.param


@pytest.fixture(scope="module")
def lab(kind, tmp_path_factory):
    made = Lab.up(tmp_path_factory.mktemp("lab"), [])
    yield made
    made.down()


@pytest.fixture
def pair(lab, kind, request):
    """Two services of three nodes each, under load long enough to be well above a fresh TimeLock namespace."""
    suffix = request.node.originalname.removeprefix("test_")[:20].strip("_")
    names = [f"orders_{suffix}", f"users_{suffix}"]
    lab.add(services_named(names, 3, ["sls", "command"], VERSIONS[kind], stores=[kind]))
    services = [lab.services[name] for name in names]
    for service in services:
        service.load(100, 10)
    time.sleep(0.7)
    yield services
    for service in services:
        service.stop()


def stop(lab, service):
    """Stop all nodes; the bound that the store then holds."""
    service.stop()
    return by_hand.bound(lab, service.name)


def switch_and_start(lab, service, nodes=None):
    for node in nodes or service.nodes:
        by_hand.switch_to_timelock(lab, node)
        node.start()
    for node in nodes or service.nodes:
        node.wait_healthy()


def report_of(lab, service):
    return next(report for report in lab.check() if report.service == service.name)


def take_more_than(lab, service, number):
    """Load until timestamps well above this number were taken, and not only allocated."""
    service.load(**FAST)
    enough = number + WELL_ABOVE
    wait_for(lambda: report_of(lab, service).largest_before > enough, f"{service.name} takes no {enough}", 60)
    service.load(100, 10)


def verdict(lab, service):
    """The checker's report after some load."""
    time.sleep(0.7)
    service.load(0, 1)
    return report_of(lab, service)


def assert_regression_is_named(report, old="leader", new="timelock"):
    assert report.regressions > 0
    violation = next(violation for violation in report.violations if violation.kind == "regression")
    assert violation.service == report.service
    assert (violation.first.origin.mode, violation.second.origin.mode) == (old, new)
    assert violation.first.end < violation.second.start
    assert violation.second.lower <= violation.first.upper
    assert violation.second.origin.node.startswith(report.service)
    assert f"process {violation.second.origin.pid}" in str(violation)


def test_right(lab, pair):
    """The control of the controls: every step done, and nothing is found."""
    service = pair[0]
    bound = stop(lab, service)
    by_hand.fast_forward(lab, service.name, bound)
    by_hand.store(lab, service.name).invalidate()
    switch_and_start(lab, service)
    report = verdict(lab, service)
    assert report.ok, report.lines()
    assert report.largest_before <= bound < report.first_after


def test_skipped_fast_forward(lab, pair):
    service = pair[0]
    stop(lab, service)
    by_hand.store(lab, service.name).invalidate()
    switch_and_start(lab, service)
    assert_regression_is_named(verdict(lab, service))


def test_one_node_left_running(lab, pair):
    """Its leader goes on in its block, below what the others get from TimeLock."""
    service = pair[0]
    left = service.leader()
    others = [node for node in service.nodes if node is not left]
    for node in others:
        node.stop()
    bound = by_hand.bound(lab, service.name)
    by_hand.fast_forward(lab, service.name, bound)
    by_hand.store(lab, service.name).invalidate()
    switch_and_start(lab, service, others)
    report = verdict(lab, service)
    assert_regression_is_named(report, old="timelock", new="leader")
    assert all(
        violation.second.origin.node == left.name for violation in report.violations if violation.kind == "regression"
    )


def test_stale_backup(lab, pair):
    """TS comes from a backup of the store that was taken before the load went on."""
    service = pair[0]
    stale = by_hand.bound(lab, service.name)
    take_more_than(lab, service, stale)
    stop(lab, service)
    by_hand.fast_forward(lab, service.name, stale)
    by_hand.store(lab, service.name).invalidate()
    switch_and_start(lab, service)
    assert_regression_is_named(verdict(lab, service))


def test_too_small_ts(lab, pair):
    """TS is a timestamp that was fresh while nodes still ran."""
    service = pair[0]
    fresh = service.nodes[0].fresh()
    time.sleep(0.5)
    stop(lab, service)
    by_hand.fast_forward(lab, service.name, fresh)
    by_hand.store(lab, service.name).invalidate()
    switch_and_start(lab, service)
    report = verdict(lab, service)
    assert_regression_is_named(report)
    assert report.duplicates > 0, "it gives again what was given after that"


def test_two_services_swapped(lab, pair):
    """Each namespace is fast-forwarded to the other service's TS; the one with the higher bound goes back."""
    orders, users = pair
    bound_of_users = stop(lab, users)
    take_more_than(lab, orders, bound_of_users)
    bound_of_orders = stop(lab, orders)
    by_hand.fast_forward(lab, orders.name, bound_of_users)
    by_hand.fast_forward(lab, users.name, bound_of_orders)
    for service in pair:
        by_hand.store(lab, service.name).invalidate()
        switch_and_start(lab, service)
    assert_regression_is_named(verdict(lab, orders))
    assert verdict(lab, users).ok


def test_bound_put_back(lab, pair):
    """A node that was left running revives when its very bound is put back, and issues what the others issue."""
    service = pair[0]
    left = service.leader()
    service.load(0, 1)
    bound = by_hand.bound(lab, service.name)
    by_hand.fast_forward(lab, service.name, bound)
    by_hand.store(lab, service.name).invalidate()
    others = [node for node in service.nodes if node is not left]
    for node in others:
        node.stop()
    switch_and_start(lab, service, others)
    with pytest.raises(RuntimeError, match="Could not allocate more timestamps"):
        for _ignored in range(250):
            left.fresh_range(10_000)
    by_hand.store(lab, service.name).put_back()
    for _ignored in range(5):
        left.fresh_range(10_000)
    service.load(100, 10)
    report = verdict(lab, service)
    assert report.duplicates > 0 or report.regressions > 0
    assert {violation.second.origin.mode for violation in report.violations} | {
        violation.first.origin.mode for violation in report.violations
    } == {"leader", "timelock"}
