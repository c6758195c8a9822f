# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations that somebody did by hand, half or whole: what status.yml says, and what repair.yml makes of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations import timelock_fast_forward

from cassandra_here import only_wide, require
from fleet import CASSANDRA, POSTGRES, STEPS, Fleet, fleet, lab
from kills import kill_at, moments_of
from lab import by_hand
from lab.service import Service
from module_calls import call

__all__ = ["lab"]

pytestmark = only_wide

ACCEPTED = ("-e", '{"timelock_accept_unproven": "I have looked on every host"}')


def whole(services: Fleet, service: Service) -> None:
    """As AtlasDB's document says, to the letter; the nodes do not start."""
    service.stop()
    store = by_hand.store(services.lab, service.name)
    by_hand.fast_forward(services.lab, service.name, store.bound())
    store.invalidate_as_documented()
    for node in service.nodes:
        by_hand.switch_to_timelock(services.lab, node)
    service.start()


def half(services: Fleet, service: Service) -> None:
    """Until after the invalidation; nobody told TimeLock."""
    service.stop()
    by_hand.store(services.lab, service.name).invalidate_as_documented()


def rest(services: Fleet, service: Service) -> None:
    """The same where the backup stands where it should."""
    service.stop()
    by_hand.store(services.lab, service.name).invalidate()


def begun(services: Fleet, service: Service) -> None:
    """The backup alone, while the service runs."""
    by_hand.store(services.lab, service.name).write_manual_backup()


def untouched(_services: Fleet, _service: Service) -> None:
    """Nobody did anything."""


BY_HAND = {whole: CASSANDRA, half: CASSANDRA, rest: POSTGRES, begun: CASSANDRA, untouched: POSTGRES}
REPAIRED = (whole, half, rest)
DONE_BY_HAND = {whole: "after-fast_forward-", half: "nothing", rest: "after-invalidate-"}
"""Of which effect nothing is left to do, so that no moment follows it."""


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    require()
    folder = tmp_path_factory.mktemp("fleet")
    with fleet(lab, folder, *[1] * len(BY_HAND), stores=tuple(BY_HAND.values()), rate=3) as services:
        services.set(timelock_waves=[len(BY_HAND)])
        named = dict(zip(BY_HAND, services.services, strict=True))
        for make, service in named.items():
            make(services, service)
        told = SimpleNamespace(fleet=services, named=named)
        told.status = services.play("status.yml")
        told.unproven = services.play("repair.yml")
        told.refused, told.refused_page = services.report()
        told.repair = services.play("repair.yml", *ACCEPTED)
        told.report, told.page = services.report()
        told.again = services.play("repair.yml", *ACCEPTED)
        yield told


def _said(run, service: Service) -> list[str]:
    return [line for line in run.said() if line.startswith(service.name)]


@pytest.mark.parametrize("make", REPAIRED, ids=lambda make: make.__name__)
def test_status_knows_what_was_done_by_hand_and_says_what_to_type(story, make):
    row, *others = _said(story.status, story.named[make])
    assert " by hand " in row and row.endswith("repair.yml")
    word = "invalidated by hand" if make is rest else "migrated by hand, as AtlasDB's document says"
    assert any(f"note: {word}" in line for line in others), others


def test_what_was_begun_by_hand_and_changed_nothing_is_named_and_no_hindrance(story):
    row, *others = _said(story.status, story.named[begun])
    assert " embedded " in row
    assert any("note: a migration by hand was begun" in line for line in others), others


def test_a_service_that_nobody_can_start_is_no_alarm(story):
    assert story.status.ok, story.status.tail


def test_nodes_that_no_probe_has_seen_are_not_taken_for_gone_without_a_word(story):
    assert not story.unproven.ok
    assert story.unproven.begun() == []
    codes = {reason.split(": ")[0]: reason.split(": ")[1] for reason in story.unproven.reasons}
    assert codes == {story.named[make].name: "proof-missing" for make in REPAIRED}


def test_it_is_repaired_and_serves_on_timelock(story):
    assert story.repair.ok, story.repair.tail
    services = [story.named[make] for make in REPAIRED]
    for service in services:
        assert [node.mode() for node in service.nodes] == ["timelock"]
        state, number = story.fleet.store(service)
        assert state == "invalidated"
        assert by_hand.fresh_timestamp(story.fleet.lab, service.name) > number


def test_its_report_says_what_it_repaired_and_that_of_a_refusal_what_it_refused(story):
    assert (story.refused["playbook"], story.refused["refused"]) == ("repair.yml", True)
    assert "0 of 5 services migrated" in story.refused_page and "proof-missing" in story.refused_page
    assert (story.report["playbook"], story.report["refused"]) == ("repair.yml", False)
    assert "3 of 5 services migrated" in story.page and story.page.count("Its namespace moves") == len(REPAIRED)
    ends = [story.report["services"][story.named[make].name]["end"]["outcome"] for make in (begun, untouched)]
    assert ends == ["left alone"] * 2


def test_the_backup_is_where_a_client_looks_for_it(story):
    for make in (whole, half):
        cells = by_hand.store(story.fleet.lab, story.named[make].name).cells()
        assert cells[b"ts"] == b"\x00" and cells[b"oldTs"] == cells[b"tr"]


def test_services_of_which_there_is_nothing_to_repair_are_left_alone(story):
    for make in (begun, untouched):
        service = story.named[make]
        assert f"{service.name}: left alone" in story.repair.verdict
        assert [node.mode() for node in service.nodes] == ["embedded"]
        assert story.fleet.store(service)[0] == "active"


def test_a_second_repair_changes_nothing(story):
    assert story.again.ok, story.again.tail
    assert story.again.changed == {}


def test_no_timestamp_went_back_and_the_others_migrate_as_ever(story):
    story.fleet.migrate()
    story.fleet.assert_migrated()


@pytest.mark.parametrize("make", [whole, half, rest], ids=lambda make: make.__name__)
def test_repairs_killed_around_each_effect_one_after_the_other_leave_what_the_next_one_finishes(lab, tmp_path, make):
    require()
    with fleet(lab, tmp_path, 2, stores=(BY_HAND[make],)) as services:
        (service,) = services.services
        make(services, service)
        left = [moment for moment in moments_of(STEPS) if not moment.startswith(DONE_BY_HAND[make])]
        for moment in left:
            kill_at(services, "repair.yml", moment, *ACCEPTED)
            if moment.startswith("after-report"):
                continue  # it had ended
            line = _said(services.play("status.yml"), service)[0]
            assert "repair.yml" in line or "migrate.yml" in line, line
        run = services.play("repair.yml", *ACCEPTED)
        assert run.ok, run.tail
        services.assert_migrated()
        assert services.play("repair.yml", *ACCEPTED).changed == {}


def _status(services: Fleet, service: Service) -> str:
    return _said(services.play("status.yml", "-e", "timelock_fresh=true"), service)[0]


def test_a_service_that_was_taken_back_and_then_invalidated_by_hand_is_repaired(lab, tmp_path):
    """TimeLock has its namespace, below the bound that it was given back."""
    with fleet(lab, tmp_path, 1) as services:
        (service,) = services.services
        services.set(timelock_quiet_seconds=1)
        services.migrate()
        assert services.play("reverse.yml").ok
        services.await_more_timestamps()
        rest(services, service)
        line = _status(services, service)
        assert " by hand " in line and line.endswith("repair.yml")
        run = services.play("repair.yml", *ACCEPTED)
        assert run.ok, run.tail
        services.assert_migrated()


def test_a_service_configured_by_hand_for_a_timelock_that_nobody_forwarded_starts_once_somebody_has(lab, tmp_path):
    """Nobody can tell it from one whose TimeLock has lost everything: the runbook says what to do by hand."""
    with fleet(lab, tmp_path, 1) as services:
        (service,) = services.services
        rest(services, service)
        for node in service.nodes:
            by_hand.switch_to_timelock(lab, node)
        assert "see timelock-behind-backup" in _status(services, service)
        forwarded = call(
            timelock_fast_forward, servers=lab.settings.timelock_urls, namespace=service.name,
            timestamp=str(services.store(service)[1]), validate_certs=False,
        )  # fmt: skip
        assert forwarded.get("changed"), forwarded
        assert " migrated " in _status(services, service)
        service.start()
        service.wait_healthy()
        services.assert_migrated()
