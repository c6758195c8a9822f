# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first node of a service, which is to start before the others, does not answer any more once the store is
invalidated: it is gone for good, or for some days.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import yaml

from fleet import INVALIDATED, Fleet, fleet, lab

__all__ = ["lab"]

SSH = """\
#!/bin/sh
[ -e {gone} ] && echo no route to host >&2 && exit 255
for command; do :; done
exec /bin/sh -c "$command"
"""


def _without(services: Fleet, name: str) -> str:
    """The inventory of before, in which this node is in no group any more."""
    before = services.inventory.read_text()
    written = yaml.safe_load(before)
    group = written["all"]["children"]["atlasdb_services"]["children"][services.services[0].name]
    del group["hosts"][name]
    services.inventory.write_text(yaml.safe_dump(written))
    return before


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    ssh, gone = folder / "ssh", folder / "gone"
    ssh.write_text(SSH.format(gone=gone))
    ssh.chmod(0o755)
    with fleet(lab, folder, 2, rate=3) as services:
        first, second = services.nodes
        told = SimpleNamespace(fleet=services, first=first, second=second)
        services.set_for(first, ansible_connection="ssh", ansible_ssh_executable=str(ssh), ansible_ssh_retries=0)
        with services.paused("begin-restart_first") as told.run:
            gone.touch()
        told.store, told.modes = services.store(services.services[0]), services.modes()
        told.again = services.refused(asked=(services.services[0].name,))
        inventory = _without(services, first.name)
        told.alone = services.play("migrate.yml")
        told.modes_alone = services.modes()
        gone.unlink()
        services.inventory.write_text(inventory)
        told.back = services.play("migrate.yml")
        yield told


@pytest.mark.refuses("node-unreachable")
def test_the_others_wait_while_it_is_in_the_group(story):
    assert not story.run.ok
    assert any("in step 'restart_first': node-lost: " in line for line in story.run.verdict), story.run.verdict
    assert story.store[0] == INVALIDATED
    assert story.modes == {story.first.name: None, story.second.name: None}
    assert any("node-unreachable" in reason and "take it out of the service's group" in reason
               for reason in story.again.reasons), story.again.reasons  # fmt: skip


def test_they_go_on_without_it_once_it_is_taken_out(story):
    assert story.alone.ok, story.alone.tail
    assert f"{story.first.name}: on record, and not in the group any more." in story.alone.output
    assert story.modes_alone == {story.first.name: None, story.second.name: "timelock"}


def test_one_that_comes_back_is_taken_along_by_the_next_run_and_no_timestamp_goes_back(story):
    assert story.back.ok, story.back.tail
    assert story.fleet.modes() == {story.first.name: "timelock", story.second.name: "timelock"}
    story.fleet.await_more_timestamps(3)
    story.fleet.assert_clean()
