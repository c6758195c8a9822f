# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""reverse.yml as a user runs it, under load: forward, back, and forward again."""

from __future__ import annotations

import contextlib
import json

import pytest

from cassandra_here import only_wide
from fleet import ACTIVE, CASSANDRA, REVERSE_STEPS, STATE, STORES, Fleet, fleet, lab, new_lab
from kills import kill_around_giving_up, kill_at, kill_before, kill_past, moments_of, rare_effects
from lab import by_hand
from lab.callback.breakpoints import moment_of
from lab.journal import read_folder
from lab.lab import Lab
from lab.layout import POSTGRES, QUORUM

__all__ = ["lab"]

MARGIN = 10_000_000
CYCLES = 10


@pytest.mark.parametrize("store", STORES)
def test_a_service_goes_back_with_its_counter_and_forward_again(lab, tmp_path, store):
    with fleet(lab, tmp_path, 1 if store == CASSANDRA else 2, stores=(store,)) as services:
        before = {node: node.config_path.read_bytes() for node in services.nodes}
        services.migrate()
        services.assert_migrated()
        (service,) = services.services
        backup = services.store(service)[1]

        run = services.play("reverse.yml")
        assert run.ok, run.tail
        services.assert_as_before()
        assert {node: node.config_path.read_bytes() for node in services.nodes} == before
        state, bound = services.store(service)
        assert state == ACTIVE and bound > backup + MARGIN
        _assert_reported(services, bound)

        again = services.play("reverse.yml")
        assert again.ok and again.changed == {}, again.tail
        services.migrate()
        services.assert_migrated()


def _assert_reported(services: Fleet, bound: int) -> None:
    report, page = services.report()
    (end,) = [service["end"] for service in report["services"].values()]
    assert (report["playbook"], end["outcome"]) == ("reverse.yml", "reversed")
    live, last = int(end["restored_to"]), int(end["fresh_before_start"])
    assert last < live < bound
    for said in ("1 service reversed", "Bound made live", f" {live:,} {last:,} ", "Its bound moves"):
        assert said in page, said
    assert page.count("Before held, with its configuration for TimeLock After ") == len(services.nodes)
    for untrue in ("First timestamp after", "at or below TS", "not migrated", "counts for nothing", "on TimeLock,"):
        assert untrue not in page, untrue


@only_wide
def test_as_many_nodes_are_started_first_as_elect_a_leader(lab, tmp_path):
    """A node with a leader block gives out nothing before a quorum of them is up."""
    with fleet(lab, tmp_path, 3) as services:
        services.set(timelock_quiet_seconds=1)
        (service,) = services.services
        (lab.layout.shared(service.name) / QUORUM).touch()
        services.migrate()
        with services.paused("begin-reverse_start_others", playbook="reverse.yml") as run:
            assert [node.mode() for node in service.nodes] == ["leader", "leader", None]
            assert [node.health() for node in service.nodes[:2]] == [None, None]
        assert run.ok, run.tail
        services.assert_as_before()


REFUSED = {POSTGRES: "last_allocated column still exists", CASSANDRA: "both backup and active timestamp bounds"}
"""What a client says whose own migration does not go on with a store that is on its way back."""


@only_wide
@pytest.mark.parametrize("store", STORES)
def test_what_comes_up_on_timelock_before_every_node_serves_does_not_migrate_the_store_again(lab, tmp_path, store):
    """Out of a copy of a node's file. And what was changed in a node's own since its migration stays as it is."""
    with fleet(lab, tmp_path, 2, stores=(store,)) as services:
        services.set(timelock_quiet_seconds=1)
        services.migrate()
        (service,) = services.services
        first, other = service.nodes
        copy, log = tmp_path / "install.yml", tmp_path / "copy.log"
        copy.write_bytes(other.config_path.read_bytes())
        ours = first.config_path.read_text()
        first.config_path.write_text(ours.replace("{level: INFO}", "{level: DEBUG}  # by hand"))
        with services.paused("begin-reverse_start_others", playbook="reverse.yml") as run:
            again = other.start_with(copy, log)
            assert again.wait(120) == 1
            assert REFUSED[store] in log.read_text()
            assert (services.store(service)[0], first.mode(), other.mode()) == (ACTIVE, "leader", "leader")
        assert run.ok, run.tail
        services.assert_as_before()
        now = first.config_path.read_text()
        assert "{level: DEBUG}  # by hand" in now and now.count("  leader:\n") == 1
        services.migrate()
        services.assert_migrated()


@only_wide
def test_a_service_that_began_on_timelock_is_renamed_and_goes_to_embedded_timestamps(lab, tmp_path):
    """On PostgreSQL its client has left a table without a row. Each run is killed once, and another one finishes."""
    with fleet(lab, tmp_path, 1) as services:
        services.set(timelock_quiet_seconds=1)
        (service,) = services.services
        (node,) = service.nodes
        node.stop()
        above = services.store(service)[1]
        by_hand.store(lab, service.name).forget()
        by_hand.fast_forward(lab, service.name, above)
        by_hand.switch_to_timelock(lab, node)
        node.start()
        node.wait_healthy()
        services.await_more_timestamps()
        status = services.play("status.yml", "-e", "timelock_fresh=true")
        assert status.ok and any("it began on TimeLock" in line for line in status.said()), status.tail

        renaming = ("-e", f"timelock_rename_to={service.name}_shop")
        kill_at(services, "rename_namespace.yml", "begin-rename_read", *renaming)
        run = services.play("rename_namespace.yml", *renaming)
        assert run.ok, run.tail
        services.await_more_timestamps()
        kill_at(services, "reverse.yml", "begin-reverse_configure")
        run = services.play("reverse.yml")
        assert run.ok, run.tail
        services.assert_as_before()
        assert services.store(service)[1] > above + MARGIN


@only_wide
def test_several_nodes_of_which_no_old_configuration_is_kept_go_back_by_way_of_one(lab, tmp_path):
    """As the runbook has it, of a service that was migrated by hand."""
    with fleet(lab, tmp_path, 2) as services:
        (service,) = services.services
        first, other = service.nodes
        before = {node: node.config_path.read_bytes() for node in service.nodes}
        for node in service.nodes:
            node.stop()
            by_hand.switch_to_timelock(lab, node)
        by_hand.fast_forward(lab, service.name, by_hand.bound(lab, service.name))
        by_hand.store(lab, service.name).invalidate()
        service.start()
        service.wait_healthy()
        services.assert_migrated()
        reasons = services.play("reverse.yml").reasons
        assert any("config-missing" in reason and "by way of one" in reason for reason in reasons), reasons

        other.stop()
        other.config_path.rename(other.config_path.with_name("aside.yml"))

        def without_the_other(everything: dict) -> None:
            everything["vars"]["timelock_quiet_seconds"] = 1
            del everything["children"]["atlasdb_services"]["children"][service.name]["hosts"][other.name]

        services.write(without_the_other)
        run = services.play("reverse.yml")
        assert run.ok, run.tail
        first.stop()
        for node in service.nodes:
            node.config_path.write_bytes(before[node])
        services.set()
        service.start()
        service.wait_healthy()
        services.assert_as_before()
        services.migrate()
        services.assert_migrated()


@only_wide
def test_nothing_is_done_to_a_service_that_has_nothing_to_take_back(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        assert ["reverse-not-migrated" in reason for reason in services.play("reverse.yml").reasons] == [True]


@only_wide
def test_a_way_back_that_cannot_stop_a_node_lets_the_others_go_on_with_timelock(lab, tmp_path):
    with fleet(lab, tmp_path, 2) as services:
        services.set(atlasdb_stop_timeout=2, timelock_quiet_seconds=1)
        services.migrate()
        _first, other = services.nodes
        with contextlib.ExitStack() as ending, services.paused("begin-quiet_stop", playbook="reverse.yml") as run:
            ending.callback(other.resume)
            other.pause()
        assert not run.ok and "node-still-running" in run.codes, run.tail
        services.play("reverse.yml")
        services.assert_as_before()


@only_wide
@pytest.mark.parametrize("store", STORES)
def test_ten_times_forward_and_back_under_load_no_timestamp_goes_back(lab, tmp_path, store):
    with fleet(lab, tmp_path, 1 if store == CASSANDRA else 2, stores=(store,)) as services:
        services.set(timelock_quiet_seconds=1)
        for _cycle in range(CYCLES):
            services.migrate()
            services.await_more_timestamps()
            run = services.play("reverse.yml")
            assert run.ok, run.tail
            services.await_more_timestamps()
        services.assert_as_before()


@only_wide
@pytest.mark.parametrize("store", STORES)
def test_ways_back_killed_around_each_effect_of_giving_up_leave_what_the_next_one_finishes(lab, tmp_path, store):
    with fleet(lab, tmp_path, 2, stores=(store,)) as services:
        services.set(timelock_quiet_seconds=1, timelock_timeout=5)
        services.migrate()
        kill_around_giving_up(services, "reverse.yml")
        run = services.play("reverse.yml")
        assert run.ok, run.tail
        services.assert_as_before()
        assert services.play("reverse.yml").changed == {}


@pytest.mark.kills_at("Raise it")
@only_wide
@pytest.mark.parametrize("store", STORES)
def test_a_bound_that_timelock_comes_near_to_meanwhile_is_raised(lab, tmp_path, store):
    """And runs that are killed before and after that are finished by the next."""
    live = moment_of("after", "reverse_restore", "Make the bound live, above all that TimeLock has given out")
    (raising,) = rare_effects("reverse_restore")
    with fleet(lab, tmp_path, 2, stores=(store,)) as services:
        services.set(timelock_quiet_seconds=1)
        services.migrate()
        (service,) = services.services
        near = []

        def come_near() -> None:
            near.append(services.store(service)[1] - 10)
            by_hand.fast_forward(lab, service.name, near[0])

        kill_before(services, "reverse.yml", raising, meanwhile={live: come_near})
        assert services.store(service)[1] == near[0] + 10
        kill_past(services, "reverse.yml", raising)
        assert services.store(service)[1] > near[0] + MARGIN
        run = services.play("reverse.yml")
        assert run.ok, run.tail
        services.assert_as_before()
        assert services.store(service)[1] > near[0] + MARGIN
        assert services.play("reverse.yml").changed == {}


@pytest.mark.kills_at("Raise it")
@only_wide
@pytest.mark.parametrize("store", STORES)
def test_a_bound_that_timelock_comes_past_under_nodes_that_serve_is_raised_once_they_are_stopped(lab, tmp_path, store):
    """By elections of TimeLock's leader, say; while the bound is guarded, and when it is open again already."""
    opening = "Open the store for a later migration, now that every node serves on it"
    opened = moment_of("after", "reverse_report", opening)
    with fleet(lab, tmp_path, 2, stores=(store,)) as services:
        services.set(timelock_quiet_seconds=1)
        services.migrate()
        (service,) = services.services
        for moment in ("begin-reverse_start_others", opened):
            kill_at(services, "reverse.yml", moment)
            past = services.store(service)[1] + 10 * MARGIN
            by_hand.fast_forward(lab, service.name, past)
            run = services.play("reverse.yml")
            assert not run.ok and "timelock-not-quiet" in run.codes, run.tail
            assert "stop every node of the service, then run reverse.yml again" in run.tail
            service.stop()
        (raising,) = rare_effects("reverse_restore")
        kill_past(services, "reverse.yml", raising)
        run = services.play("reverse.yml")
        assert run.ok, run.tail
        services.assert_as_before()
        assert services.store(service)[1] > past + MARGIN
        assert services.play("reverse.yml").changed == {}


@only_wide
def test_a_node_whose_embedded_file_was_mended_is_started_beside_one_that_serves_on_the_live_bound(lab, tmp_path):
    with fleet(lab, tmp_path, 3) as services:
        services.set(timelock_quiet_seconds=1)
        services.migrate()
        kill_at(services, "reverse.yml", "begin-reverse_start_others")
        *serving, other = services.nodes
        before = [node.process() for node in serving]
        mended = other.config_path.read_text() + "# mended by hand\n"
        other.config_path.write_text(mended)
        run = services.play("reverse.yml")
        assert run.ok, run.tail
        assert ([node.process() for node in serving], other.config_path.read_text()) == (before, mended)
        services.assert_as_before()
        assert services.play("reverse.yml").changed == {}


@only_wide
def test_of_one_who_goes_forward_and_one_who_goes_back_at_once_exactly_one_proceeds(lab, tmp_path):
    """Of a service that was left invalidated, so that both may."""
    locking = moment_of("before", "prepare", "Take the service's lock")
    invalidated = moment_of(
        "after", "invalidate", "Invalidate the old timestamp service, on condition that its bound is still TS"
    )
    with fleet(lab, tmp_path, 2, stores=(POSTGRES,)) as services, contextlib.ExitStack() as ending:
        services.set(timelock_quiet_seconds=1)
        killed = services.begin("migrate.yml", breakpoints=(invalidated,))
        ending.callback(killed.kill)
        killed.wait_at(invalidated)
        killed.kill()
        runs = [services.begin(playbook, breakpoints=(locking,)) for playbook in ("migrate.yml", "reverse.yml")]
        for run in runs:
            ending.callback(run.kill)
        for run in runs:
            run.wait_at(locking)
        for run in runs:
            run.go_on(locking)
        for run in runs:
            run.wait()
        assert sorted(run.ok for run in runs) == [False, True], "\n".join(run.tail for run in runs)
        (loser,) = (run for run in runs if not run.ok)
        assert loser.codes[0] in ("operator-locked", "reverse-unfinished"), loser.tail
        if runs[0].ok:
            services.assert_migrated()
        else:
            services.assert_as_before()


def _lose_timelock(lab: Lab) -> int:
    """The largest timestamp that it had given out."""
    for index in range(lab.timelock.size):
        lab.timelock.kill(index)
    return max(max(requests.upper) for requests in read_folder(lab.layout.journal) if requests)


def _make_timelock_anew(lab: Lab) -> None:
    """At its old addresses, without a namespace."""
    for file in lab.layout.timelock.rglob(f"{STATE}*"):
        file.unlink()
    lab.timelock.start()


def _lost(number: int) -> tuple[str, ...]:
    return "-e", "timelock_lost=true", "-e", f"timelock_highest_issued={number}"


@pytest.mark.refuses("reverse-timelock-lost", "proof-missing")
@only_wide
@pytest.mark.parametrize("store", STORES)
def test_from_a_timelock_that_is_lost_a_service_goes_back_by_a_number_that_its_operator_names(tmp_path, store):
    """One of its nodes has come down since, and no probe can see it gone. Then it goes forward to a new TimeLock."""
    with new_lab(tmp_path / "lab") as own, fleet(own, tmp_path / "fleet", 2, stores=(store,)) as services:
        services.migrate()
        services.assert_migrated()
        (service,) = services.services
        services.load(0)
        answers = services.refused(*_lost(10**9), playbook="reverse.yml", asked=(service.name,)).reasons
        assert any(f"gives out timestamps of {service.name}" in reason for reason in answers), answers
        services.load()
        above = _lose_timelock(own) + 2 * MARGIN
        services.nodes[1].kill()

        above_backup = services.store(service)[1] + 1
        reasons = services.refused(*_lost(above_backup), playbook="reverse.yml").reasons
        assert any("reverse-timelock-lost" in reason and "'fresh' on record" in reason for reason in reasons), reasons
        assert "proof-missing" in " ".join(services.refused(*_lost(above), playbook="reverse.yml").reasons)
        found = services.refused(*_lost(above), "-e", "timelock_lost=false", playbook="reverse.yml").reasons
        assert any("timelock-unreachable" in reason for reason in found), found

        services.set(timelock_accept_unproven="looked on every host")
        run = services.play("reverse.yml", *_lost(above))
        assert run.ok, run.tail
        accepted = "accepted unproven: looked on every host; timelock_lost"
        assert any(accepted in line for line in run.verdict), run.verdict
        state, bound = services.store(service)
        assert state == ACTIVE and bound > above + MARGIN
        again = services.play("reverse.yml", *_lost(above))
        assert again.ok and again.changed == {}, again.tail
        services.assert_as_before()

        _make_timelock_anew(own)
        services.set()
        kill_at(services, "migrate.yml", "begin-stop")
        status = services.play("status.yml", "-e", "timelock_fresh=true")
        assert status.ok, status.tail
        services.migrate()
        services.assert_migrated()


@only_wide
@pytest.mark.parametrize("store", STORES)
def test_ways_back_from_a_lost_timelock_killed_around_each_effect_leave_what_the_next_one_finishes(tmp_path, store):
    with new_lab(tmp_path / "lab") as own, fleet(own, tmp_path / "fleet", 3, stores=(store,)) as services:
        services.migrate()
        services.assert_migrated()
        (service,) = services.services
        above = _lose_timelock(own) + 2 * MARGIN
        with services.paused("begin-prepare", *_lost(above), playbook="reverse.yml") as run:
            own.timelock.start()
        assert not run.ok and "reverse-timelock-lost" in run.codes, run.tail
        services.assert_migrated()
        above = _lose_timelock(own) + 2 * MARGIN
        *moments, end = moments_of(REVERSE_STEPS)
        for moment in moments:
            kill_at(services, "reverse.yml", moment, *_lost(above))
        file = tmp_path / "status.json"
        services.play("status.yml", "-e", f"timelock_status_file={file}")
        playbook, *options = json.loads(file.read_text())["services"][service.name]["status"]["do"].split()
        kill_at(services, playbook, end, *options)
        run = services.play(playbook, *options)
        assert run.ok, run.tail
        services.assert_as_before()
        assert services.store(service)[1] > above + MARGIN
        assert services.play("reverse.yml", *_lost(above)).changed == {}
