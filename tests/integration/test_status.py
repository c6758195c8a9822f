# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""status.yml on services that no run of the collection has ever touched, on every store: migrated long ago by their own
client, or by hand, and one that is not.
"""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest

from fleet import STORES, Fleet, fleet, lab
from lab import by_hand
from lab.service import Service

__all__ = ["lab"]

WAYS = ("by its own client", "by hand")


def _stop_and_switch(services: Fleet, service: Service) -> None:
    for node in service.nodes:
        node.stop()
        by_hand.switch_to_timelock(services.lab, node)


def _migrate(services: Fleet, service: Service, way: str) -> None:
    _stop_and_switch(services, service)
    if way == "by hand":
        store = by_hand.store(services.lab, service.name)
        by_hand.fast_forward(services.lab, service.name, store.bound())
        store.invalidate()
    service.start()
    service.wait_healthy()


def _await_rest(services: Fleet, service: Service) -> None:
    """A node that serves from its own block may move its bound at any time."""
    service.load(0, 1)
    service.stop()


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    """A service for each store and way, one that is embedded, and one of two nodes that is to become half migrated."""
    stores = [store for store in STORES for _way in WAYS]
    folder = tmp_path_factory.mktemp("fleet")
    with fleet(lab, folder, *[1] * len(stores), 1, 2, stores=(*stores, *STORES[:1] * 2), rate=3) as services:
        *migrated, embedded, half = services.services
        for service, way in zip(migrated, [*WAYS] * len(STORES), strict=True):
            _migrate(services, service, way)
        services.await_more_timestamps(5)
        services.load(0)
        for service in (embedded, half):
            _await_rest(services, service)
        told = SimpleNamespace(fleet=services, migrated=migrated, embedded=embedded, half=half)
        told.before = services.look()
        told.status = services.play("status.yml")
        told.after = services.look()
        told.file = folder / "status.json"
        settings = ("-e", "timelock_fresh=true", "-e", f"timelock_status_file={told.file}")
        told.check = services.play("status.yml", *settings, "--check")
        told.after_check = services.look()
        told.fresh = services.play("status.yml", *settings)
        told.after_fresh = services.look()
        for service in (embedded, half):
            service.start()
            service.wait_healthy()
        services.load()
        names = ",".join(node.name for service in migrated for node in service.nodes)
        told.migrate = services.play("migrate.yml", "--limit", names)
        yield told


def _rows(run) -> dict[str, dict[str, str]]:
    """The table: for each service its cells, by their heads."""
    heads, *lines = run.said("Show where every service is")
    starts = [found.start() for found in re.finditer(r"(?<!\S)\S+( \S+)*", heads)]
    ends = [*starts[1:], None]
    names = [heads[start:end].strip() for start, end in zip(starts, ends, strict=True)]
    cells = [[line[start:end].strip() for start, end in zip(starts, ends, strict=True)] for line in lines]
    return {row[0]: dict(zip(names, row, strict=True)) for row in cells if ":" not in row[0]}


def _ours(look: dict) -> list[str]:
    """The calls for a namespace that none of the services makes: they ask for timestamps otherwise."""
    return [target for target in look["namespaced calls"] if target.endswith("/timestamp/fresh-timestamp")]


def _without_calls(look: dict) -> dict:
    return {key: value for key, value in look.items() if key != "namespaced calls"}


def test_status_changes_not_one_byte_and_calls_timelock_for_no_namespace(story):
    assert story.status.ok, story.status.tail
    for after in (story.after, story.after_check):
        assert _without_calls(after) == _without_calls(story.before)
        assert _ours(after) == _ours(story.before) == []


def test_a_service_that_was_migrated_without_this_collection_is_migrated(story):
    for service in story.migrated:
        row = _rows(story.status)[service.name]
        assert row["STATE"] == "migrated" and row["CONFIGURATION"] == "1 timelock" and row["DO"] == "nothing"
        assert row["STORE"] == f"invalidated {story.fleet.store(service)[1]}"
        assert row["LAST RUN"] == "none: its own migration, or by hand"


def test_what_only_a_fresh_timestamp_tells_is_not_checked_without_it(story):
    for run in (story.status, story.check):
        rows = [_rows(run)[service.name] for service in story.migrated]
        assert {(row["TIMELOCK"], row["AGREE"]) for row in rows} == {("not checked", "yes, TimeLock not checked")}


def test_a_fresh_timestamp_is_taken_of_namespaces_that_are_there_and_of_no_other(story):
    assert story.fresh.ok, story.fresh.tail
    # A server that does not lead is asked as well.
    asked = {target.split("/")[1] for target in _ours(story.after_fresh)}
    assert asked == {service.name for service in story.migrated}
    for service in story.migrated:
        row = _rows(story.fresh)[service.name]
        assert (row["AGREE"], row["UP"]) == ("yes", "1/1")
        assert int(row["TIMELOCK"]) > story.fleet.store(service)[1]
    assert _rows(story.fresh)[story.embedded.name]["TIMELOCK"] == "no namespace"


def test_the_file_says_what_the_table_says(story):
    told = json.loads(story.file.read_text())
    assert told["kind"] == "status"
    for service in story.migrated:
        found = told["services"][service.name]
        assert found["status"]["state"] == "migrated"
        assert int(found["fresh_timestamp"]) > int(found["backup"])
        assert found["status"]["timelock"] == found["fresh_timestamp"]
    assert told["services"][story.embedded.name]["status"]["up"] == "0/1"
    assert story.fresh.changed == {}


def test_migrate_changes_nothing_about_it(story):
    assert story.migrate.ok, story.migrate.tail
    assert story.migrate.changed == {}
    for service in story.migrated:
        assert any(line.startswith(f"{service.name}: migrated, before this run") for line in story.migrate.verdict)


def test_no_timestamp_went_back(story):
    story.fleet.await_more_timestamps(5)
    story.fleet.assert_clean()


@pytest.mark.refuses("node-on-old-service")
def test_an_old_node_that_runs_on_an_invalidated_store_is_an_alarm(story):
    """It gives out the rest of its block while TimeLock could give out larger ones to others."""
    by_hand.fast_forward(story.fleet.lab, story.embedded.name, by_hand.bound(story.fleet.lab, story.embedded.name))
    by_hand.store(story.fleet.lab, story.embedded.name).invalidate()
    story.fleet.load(0)
    before = story.fleet.look()
    run = story.fleet.play("status.yml", "--limit", story.embedded.nodes[0].name)
    assert not run.ok
    assert _without_calls(story.fleet.look()) == _without_calls(before)
    said = f"{story.embedded.name}: node-on-old-service: {story.embedded.nodes[0].name} runs with its old configuration"
    assert any(line.startswith(said) for line in run.said()), run.tail


@pytest.mark.refuses("node-on-old-service")
def test_a_node_that_nobody_restarted_when_its_service_was_migrated_by_hand_is_an_alarm_until_it_is(story):
    services, service = story.fleet, story.half
    restarted, forgotten = service.nodes
    by_hand.fast_forward(services.lab, service.name, by_hand.bound(services.lab, service.name))
    by_hand.store(services.lab, service.name).invalidate()
    restarted.stop()
    for node in service.nodes:
        by_hand.switch_to_timelock(services.lab, node)
    restarted.start()
    restarted.wait_healthy()
    services.load(0)
    before = services.look()
    names = ",".join(node.name for node in service.nodes)
    said = f"{forgotten.name} started before its file for TimeLock came there, and has no connection to it."
    status, migrate = services.play("status.yml", "--limit", names), services.play("migrate.yml", "--limit", names)
    assert _without_calls(services.look()) == _without_calls(before)
    assert not status.ok and not migrate.ok
    assert _rows(status)[service.name]["DO"] == "see node-on-old-service"
    (line,) = [line for line in status.said() if "node-on-old-service: " in line]
    assert said in line and restarted.name not in line
    assert said in migrate.tail
    forgotten.stop()
    forgotten.start()
    service.wait_healthy()
    after = services.play("status.yml", "--limit", names)
    assert after.ok, after.tail
    assert _rows(after)[service.name]["STATE"] == "migrated"
