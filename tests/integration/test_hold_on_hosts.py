# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each service manager with a real one, on a booted host: a node that is held stays down whoever starts it.

In the middle of one run, with all services held, their hosts are rebooted, people start them, cron starts them every
minute, systemd has Restart=always, and on one host an agent writes the old configuration back.
"""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from cassandra_here import only_wide
from host_fleet import host_fleet

pytestmark = only_wide

MANAGERS = {"units": "systemd", "scripts": "sysvinit", "sls": "sls", "commands": "command", "agent": "systemd"}
HELD = "begin-fast_forward"
CRON_SECONDS = 65


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosts")
    with host_fleet(folder, dict.fromkeys(MANAGERS, 1), managers=MANAGERS) as fleet:
        told = SimpleNamespace(fleet=fleet, held={}, came_up={})
        fleet.set(timelock_waves=[len(MANAGERS)], timelock_max_failed_services=1)
        originals = {node: node.config_path.read_bytes() for node in fleet.nodes}
        with fleet.paused(HELD) as run:
            for node in fleet.nodes:
                told.held[node.service.name] = node.config_path.read_text()
                _try_everything(node)
            agent = fleet.lab.services["agent"].nodes[0]
            agent.config_path.write_bytes(originals[agent])
            time.sleep(CRON_SECONDS)
            told.came_up = {node.service.name: node.health() is None for node in fleet.nodes}
        told.run = run
        yield told


def _try_everything(node) -> None:
    """A person starts it; the host loses its power and boots; a person starts it again."""
    _start(node)
    node.on.power_off()
    node.on.boot()
    node.on.wait_booted(all_well=False)
    _start(node)


def _start(node) -> None:
    node.on.run(*node._words("start"), check=False)


@pytest.mark.parametrize("service", MANAGERS)
def test_a_held_node_stays_down_whoever_starts_it(story, service):
    assert story.held[service].startswith("# held by atlasdb.timelock")
    assert not story.came_up[service]


@pytest.mark.parametrize("service", [service for service in MANAGERS if service != "agent"])
def test_the_run_goes_on_and_the_service_is_migrated(story, service):
    (node,) = story.fleet.lab.services[service].nodes
    node.wait_healthy(60)
    assert (node.mode(), node.health()) == ("timelock", None), story.run.tail


def test_no_timestamp_went_back(story):
    story.fleet.assert_clean()
