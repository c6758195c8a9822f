# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks over SSH, on hosts with a root, a systemd and a network of their own, by a user who becomes root.

It is one story, told once; the tests are what must be true of it.
"""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest

from cassandra_here import only_wide
from host_fleet import host_fleet
from lab.hosts import image

pytestmark = only_wide


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    with host_fleet(tmp_path_factory.mktemp("hosts"), {"orders": 3}) as fleet:
        told = SimpleNamespace(fleet=fleet, runs={})
        fleet.set(ansible_timeout=5)
        lost = fleet.nodes[1].on
        lost.cut_off()
        told.runs["lost"] = fleet.play("migrate.yml")
        lost.link_up()
        with _become_refused(fleet.nodes[2].on):
            told.runs["denied"] = fleet.play("migrate.yml")
        fleet.write()
        told.modes_before = fleet.modes()
        told.runs["plan"] = fleet.play("plan.yml")
        told.files_after_plan = _files(fleet)
        told.runs["migrate"] = fleet.play("migrate.yml")
        told.runs["again"] = fleet.play("migrate.yml")
        yield told


@contextlib.contextmanager
def _become_refused(host):
    path = f"/etc/sudoers.d/{image.LOGIN}"
    host.run("mv", path, "/var/tmp/sudoers")
    yield
    host.run("mv", "/var/tmp/sudoers", path)


def _files(fleet) -> dict[str, list[str]]:
    """What lies beside each node's configuration."""
    return {node.name: sorted(path.name for path in node.config_path.parent.iterdir()) for node in fleet.nodes}


def test_a_host_that_cannot_be_reached_before_the_window_is_refused(story):
    run = story.runs["lost"]
    assert not run.ok and "stop" not in run.begun(), run.tail
    assert any("orders-2" in reason for reason in run.reasons), run.reasons


def test_a_host_where_the_user_may_not_become_root_is_refused(story):
    run = story.runs["denied"]
    assert not run.ok and "stop" not in run.begun(), run.tail
    assert any("orders-3" in reason for reason in run.reasons), run.reasons
    assert set(story.modes_before.values()) == {"leader"}


def test_the_plan_succeeds_and_leaves_nothing_on_the_hosts(story):
    assert story.runs["plan"].ok, story.runs["plan"].tail
    assert set(map(tuple, story.files_after_plan.values())) == {("install.yml", "runtime.yml")}


def test_every_node_serves_on_timelock_and_no_timestamp_went_back(story):
    assert story.runs["migrate"].ok, story.runs["migrate"].tail
    story.fleet.assert_migrated()


def test_a_second_run_changes_nothing(story):
    assert story.runs["again"].ok, story.runs["again"].tail
    assert story.runs["again"].changed == {}


def test_the_nodes_files_keep_owner_and_mode(story):
    for node in story.fleet.nodes:
        for name in ("install.yml", "runtime.yml"):
            status = (node.config_path.parent / name).stat()
            assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (900, 900, 0o600), (node.name, name)


def test_no_file_beside_a_configuration_is_more_readable_than_it(story):
    for node in story.fleet.nodes:
        for path in node.config_path.parent.iterdir():
            mode = path.lstat().st_mode & 0o777
            assert mode & ~0o600 == 0 or path.name.endswith(".lock") or not _secret(path), (path, oct(mode))


def _secret(path) -> bool:
    return b"assword" in path.read_bytes()


def test_a_rebooted_host_serves_on_timelock_again(story):
    node = story.fleet.nodes[0]
    node.on.power_off()
    node.on.boot()
    node.on.wait_booted()
    node.wait_healthy()
    story.fleet.assert_migrated()
