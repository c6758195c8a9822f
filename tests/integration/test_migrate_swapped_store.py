# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between two steps a copy takes the place of a service's database, under the same name, with the record and its lock.

One wave of services, each with another step before which that happens.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

import pytest

from cassandra_here import only_wide
from fleet import ACTIVE, INVALIDATED, STEPS, fleet, lab, wait_for
from lab import by_hand
from lab.lab import Lab

__all__ = ["lab"]

pytestmark = only_wide


class Noticed(NamedTuple):
    """In which step, how the copy is left, and the original, and what its only node is."""

    step: str
    copy: str
    original: str
    mode: str | None


NOTICED = {
    "stop": Noticed("read", ACTIVE, ACTIVE, "embedded"),
    "read": Noticed("read", ACTIVE, ACTIVE, "embedded"),
    "fast_forward": Noticed("invalidate", ACTIVE, ACTIVE, "embedded"),
    "invalidate": Noticed("invalidate", ACTIVE, ACTIVE, "embedded"),
    "read_back": Noticed("read_back", INVALIDATED, INVALIDATED, None),
    "restart_first": Noticed("report", INVALIDATED, INVALIDATED, "timelock"),
    "report": Noticed("report", INVALIDATED, INVALIDATED, "timelock"),
}
"""By the step before which the copy comes. It is looked at before each effect on the store: nodes, which have none of
their own in it, stop and start without.
"""


def _swap(lab: Lab, name: str) -> None:
    with lab.postgres.connect() as session:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        session.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        wait_for(lambda: not session.execute(others, [name]).fetchall(), "sessions do not end")
        session.execute(f"ALTER DATABASE {name} RENAME TO {name}_before")
        session.execute(f"CREATE DATABASE {name} TEMPLATE {name}_before OWNER {name}")
        session.execute(f"ALTER DATABASE {name}_before ALLOW_CONNECTIONS true")


def _state(lab: Lab, database: str) -> str:
    with lab.postgres.connect(database) as session:
        (column,) = session.execute("SELECT * FROM _timestamp").description
    return ACTIVE if column.name == by_hand.LIVE else INVALIDATED


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    with fleet(lab, tmp_path_factory.mktemp("fleet"), *[1] * len(NOTICED), rate=3) as services:
        services.set(timelock_waves=[len(NOTICED)])
        named = dict(zip(NOTICED, services.services, strict=True))
        run = services.begin("migrate.yml", breakpoints=tuple(f"begin-{step}" for step in NOTICED))
        try:
            for step in (step for step in STEPS if step in NOTICED):
                run.wait_at(f"begin-{step}")
                _swap(lab, named[step].name)
                run.go_on(f"begin-{step}")
            run.wait()
        finally:
            run.kill()
        yield SimpleNamespace(fleet=services, named=named, run=run, status=services.play("status.yml"))


@pytest.mark.parametrize("step", NOTICED)
def test_a_store_that_is_another_since_a_step_began_is_refused_before_the_next_effect_on_it(story, lab, step):
    noticed, service = NOTICED[step], story.named[step]
    (node,) = service.nodes
    said = [line for line in story.run.verdict if line.startswith(f"{service.name}: ")]
    assert any(line.startswith(f"{service.name}: in step '{noticed.step}': kvs-identity: ") for line in said), said
    assert _state(lab, service.name) == noticed.copy
    assert _state(lab, f"{service.name}_before") == noticed.original
    assert node.mode() == noticed.mode


def test_none_of_them_is_called_migrated(story):
    assert not story.run.ok
    rows = story.status.said("Show where every service is")
    for step, service in story.named.items():
        if NOTICED[step].copy == INVALIDATED:
            assert not any(line.startswith(f"{service.name} ") and " migrated " in line for line in rows), rows


def test_no_timestamp_goes_back(story):
    story.fleet.assert_clean()
