# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/privileges.md lists is enough, and nothing of it is too much: it is tried as it stands there."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import Guard
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

from documented_rights import PAGE, SCHEMA, STATEMENTS, taken_away
from lab.hosts.fleet import SUDOERS
from stores import opened, refused

__all__ = ["opened"]

HOLDER = {"user": "alice", "host": "controller", "pid": 1, "since": "now", "run_id": "one"}
BOUND = 1010001


@pytest.fixture
def bare(database):
    """A database in which the service's login has no right at all."""
    database.run("CREATE TABLE _punch (ts int8 NOT NULL)", "INSERT INTO _punch VALUES (1000000)")
    database.run_as_superuser(*taken_away(database.name))
    yield database
    database.close()
    database.run_as_superuser(
        f"GRANT CONNECT, TEMPORARY ON DATABASE {database.name} TO PUBLIC",
        "GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC",
    )


def look(store) -> list[str]:
    """As the plan does; what it would be refused for."""
    assert store.identity()["database"] == "orders"
    state = store.read()
    if state.bound is None:
        return [state.code]
    assert state.bound == BOUND and store.corroboration()
    store.sessions([])
    return store.missing_rights()


def test_postgresql_s_rights_as_listed_are_enough_to_migrate_and_to_go_back(bare, opened):
    bare.run_as_superuser(*STATEMENTS)
    store = opened(bare.kvs)
    assert look(store) == []
    store.take_lock(HOLDER, "orders", None)
    guard = Guard("one", 1)
    assert store.invalidate(BOUND, guard).after.backup == BOUND
    assert store.restore(BOUND + 5, guard).after.bound == BOUND + 5


@pytest.mark.parametrize("number", range(len(STATEMENTS)), ids=STATEMENTS)
def test_without_any_one_of_them_the_plan_sees_it(bare, opened, number):
    bare.run_as_superuser(*STATEMENTS[:number], *STATEMENTS[number + 1 :])
    before = bare.dump()
    try:
        assert look(opened(bare.kvs))
    except Refusal as refusal:
        assert refusal.code == "kvs-denied", refusal
    assert bare.dump() == before


def test_a_schema_that_was_made_beforehand_stands_for_the_right_to_make_one(bare, opened):
    bare.run_as_superuser(*STATEMENTS[:-1])
    assert refused(opened(bare.kvs).take_lock, HOLDER, "orders", None).code == "kvs-denied"
    bare.run_as_superuser(SCHEMA)
    store = opened(bare.kvs)
    assert look(store) == []
    assert store.take_lock(HOLDER, "orders", None).epoch == 1


def test_the_rule_of_sudo_is_the_one_by_which_the_tests_drive_their_hosts():
    assert f"```text\n{SUDOERS}```" in PAGE
