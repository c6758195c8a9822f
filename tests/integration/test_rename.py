# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rename_namespace.yml as a user runs it, under load: a service on TimeLock gets another namespace there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cassandra_here import only_wide
from fleet import CASSANDRA, RENAME_STEPS, STORES, Fleet, fleet, lab
from kills import kill_around_giving_up, kill_at, moments_of
from lab import by_hand
from lab.checker import judge
from lab.journal import read_folder
from lab.lab import Lab
from lab.service import Service

__all__ = ["lab"]

MAY_DIFFER = "enableNonstandardAndPossiblyErrorProneTopologyAllowDifferentKvsAndTimelockNamespaces"


def _rename(services: Fleet, name: str):
    return services.play("rename_namespace.yml", "-e", f"timelock_rename_to={name}")


def _assert_renamed(services: Fleet, name: str) -> None:
    """And no timestamp went back, whichever namespace it is from: they are all of one store."""
    services.assert_migrated()
    _assert_clean_across_namespaces(services)
    for node in services.nodes:
        block = yaml.safe_load(node.config_path.read_text())["atlasdb"]
        assert block["namespace"] == name


def _assert_clean_across_namespaces(services: Fleet) -> None:
    everything = read_folder(services.lab.layout.journal)
    for service in services.services:
        history = [requests for requests in everything if requests.origin.service == service.name]
        report = judge(history)
        assert report.ok and len({requests.origin.namespace for requests in history}) > 1, "\n".join(report.lines())


def _assert_alarm_where_a_file_is_put_back(services: Fleet, new: str, old: str) -> None:
    path = services.nodes[1].config_path
    ours = path.read_text()
    assert new in ours
    path.write_text(ours.replace(new, old))
    status = services.play("status.yml")
    path.write_text(ours)
    assert not status.ok and "config-drifted" in status.output, status.tail


def _let_the_keyspace_differ(services: Fleet) -> None:
    for node in services.nodes:
        text = node.config_path.read_text()
        node.config_path.write_text(text.replace("atlasdb:\n", f"atlasdb:\n  {MAY_DIFFER}: true\n", 1))


@pytest.mark.refuses("rename-not-migrated", "rename-unclear")
@only_wide
@pytest.mark.parametrize("store", STORES)
def test_a_service_gets_another_namespace_and_its_counter_goes_with_it(lab, tmp_path, store):
    """And from there to its embedded timestamps, and forward again."""
    with fleet(lab, tmp_path, 2, stores=(store,)) as services:
        services.set(timelock_quiet_seconds=3)
        if store == CASSANDRA:
            _let_the_keyspace_differ(services)
        services.load(0)
        for name, code in (("shop", "rename-not-migrated"), ("", "rename-unclear")):
            refused = services.refused("-e", f"timelock_rename_to={name}", playbook="rename_namespace.yml")
            assert any(code in reason for reason in refused.reasons), refused.tail
        services.load()
        services.migrate()
        services.assert_migrated()
        (service,) = services.services
        new = f"{service.name}_shop"

        run = _rename(services, new)
        assert run.ok, run.tail
        assert run.verdict[0].startswith(f"{service.name}: renamed, {service.name} -> {new}, TS ")
        report, page = services.report()
        end = report["services"][service.name]["end"]
        assert (report["playbook"], end["outcome"]) == ("rename_namespace.yml", "renamed")
        for said in (f"{int(end['ts']):,}", "1 service renamed", "that the old namespace can", "Its namespace moves"):
            assert said in page, said
        assert "had ever been issued" not in page and "not migrated" not in page
        _assert_renamed(services, new)
        again = _rename(services, new)
        assert again.ok and again.changed == {}, again.tail
        assert services.migrate().changed == {}
        _assert_alarm_where_a_file_is_put_back(services, new, service.name)

        run = services.play("reverse.yml")
        assert run.ok, run.tail
        services.assert_as_before()
        services.migrate()
        services.assert_migrated()
        _assert_clean_across_namespaces(services)


@contextlib.contextmanager
def _migrated(lab: Lab, folder: Path, store: str, **variables: object) -> Iterator[tuple[Fleet, Service]]:
    """A service of two nodes that was migrated, whose keyspace is not named after it."""
    with fleet(lab, folder, 2, stores=(store,)) as services:
        services.set(timelock_quiet_seconds=1, **variables)
        if store == CASSANDRA:
            _let_the_keyspace_differ(services)
        services.migrate()
        yield services, services.services[0]


@pytest.mark.refuses("rename-unfinished")
@only_wide
@pytest.mark.parametrize("store", STORES)
def test_renames_killed_around_each_effect_leave_what_the_next_one_finishes(lab, tmp_path, store):
    """In between nobody migrates, and at the end it gets its old name back."""
    with _migrated(lab, tmp_path, store) as (services, service):
        new = f"{service.name}_shop"
        services.set(timelock_quiet_seconds=1, timelock_rename_to=new)
        for moment in moments_of(RENAME_STEPS):
            kill_at(services, "rename_namespace.yml", moment)
            if moment.startswith("after-fast_forward"):
                # No node runs that would call TimeLock.
                reasons = services.refused(asked=(service.name, new)).reasons
                assert any(": rename-unfinished: " in reason for reason in reasons), reasons
            if moment.startswith("after-restart_first"):
                assert "rename-unfinished" in " ".join(services.play("migrate.yml").reasons)
        run = services.play("rename_namespace.yml")
        assert run.ok, run.tail
        _assert_renamed(services, new)
        assert services.play("rename_namespace.yml").changed == {}
        run = _rename(services, service.name)
        assert run.ok, run.tail
        _assert_renamed(services, service.name)


def _do(services: Fleet, service: Service) -> list[str]:
    """What status says is to be typed."""
    file = services.inventory.with_name("status.json")
    status = services.play("status.yml", "-e", "timelock_fresh=true", "-e", f"timelock_status_file={file}")
    assert status.ok, status.tail
    return json.loads(file.read_text())["services"][service.name]["status"]["do"].split()


@only_wide
@pytest.mark.parametrize("store", STORES)
def test_a_rename_killed_once_a_node_has_written_down_what_the_new_namespace_gives_is_finished(lab, tmp_path, store):
    """The old one stands still, below that."""
    with _migrated(lab, tmp_path, store) as (services, service):
        new = f"{service.name}_shop"
        kill_at(services, "rename_namespace.yml", "begin-restart_others", "-e", f"timelock_rename_to={new}")
        by_hand.fast_forward(lab, new, by_hand.fresh_timestamp(lab, service.name) + 1000)
        by_hand.store(lab, service.name).punch(by_hand.fresh_timestamp(lab, new))
        run = services.play(*_do(services, service))
        assert run.ok, run.tail
        _assert_renamed(services, new)


@only_wide
@pytest.mark.parametrize("store", STORES)
def test_renames_killed_around_each_effect_of_giving_up_leave_what_the_next_one_finishes(lab, tmp_path, store):
    with _migrated(lab, tmp_path, store, timelock_timeout=5) as (services, service):
        new = f"{service.name}_shop"
        kill_around_giving_up(services, "rename_namespace.yml", "-e", f"timelock_rename_to={new}")
        run = _rename(services, new)
        assert run.ok, run.tail
        _assert_renamed(services, new)
        assert _rename(services, new).changed == {}
