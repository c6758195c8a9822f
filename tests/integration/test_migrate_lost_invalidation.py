# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""While the first node runs on TimeLock already, the store is active again, as after a failover to a standby that never
got the invalidation; and the second node cannot be started.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fleet import ACTIVE, INVALIDATED, Fleet, but_questions, fleet, lab
from lab import by_hand

__all__ = ["lab"]


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    with fleet(lab, tmp_path_factory.mktemp("fleet"), 2, rate=3) as services:
        (service,) = services.services
        first, second = service.nodes
        staged = second.config_path.with_name(f".{second.config_path.name}.timelock-staged")
        with services.paused("begin-restart_others") as run:
            restored = by_hand.store(lab, service.name)
            restored.put_back()
            restored.punch(by_hand.fresh_timestamp(lab, service.name))
            staged.unlink()
        told = SimpleNamespace(fleet=services, service=service, first=first, second=second, run=run)
        services.load(0)
        told.before = _look(services)
        told.store, told.modes = services.store(service), services.modes()
        told.status = services.play("status.yml")
        told.after = _look(services)
        yield told


def _look(services: Fleet) -> dict:
    """All that no status may change; without what the first node asks of TimeLock, which it does for its health too."""
    (service,) = services.services
    seen = services.look()
    calls = [target for target in seen["namespaced calls"] if not target.startswith("/tl/t")]
    return {**but_questions(seen, service.name), "namespaced calls": calls}


def test_the_other_node_is_not_put_back_beside_it(story):
    assert not story.run.ok
    assert story.store[0] == ACTIVE
    assert story.modes == {story.first.name: "timelock", story.second.name: None}
    assert story.second.process() is None
    (said,) = [line for line in story.run.verdict if "the store is active again" in line]
    assert f"{story.first.name} serves; {story.second.name} was switched, and does not serve" in said
    assert "config-mixed-active in docs/refusals.md says how to go on" in said


@pytest.mark.refuses("config-mixed-active")
def test_status_alarms_and_changes_nothing(story):
    assert not story.status.ok
    assert story.after == story.before
    assert any(line.startswith(f"{story.service.name}: config-mixed-active: ") for line in story.status.said())


def test_what_the_refusal_says_ends_it_and_no_timestamp_went_back(story):
    services, service = story.fleet, story.service
    again = services.play("migrate.yml")
    assert not again.ok
    assert any("config-mixed-active" in line and "with timelock_accept_unproven" in line for line in again.reasons)
    assert services.store(service) == story.store and story.second.process() is None
    after = services.play("migrate.yml", "-e", "timelock_accept_unproven='nothing runs but the first node'")
    assert after.ok, after.tail
    assert services.modes() == {node.name: "timelock" for node in service.nodes}
    assert services.store(service) == (INVALIDATED, story.store[1])
    services.load()
    services.await_more_timestamps(3)
    services.assert_clean()
