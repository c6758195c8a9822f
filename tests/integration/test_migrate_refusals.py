# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What migrate.yml refuses before any node of any service is stopped, and before anything is written.

One fleet has all the mistakes at once, a service each: a plan finds them all.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.status import MUST_NOT_BE

from cassandra_here import WIDE, only_wide
from fleet import STORES, but_questions, fleet, lab
from lab import by_hand
from mistakes import COUNTS, MANAGERS, MISTAKES, NAMELESS, Mistakes

__all__ = ["lab"]

CODES = {mistake.code for mistake in MISTAKES.values()}
VANISHED = ("a_table_that_is_gone", "a_table_without_a_row")
"""Their nodes serve, and would begin again at their next start."""


# Before the fleet of all mistakes, whose many databases each look would read.


@pytest.mark.refuses("inventory-service-split", "controller-requirements")
def test_a_limit_and_a_library_that_is_missing_are_refused(lab, tmp_path):
    with fleet(lab, tmp_path, 2) as services:
        services.load(0)
        left, kept = services.nodes
        split = services.refused("--limit", kept.name)
        said = f": inventory-service-split: {left.service.name} is left without {left.name}."
        assert any(said in reason for reason in split.reasons), split.tail
        (tmp_path / "psycopg.py").write_text("raise ImportError('No module named psycopg')\n")
        lacking = services.refused(PYTHONPATH=str(tmp_path))
        (reason,) = lacking.reasons
        assert ": controller-requirements: " in reason and "pip install 'psycopg" in reason


@pytest.mark.refuses("new-but-not-empty")
@pytest.mark.parametrize("store", STORES if WIDE else STORES[:1])
def test_a_service_that_is_said_to_be_new_is_left_alone_where_it_is_and_refused_where_it_has_data(lab, tmp_path, store):
    with fleet(lab, tmp_path, 1, stores=(store,)) as services:
        (service,) = services.services
        (node,) = service.nodes
        services.load(0)
        node.stop()
        services.set(atlasdb_service_is_new=True)
        refused = services.refused()
        assert [reason.split(": ")[1] for reason in refused.reasons] == ["new-but-not-empty"], refused.tail
        by_hand.store(lab, service.name).forget()
        before = services.look()
        run = services.play("migrate.yml", "--diff")
        assert run.ok, run.tail
        assert run.verdict == [f"{service.name}: new, nothing to hand over"]
        assert lab.settings.timelock_urls[0] in run.output
        assert services.look() == before | {"reports": True}


@pytest.mark.refuses("timelock-unreachable")
def test_a_timelock_without_quorum_is_refused_by_the_plan(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        services.load(0)
        services.set(timelock_timeout=3)
        killed = lab.timelock.lose_quorum()
        try:
            run = services.refused()
        finally:
            for node in killed:
                lab.timelock.start_node(node)
        assert [reason.split(": ")[1] for reason in run.reasons] == ["timelock-unreachable"], run.tail


@pytest.mark.refuses("timelock-behind-backup")
def test_a_timelock_below_an_invalidated_store_is_refused_by_the_plan(lab, tmp_path):
    """Its namespace was asked for after it had lost its data, and an operator says that it is the service's."""
    with fleet(lab, tmp_path, 1) as services:
        services.load(0)
        (service,) = services.services
        by_hand.rename_column(lab, service.name)
        lab.timelock.wake(service.name)
        services.set(timelock_adopt_namespace=True)
        run = services.refused(asked=(service.name,))
        (reason,) = run.reasons
        assert reason.startswith(f"{service.name}: timelock-behind-backup: The store is invalidated at "), run.tail
        assert " TimeLock's fresh timestamp is " in reason
        assert services.nodes[0].health() is None


@pytest.fixture(scope="module")
def refused(lab, tmp_path_factory):
    """The run over the fleet of mistakes, what was made, and looks around it."""
    folder = Path(lab.settings.temporary) / "mistakes"
    folder.mkdir(mode=0o755)
    with fleet(lab, tmp_path_factory.mktemp("fleet"), *COUNTS, managers=MANAGERS, rate=2) as services:
        mistakes = Mistakes(services, folder)
        try:
            services.load(0)
            before = services.look()
            run = services.play("migrate.yml")
            yield run, mistakes, before, services.look()
        finally:
            mistakes.undo()
            shutil.rmtree(folder, ignore_errors=True)


def _reasons(run, service) -> list[str]:
    return [reason for reason in run.reasons if reason.startswith(f"{service.name}: ")]


@pytest.mark.parametrize("name", MISTAKES)
def test_migrate_refuses(refused, name):
    run, mistakes, _before, _after = refused
    service, word = mistakes.services[name], mistakes.words[name]
    reasons = _reasons(run, service)
    assert any(
        reason.startswith(f"{service.name}: {MISTAKES[name].code}: ") and word in reason for reason in reasons
    ), reasons or run.tail


def test_a_replica_is_refused_for_showing_no_session_as_well(refused):
    run, mistakes, _before, _after = refused
    reasons = _reasons(run, mistakes.services["a_replica_of_the_database"])
    assert any(": probe-blind: " in reason for reason in reasons), reasons


def test_a_service_that_takes_its_timestamps_from_another_is_refused_as_well(refused):
    run, mistakes, _before, _after = refused
    reasons = _reasons(run, mistakes.dependent)
    assert any(": config-remote-timestamps: " in reason for reason in reasons), reasons


def test_a_service_without_a_mistake_is_only_refused_for_what_it_shares(refused):
    run, mistakes, _before, _after = refused
    assert [reason.split(": ")[1] for reason in _reasons(run, mistakes.owner)] == ["inventory-namespace-shared"]


def test_a_node_that_belongs_to_no_service_is_refused(refused):
    run, _mistakes, _before, _after = refused
    said = f"inventory-service-unnamed: No atlasdb_service_name for {NAMELESS}."
    assert any(reason.startswith(said) for reason in run.reasons), run.reasons


def test_a_host_whose_name_ansible_takes_for_a_pattern_is_refused(refused):
    run, _mistakes, _before, _after = refused
    said = f"inventory-name-unusable: Hosts that a play cannot name: '{NAMELESS}'."
    assert any(reason.startswith(said) for reason in run.reasons), run.reasons


def test_a_refused_run_fails_and_begins_no_step(refused):
    run, _mistakes, _before, _after = refused
    assert not run.ok
    assert run.begun() == []


@pytest.mark.refuses("inventory-service-unnamed", "inventory-name-unusable", "config-remote-timestamps", *CODES)
def test_a_refused_run_writes_nothing_anywhere_but_its_report(refused):
    _run, mistakes, before, after = refused
    asked = mistakes.services["a_store_that_is_active_under_nodes_on_timelock"].name
    assert but_questions(after, asked) == but_questions(before, asked) | {"reports": True}


@pytest.fixture(scope="module")
def status(refused):
    """What status.yml says of all of them: the run, its file, and looks around it."""
    _run, mistakes, _before, _after = refused
    file = Path(mistakes.fleet.inventory).with_name("status.json")
    before = mistakes.fleet.look()
    run = mistakes.fleet.play("status.yml", "-e", f"timelock_status_file={file}")
    return run, json.loads(file.read_text())["services"], before, mistakes.fleet.look()


@only_wide
@pytest.mark.parametrize("name", MISTAKES)
def test_status_names_each_and_says_what_to_type_or_to_look_up_and_alarms_for_what_must_never_be(
    refused, status, name
):
    """It alarms for no other: what only speaks against a handover is no danger to a service that serves."""
    _run, mistakes, _before, _after = refused
    run, services, _before, _after = status
    service, code = mistakes.services[name].name, MISTAKES[name].code
    told = services[service]["status"]
    assert any(line.startswith(f"{service}: {code}: ") for line in run.said("Show where every service is")), run.tail
    assert code in told["codes"]
    assert told["do"] in [f"see {found}" for found in told["codes"]] + ["repair.yml"], told
    wrong = bool(set(told["codes"]) & set(MUST_NOT_BE)) and told["state"] != "by hand" or name in VANISHED
    assert (told["alarming"], told["state"] == "wrong") == (wrong, wrong), told


@only_wide
def test_status_fails_and_writes_nothing(status):
    run, _services, before, after = status
    assert not run.ok
    assert after == before
