# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each service manager with a real one, on a booted host: a node that is held stays down whoever starts it.

In the middle of one run, with all services held, their hosts are rebooted, people start them, cron starts them every
minute, systemd has Restart=always, and on two hosts an agent writes the old configuration back.
"""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from cassandra_here import only_wide
from fleet import ACTIVE, INVALIDATED
from host_fleet import host_fleet
from lab import playbooks
from lab.hosts.node import CRON

pytestmark = only_wide

MANAGERS = {
    "units": "systemd", "scripts": "sysvinit", "sls": "sls", "commands": "command", "agent": "systemd",
    "freed": "sls",
}  # fmt: skip
REWRITTEN = ("agent", "freed")
"""An agent writes their configuration back: systemd still keeps the one down, and nobody the other."""
HELD = "begin-fast_forward"
RUNBOOK = playbooks.ROOT / "docs/runbook.md"
BY_HAND = "cp -p .install.yml.timelock-kept-* install.yml"
CRON_SECONDS = 65


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosts")
    with host_fleet(folder, dict.fromkeys(MANAGERS, 1), managers=MANAGERS) as fleet:
        told = SimpleNamespace(fleet=fleet, held={}, came_up={})
        fleet.set(timelock_waves=[len(MANAGERS)], timelock_max_failed_services=len(REWRITTEN))
        originals = {node: node.config_path.read_bytes() for node in fleet.nodes}
        with fleet.paused(HELD) as run:
            for node in fleet.nodes:
                told.held[node.service.name] = node.config_path.read_text()
                _try_everything(node)
            for name in REWRITTEN:
                (node,) = fleet.lab.services[name].nodes
                node.config_path.write_bytes(originals[node])
            time.sleep(CRON_SECONDS)
            told.came_up = {node.service.name: node.health() is None for node in fleet.nodes}
        told.run = run
        told.stores = {service.name: fleet.store(service)[0] for service in fleet.services}
        told.modes = {node.service.name: node.mode() for node in fleet.nodes}
        for node in fleet.nodes:
            node.on.run("rm", f"/etc/cron.d/{node.service.name}")
        _as_the_runbook_says(fleet.lab.services["agent"].nodes[0])
        told.again = fleet.play("migrate.yml")
        yield told


def _try_everything(node) -> None:
    """A person starts it, and cron from now on; the host loses its power and boots; a person starts it again."""
    node.on.write(f"/etc/cron.d/{node.service.name}", CRON.format(start=node.start_command))
    _start(node)
    node.on.power_off()
    node.on.boot()
    node.on.wait_booted(all_well=False)
    _start(node)


def _as_the_runbook_says(node) -> None:
    """Of a node that is held and whose file was rewritten."""
    assert BY_HAND.replace("*", "HASH") in RUNBOOK.read_text()
    node.on.run("sh", "-c", f"cd {node.folder}/var/conf && {BY_HAND}")


def _start(node) -> None:
    node.on.run(*node._words("start"), check=False)


@pytest.mark.parametrize("service", [service for service in MANAGERS if service != "freed"])
def test_a_held_node_stays_down_whoever_starts_it(story, service):
    assert story.held[service].startswith("# held by atlasdb.timelock")
    assert not story.came_up[service]


@pytest.mark.parametrize("service", [service for service in MANAGERS if service not in REWRITTEN])
def test_the_run_goes_on_and_the_service_is_migrated(story, service):
    (node,) = story.fleet.lab.services[service].nodes
    node.wait_healthy(60)
    assert (node.mode(), node.health()) == ("timelock", None), story.run.tail


def test_a_node_that_an_agent_has_freed_is_seen_before_the_invalidation_and_stays_as_it_was(story):
    (node,) = story.fleet.lab.services["freed"].nodes
    words = [line for line in story.run.verdict if line.startswith("freed:")]
    assert story.came_up["freed"], "nothing but its file kept it down"
    assert story.stores["freed"] == ACTIVE and story.modes["freed"] == "embedded", words
    assert any("kvs-session-open" in line and node.host in line for line in words), story.run.tail


def test_a_node_that_was_rewritten_and_kept_down_by_systemd_alone_stays_held_after_the_invalidation(story):
    words = [line for line in story.run.verdict if line.startswith("agent:")]
    assert story.stores["agent"] == INVALIDATED and not story.came_up["agent"]
    assert any("hold-impossible: agent-1: " in line and "rewritten while the node was held" in line for line in words)


def test_the_next_run_ends_it_for_both_once_agent_and_cron_are_gone_and_the_runbook_was_followed(story):
    assert story.again.ok, story.again.tail
    story.fleet.assert_migrated()


def test_no_timestamp_went_back(story):
    story.fleet.assert_clean()
