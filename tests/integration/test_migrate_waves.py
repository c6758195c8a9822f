# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services a run begins, and which tasks: waves, their gate, and Ansible's ways to skip."""

from __future__ import annotations

import re

import pytest
import yaml

from fleet import STEPS, Run, fleet, lab
from lab import playbooks
from lab.service import Service

__all__ = ["lab"]

ROLES = playbooks.ROOT / "roles"
DANGEROUS = {
    "the_invalidation": ("timelock/tasks/invalidate.yml", 0),
    "the_start": ("atlasdb/tasks/start.yml", 0),
    "the_stop": ("atlasdb/tasks/stop.yml", -1),
}


def _ended(run: Run, service: Service) -> str:
    (line,) = [line for line in run.verdict if re.match(f"{service.name}: (failed|migrated|not begun)", line)]
    return line.partition(": ")[2].partition(",")[0]


def test_a_service_that_fails_stops_the_waves_after_it_unless_told_otherwise(lab, tmp_path):
    hook = tmp_path / "before.yml"
    hook.write_text("- ansible.builtin.fail:\n    msg: the load balancer says no\n  when: false\n")
    with fleet(lab, tmp_path, 1, 1) as services:
        first, second = services.services
        hook.write_text(hook.read_text().replace("false", f"inventory_hostname == '{first.nodes[0].name}'"))
        services.set(atlasdb_before_stop_tasks=str(hook))
        stopped = services.play("migrate.yml")
        assert not stopped.ok
        assert _ended(stopped, first) == "failed", stopped.tail
        assert _ended(stopped, second) == "not begun", stopped.tail
        services.assert_as_before()

        went_on = services.play("migrate.yml", "-e", "timelock_max_failed_services=1")
        assert not went_on.ok
        assert _ended(went_on, first) == "failed", went_on.tail
        assert _ended(went_on, second) == "migrated", went_on.tail
        assert services.modes() == {first.nodes[0].name: "embedded", second.nodes[0].name: "timelock"}
        services.assert_clean()


def test_no_node_is_held_once_the_first_is_lost_on_the_way_out_of_its_load_balancer(lab, tmp_path):
    """Ansible drops the node for which the balancer does not answer, and with it who would put the others back."""
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\necho no route to host >&2\nexit 255\n")
    ssh.chmod(0o755)
    with fleet(lab, tmp_path, 2) as services:
        (service,) = services.services
        task = {
            "ansible.builtin.ping": {},
            "delegate_to": "balancer",
            "vars": {"ansible_connection": "ssh", "ansible_ssh_executable": str(ssh), "ansible_ssh_retries": 0},
            "when": f"inventory_hostname == '{service.nodes[0].name}'",
        }
        hook = tmp_path / "before.yml"
        hook.write_text(yaml.safe_dump([task]))
        services.set(atlasdb_before_stop_tasks=str(hook))
        run = services.play("migrate.yml")
        assert not run.ok
        services.assert_as_before()
        said = f"{service.name}: in step 'stop': node-lost: {service.nodes[0].name} was left out of this step."
        assert any(line.startswith(said) for line in run.verdict), run.verdict
        hook.write_text("[]\n")
        services.migrate()
        services.assert_migrated()


@pytest.mark.parametrize("task", DANGEROUS)
def test_a_run_that_starts_at_a_dangerous_task_does_nothing(lab, tmp_path, task):
    file, position = DANGEROUS[task]
    name = yaml.safe_load((ROLES / file).read_text())[position]["name"]
    with fleet(lab, tmp_path, 1) as services:
        services.load(0)
        before = services.look()
        run = services.play("migrate.yml", "--start-at-task", name)
        assert run.begun() == [], run.tail
        assert services.look() == before


def test_every_step_has_its_file():
    assert len(STEPS) == 9
    for step in STEPS:
        assert (ROLES / f"timelock/tasks/{step}.yml").exists()


def test_a_limit_lists_the_nodes_of_its_service_alone(lab, tmp_path):
    with fleet(lab, tmp_path, 1, 1) as services:
        one, other = services.services
        run = services.play("migrate.yml", "--limit", one.name, "--list-hosts")
        assert run.ok, run.tail
        assert one.nodes[0].name in run.output
        assert other.nodes[0].name not in run.output
