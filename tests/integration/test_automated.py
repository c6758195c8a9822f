# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""timelock_migration: automated. The client invalidates its store itself, and nothing of that is taken on trust."""

from __future__ import annotations

import time

import pytest

from cassandra_here import only_wide
from fleet import ACTIVE, AUTOMATED_STEPS, INVALIDATED, POSTGRES, STORES, Fleet, fleet, lab
from kills import kill_at, moments_of
from lab import by_hand
from lab.callback.breakpoints import moment_of
from lab.service import Service

__all__ = ["lab"]

NO_MIGRATION = "0.250.0"
"""A client on PostgreSQL that says so in its log, and leaves the store as it is."""

WINDOW_SECONDS = 20
"""Longer than it takes until TS is read."""


def _automate(services: Fleet, **more: object) -> None:
    """With the log of each node, which all have at one place in their own folder."""

    def change(everything: dict) -> None:
        everything["vars"].update(timelock_migration="automated", **more)
        for service in services.services:
            group = everything["children"]["atlasdb_services"]["children"][service.name]
            for node in service.nodes:
                group["hosts"][node.name]["timelock_client_log"] = str(node.log_path)

    services.write(change)


def _own_work(service: Service) -> list[str]:
    """The nodes whose client found a live bound, and made a backup of it."""
    return [node.name for node in service.nodes if "Backed up the value" in node.log()]


@only_wide
def test_clients_migrate_themselves_one_node_first_and_are_looked_at(lab, tmp_path):
    with fleet(lab, tmp_path, *[2] * len(STORES), stores=STORES) as services:
        _automate(services, timelock_waves=[len(STORES)])
        for node in services.nodes:
            with open(node.log_path, "a") as log:
                log.write("AtlasDB doesn't yet support automated migration, said an older client at an earlier start\n")
        run = services.migrate()
        assert "own_migration" in [event["step"] for event in run.events if event["event"] == "task"]
        effects = [event["task"] for event in run.events if event["event"] == "result" and event["changed"]]
        assert not any("Invalidate the old timestamp service" in task for task in effects), effects
        _report, page = services.report()
        assert page.count("Its namespace moves") == len(STORES), page
        assert "The old timestamp service was invalidated, on condition" not in page
        services.assert_migrated()
        for service in services.services:
            if service.settings.store != POSTGRES:
                assert _own_work(service) == [service.nodes[0].name]
        assert services.migrate().changed == {}


@pytest.mark.refuses("migration-not-done")
@only_wide
def test_a_client_that_does_nothing_is_noticed_and_the_collection_does_the_steps(lab, tmp_path):
    """It is said to be one that migrates, and is an older one: the bound stays live under a node on TimeLock."""
    with fleet(lab, tmp_path, 2) as services:
        (service,) = services.services
        first, other = service.nodes
        _automate(services)
        for node in service.nodes:
            script = node.script.read_text()
            node.script.write_text(script.replace("--atlasdb-version 0.905.0", f"--atlasdb-version {NO_MIGRATION}"))
        looking = moment_of("before", "own_migration", "Read the store that it should have invalidated")
        with services.paused(looking) as run:
            before = services.look_at(service)
        assert not run.ok and "migration-not-done" in run.codes, run.tail
        assert services.look_at(service) == before
        assert services.store(service)[0] == ACTIVE
        assert (first.mode(), other.mode()) == ("timelock", None)
        assert any("may do so yet: the others stay held" in line for line in run.verdict), run.tail
        status = services.play("status.yml")
        assert status.ok and any(" unfinished " in line for line in status.said()), status.tail

        by_hand.store(lab, service.name).punch(by_hand.fresh_timestamp(lab, service.name))
        status = services.play("status.yml")
        assert status.ok and any(" unfinished " in line for line in status.said()), status.tail
        services.set(timelock_migration="manual")
        services.migrate()
        assert services.store(service)[0] == INVALIDATED
        services.assert_migrated()


@only_wide
def test_a_service_is_put_back_when_its_time_is_used_up_before_its_client_is_started(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        (service,) = services.services
        _automate(services, timelock_window_limit=WINDOW_SECONDS)
        before = services.look_at(service)
        with services.paused("begin-own_migration") as run:
            time.sleep(WINDOW_SECONDS)
        assert run.codes == ["window-too-long"], run.tail
        assert any("put back: the service runs as before" in line for line in run.verdict), run.tail
        assert services.look_at(service) == before
        services.assert_as_before()


@pytest.mark.refuses("migration-unsuitable")
def test_a_client_whose_own_migration_does_nothing_is_refused_by_the_plan(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        services.load(0)
        _automate(services, atlasdb_version=NO_MIGRATION)
        run = services.refused()
        assert [reason.split(": ")[1] for reason in run.reasons] == ["migration-unsuitable"], run.tail


@only_wide
@pytest.mark.parametrize("store", STORES)
def test_automated_runs_killed_around_each_effect_leave_what_the_next_one_finishes(lab, tmp_path, store):
    with fleet(lab, tmp_path, 2, stores=(store,)) as services:
        _automate(services)
        for moment in moments_of(AUTOMATED_STEPS):
            kill_at(services, "migrate.yml", moment)
        services.migrate()
        services.assert_migrated()
        assert services.migrate().changed == {}


PROOF_SECONDS = 30
"""Less than the pause before a client is started, and more than that start takes."""


@only_wide
def test_a_client_may_not_migrate_itself_once_another_node_was_let_up_and_old_proofs_are_taken_again(lab, tmp_path):
    """While the run stood still after TimeLock was brought above TS."""
    with fleet(lab, tmp_path, 2) as services:
        (service,) = services.services
        _automate(services, timelock_max_proof_age=PROOF_SECONDS)
        other = service.nodes[1]
        with services.paused("begin-own_migration") as run:
            other.config_path.write_text("# the old configuration, from configuration management\n")
            time.sleep(PROOF_SECONDS)
        assert not run.ok and "hold-impossible" in run.codes, run.tail
        assert services.store(service)[0] == ACTIVE
        assert service.nodes[0].mode() != "timelock", run.tail
        assert _own_work(service) == []
