# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clients that migrate themselves: which may, what is believed of them, and where the next run goes on."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.fleet import plan_fleet
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.own_migration import (
    require_done,
    require_told,
    said_since,
    unsuitable,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.status import fleet_status
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.planning import fleets

FORWARDED = "INFO TimeLockMigrator: Now fast forwarding the timestamp on TimeLock Server, possibly as part of"
BACKED_UP = "INFO CassandraTimestampBackupRunner: [BACKUP] Backed up the value 1010001"
FOUND = "INFO ...BackupRunner: [BACKUP] Didn't backup, because there is already a valid backup of 1010001."
NOTHING = "WARN AtlasDbFactory: AtlasDB doesn't yet support automated migration for KVS type relational."


@pytest.mark.parametrize(
    ("migration", "store", "version", "code"),
    [
        ("manual", "relational", "0.100.0", None),
        ("automated", "relational", "0.253.2", None),
        ("automated", "relational", "0.253.1", "migration-unsuitable"),
        ("automated", "relational", "", "config-version-unknown"),
        ("automated", "cassandra", "0.49.0", None),
        ("automatic", "cassandra", "0.905.0", "migration-unsuitable"),
    ],
)
def test_a_client_whose_own_migration_does_nothing_is_not_left_to_it(migration, store, version, code):
    found = unsuitable(migration, {"version": version, "shared": {"store": store}})
    assert (found.code if found else None) == code


def told_to_migrate_itself(store, mode, timelock, **settings):
    """A service whose client would do nothing, as it is planned, and what status says of it."""
    nodes = [fleets.node(number, migration="automated", look=fleets.look(number, mode)) for number in (1, 2, 3)]
    for node in nodes:
        node["look"]["config"] |= {"version": "0.200.0", "former": True}
    planned = plan_fleet(nodes, {"orders": store}, timelock, fleets.settings(**settings))
    return planned["services"]["orders"], fleet_status(planned)["services"]["orders"]


@pytest.mark.parametrize("direction", ["migrate", "reverse"])
def test_that_a_client_does_nothing_speaks_not_against_a_service_that_is_on_timelock(direction):
    listed = {"refusals": [], "namespaces": ["orders"]}
    orders, now = told_to_migrate_itself(fleets.invalidated(), "timelock", listed, direction=direction)
    assert orders["refusals"] == [] and orders["todo"] == ("nothing" if direction == "migrate" else "reverse")
    assert direction == "reverse" or now["do"] == "nothing"


def test_that_a_client_does_nothing_speaks_against_its_migration_and_not_against_a_repair():
    orders, _now = told_to_migrate_itself(fleets.store(), "leader", fleets.TIMELOCK)
    assert [refusal["code"] for refusal in orders["refusals"]] == ["migration-unsuitable"]
    orders, _now = told_to_migrate_itself(fleets.invalidated(), "leader", fleets.TIMELOCK, repair=True)
    assert (orders["refusals"], orders["repairing"]) == ([], "rest")


def test_a_client_that_leaves_its_store_active_has_not_migrated():
    with pytest.raises(Refusal, match="migration-not-done"):
        require_done({"state": "active", "bound": 1_010_001}, 1_010_001)
    require_done({"state": "invalidated", "bound": None}, 1_010_001)


@pytest.mark.parametrize("lines", [[BACKED_UP, FORWARDED], [BACKED_UP, FOUND, FORWARDED], ["", FOUND, FORWARDED, ""]])
def test_a_log_that_tells_of_the_migration_from_ts_is_believed(lines):
    require_told(lines, "0.905.0", "cassandra", 1_010_001)


@pytest.mark.parametrize(
    ("lines", "store"),
    [
        ([], "postgres"),
        ([BACKED_UP], "cassandra"),
        ([FORWARDED], "cassandra"),
        ([BACKED_UP.replace("1010001", "999"), FORWARDED], "cassandra"),
        ([NOTHING, FORWARDED], "postgres"),
    ],
)
def test_a_log_that_does_not_is_not(lines, store):
    with pytest.raises(Refusal, match="migration-not-done"):
        require_told(lines, "0.905.0", store, 1_010_001)


def test_a_log_on_postgresql_tells_of_no_backup_and_one_of_old_clients_tells_a_wrong_one():
    require_told([FORWARDED], "0.905.0", "postgres", 1_010_001)
    require_told(["[BACKUP] Backed up the value null", FORWARDED], "0.65.1", "cassandra", 1_010_001)


def test_what_a_log_tells_of_an_earlier_start_does_not_count_whether_it_was_rotated_since_or_not():
    before = ["1:9:00 " + NOTHING, "2:9:30 " + FORWARDED]
    told = ["7:10:00 " + BACKED_UP, "9:10:01 " + FORWARDED]
    said = ["10:00 " + BACKED_UP, "10:01 " + FORWARDED]
    assert said_since(before + told, before) == said_since(told, []) == said
    assert said_since(["1:10:00 " + BACKED_UP, "2:10:01 " + FORWARDED], before) == said
    assert said_since(before, before) == []


def interrupted(own_migration=True, fresh=None, modes=("timelock", "held", "held"), running=None, **more):
    """One node was started to migrate itself, the others are held, and the store is as it was."""
    runs = running or [mode != "held" for mode in modes]
    nodes = [fleets.node(at, look=fleets.look(at, mode, runs[at - 1])) for at, mode in enumerate(modes, 1)]
    store = fleets.store(record=fleets.record(own_migration=own_migration), **more.pop("store", {}))
    asked = {"refusals": [], "namespaces": ["orders"], "fresh": {"orders": fresh} if fresh else {}}
    return plan_fleet(fleets.telling(nodes, more), {"orders": store}, asked, fleets.settings(**more))


@pytest.mark.parametrize(
    ("fresh", "state", "codes"),
    [(None, "unfinished", []), (2_000_051, "unfinished", []), (2_000_050, "wrong", ["bound-contradicted"])],
)
def test_what_it_wrote_down_since_it_serves_is_no_contradiction_where_timelock_is_above_it(fresh, state, codes):
    planned = interrupted(fresh=fresh, store={"corroboration": [{"source": "punch table", "number": 2_000_050}]})
    now = fleet_status(planned)["services"]["orders"]
    assert (now["state"], now["codes"]) == (state, codes)
    assert codes or (now["do"], planned["services"]["orders"]["todo"]) == ("migrate.yml", "migrate")


def test_a_node_that_was_started_to_migrate_itself_and_has_not_is_stopped_again():
    planned = interrupted(True)
    orders = planned["services"]["orders"]
    assert [refusal["code"] for refusal in orders["refusals"]] == []
    assert orders["nodes_to_stop"] == ["orders-1", "orders-2", "orders-3"]
    status = fleet_status(planned)
    assert (status["services"]["orders"]["state"], status["alarming"]) == ("unfinished", [])


def test_a_node_that_is_on_timelock_for_any_other_reason_must_not_be():
    assert "config-mixed-active" in [one["code"] for one in interrupted(False)["services"]["orders"]["refusals"]]


@pytest.mark.parametrize(
    ("modes", "running"),
    [
        (("timelock", "leader", "leader"), (True, True, True)),
        (("held", "leader", "held"), (False, True, False)),
        (("timelock", "held", "held"), (True, True, False)),
    ],
)
def test_an_old_process_beside_a_node_that_may_migrate_itself_must_not_be(modes, running):
    planned = interrupted(modes=modes, running=running)
    status = fleet_status(planned)
    assert (status["alarming"], status["services"]["orders"]["do"]) == (["orders"], "see config-mixed-active")
    (refusal,) = planned["services"]["orders"]["refusals"]
    assert "orders-2" in refusal["found"] and refusal["do"].startswith("Stop it now")
    at_it = fleet_status(interrupted(modes=modes, running=running, holder_gone=lambda holder: False))
    assert at_it["alarming"] == []


def test_a_node_that_was_released_beside_one_that_may_migrate_itself_is_told_neither_to_start_nor_taken_for_gone():
    left = {"modes": ("timelock", "leader", "held"), "running": (True, False, False)}
    orders = interrupted(**left)["services"]["orders"]
    assert [refusal["code"] for refusal in orders["refusals"]] == ["proof-missing"]
    assert "orders-2" in orders["refusals"][0]["found"]
    orders = interrupted(**left, accept_unproven="looked on every host")["services"]["orders"]
    assert (orders["refusals"], orders["todo"]) == ([], "migrate")
    assert orders["nodes_to_stop"] == ["orders-1", "orders-2", "orders-3"]


def test_of_a_node_that_may_migrate_itself_status_says_that_no_other_may_be_released():
    assert any("release none by hand" in line for line in fleet_status(interrupted())["lines"])
    assert not any("release none by hand" in line for line in fleet_status(interrupted(False))["lines"])


@pytest.mark.parametrize("store", [{"corroboration": [{"source": "punch table", "number": 1_999_999}]}, {}])
def test_once_a_way_back_has_begun_no_node_may_migrate_itself(store):
    """The store is open again, and the run was killed before it wrote that down: all nodes serve on their old files."""
    record = fleets.record(own_migration=True, direction="reverse")
    nodes = [fleets.node(number) for number in (1, 2, 3)]
    asked = {"refusals": [], "namespaces": ["orders"], "fresh": {"orders": 1_500_000}}
    told = fleet_status(plan_fleet(nodes, {"orders": fleets.store(record=record, **store)}, asked, fleets.settings()))
    now = told["services"]["orders"]
    assert (now["state"], told["alarming"], now["codes"]) == ("on the way back", [], ["reverse-unfinished"])
    assert not any("release none by hand" in line for line in told["lines"])
