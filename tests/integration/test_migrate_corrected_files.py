# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of a service on TimeLock one node has its old configuration again; the file of the other was changed by hand."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cassandra_here import only_wide
from fleet import fleet, lab

__all__ = ["lab"]

pytestmark = only_wide

CHANGED = "# changed by hand\n"


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    with fleet(lab, tmp_path_factory.mktemp("fleet"), 2, rate=3) as services:
        first, second = services.nodes
        old = second.config_path.read_text()
        services.migrate()
        second.stop()
        second.config_path.write_text(old)
        first.config_path.write_text(first.config_path.read_text() + CHANGED)
        told = SimpleNamespace(fleet=services, first=first, second=second)
        told.not_restarted = services.play("migrate.yml")
        told.begun, told.modes = told.not_restarted.begun(), services.modes()
        first.stop()
        first.start()
        first.wait_healthy()
        told.process = first.process()
        told.again = services.play("migrate.yml")
        yield told


def test_it_is_not_begun_beside_a_node_that_runs_since_before_its_file_was_changed(story):
    assert any(
        f"node-on-old-service: {story.first.name} started before its file for TimeLock was last changed." in reason
        for reason in story.not_restarted.reasons
    ), story.not_restarted.tail
    assert story.begun == []
    assert story.modes == {story.first.name: "timelock", story.second.name: None}


def test_once_that_node_was_restarted_the_other_is_brought_back_to_timelock_beside_it(story):
    assert story.again.ok, story.again.tail
    assert story.first.process() == story.process
    assert story.first.config_path.read_text().endswith(CHANGED)
    story.fleet.assert_migrated()
