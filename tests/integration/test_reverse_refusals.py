# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What reverse.yml refuses: of many services at once before any node is stopped, and a namespace that is in use."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest

from cassandra_here import only_wide
from fleet import INVALIDATED, Fleet, fleet, lab
from lab import by_hand
from lab.service import Service

__all__ = ["lab"]


def a_service_that_never_moved(_services: Fleet, service: Service) -> str:
    return f"The store of {service.name} is active"


def several_nodes_of_a_client_that_elects_no_leader(services: Fleet, service: Service) -> str:
    _moved_by_hand(services, service)
    by_hand.fast_forward(services.lab, service.name, services.store(service)[1])
    return "0.910.0"


def a_timelock_that_lost_the_namespace(services: Fleet, service: Service) -> str:
    _moved_by_hand(services, service)
    return f"no namespace {service.name}"


def a_store_that_was_made_live_by_hand(services: Fleet, service: Service) -> str:
    for node in service.nodes:
        by_hand.switch_to_timelock(services.lab, node)
    return f"The bound of {service.name} is live"


def _moved_by_hand(services: Fleet, service: Service) -> None:
    by_hand.store(services.lab, service.name).invalidate()
    for node in service.nodes:
        by_hand.switch_to_timelock(services.lab, node)


MISTAKES = {
    a_service_that_never_moved: ("reverse-not-migrated", 1),
    several_nodes_of_a_client_that_elects_no_leader: ("reverse-multi-node", 2),
    a_timelock_that_lost_the_namespace: ("reverse-timelock-lost", 1),
    a_store_that_was_made_live_by_hand: ("config-mixed-active", 1),
}


@pytest.fixture(scope="module")
def refused(lab, tmp_path_factory):
    with fleet(lab, tmp_path_factory.mktemp("fleet"), *(nodes for _code, nodes in MISTAKES.values()), rate=2) as found:
        found.load(0)
        found.set(atlasdb_version="0.910.0")
        named = dict(zip(MISTAKES, found.services, strict=True))
        words = {make: make(found, service) for make, service in named.items()}
        names = tuple(service.name for service in found.services)
        yield found.refused(playbook="reverse.yml", asked=names), named, words


@pytest.mark.refuses(*{code for code, _nodes in MISTAKES.values()})
@pytest.mark.parametrize("make", MISTAKES, ids=lambda make: make.__name__)
def test_reverse_refuses(refused, make):
    run, named, words = refused
    start = f"{named[make].name}: {MISTAKES[make][0]}: "
    assert any(reason.startswith(start) and words[make] in reason for reason in run.reasons), run.reasons or run.tail


@contextlib.contextmanager
def _used(services: Fleet, service: Service, every: float) -> Iterator[None]:
    """Somebody takes timestamps of the service's namespace all the time."""
    over = threading.Event()

    def use() -> None:
        while not over.wait(every):
            by_hand.fresh_timestamp(services.lab, service.name)

    somebody = threading.Thread(target=use)
    somebody.start()
    try:
        yield
    finally:
        over.set()
        somebody.join()


@pytest.mark.refuses("timelock-not-quiet")
@only_wide
def test_a_namespace_that_somebody_else_uses_is_noticed_while_its_service_can_go_on_with_timelock(lab, tmp_path):
    with fleet(lab, tmp_path, 2) as services:
        services.migrate()
        services.set(timelock_quiet_seconds=1)
        (service,) = services.services
        before = services.look_at(service)
        with _used(services, service, 0.01):
            run = services.play("reverse.yml")
        assert not run.ok
        assert "timelock-not-quiet" in run.codes, run.tail
        assert services.look_at(service) == before
        services.assert_migrated()
        again = services.play("reverse.yml")
        assert again.ok, again.tail
        services.assert_as_before()


@only_wide
def test_one_that_uses_it_only_now_and_then_is_noticed_before_the_bound_is_live(lab, tmp_path):
    """And nothing is done any more: what has its embedded configuration keeps it, and stays down."""
    configuring, noticing = "begin-reverse_configure", "begin-reverse_restore"
    with fleet(lab, tmp_path, 1) as services, contextlib.ExitStack() as ending:
        services.migrate()
        services.set(timelock_quiet_seconds=1)
        (service,) = services.services
        run = services.begin("reverse.yml", breakpoints=(configuring, noticing))
        ending.callback(run.kill)
        run.wait_at(configuring)
        with _used(services, service, 0.2):
            run.go_on(configuring)
            run.wait_at(noticing)
            before = services.look_at(service)
            run.go_on(noticing)
            run.wait()
        assert not run.ok
        assert "timelock-not-quiet" in run.codes, run.tail
        assert services.look_at(service) == before
        assert services.store(service)[0] == INVALIDATED and services.nodes[0].process() is None
        again = services.play("reverse.yml")
        assert again.ok, again.tail
        services.assert_as_before()
