# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task files with which a service leaves its load balancer before it stops, and joins it after its start."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cassandra_here import only_wide
from fleet import Fleet, fleet, lab
from lab.service import Node

__all__ = ["lab"]

REFUSAL = "The balancer takes nobody"


class Balancer:
    """Which nodes have left and joined, in their order, by hooks of `services`; `wrong` is what they do first."""

    def __init__(self, services: Fleet, folder: Path):
        self._said = folder / "said.txt"
        self._hooks = {word: folder / f"{word}.yml" for word in ("leave", "join")}
        services.set(
            atlasdb_before_stop_tasks=str(self._hooks["leave"]), atlasdb_after_start_tasks=str(self._hooks["join"])
        )
        self.leave()
        self.join()

    def leave(self, *wrong: dict) -> None:
        self._write("leave", [self._say("leave"), *wrong])

    def join(self, *wrong: dict) -> None:
        self._write("join", [*wrong, self._say("join")])

    def _say(self, word: str) -> dict:
        return {"ansible.builtin.shell": f"echo {word} {{{{ inventory_hostname }}}} >> {self._said}"}

    def _write(self, word: str, tasks: list[dict]) -> None:
        self._hooks[word].write_text(yaml.safe_dump(tasks))
        self._said.write_text("")

    def heard(self) -> dict[str, set[str]]:
        """The nodes that have left and that have joined since a hook was last written."""
        lines = [line.split() for line in self._said.read_text().splitlines()]
        return {word: {name for said, name in lines if said == word} for word in ("leave", "join")}


def _fails(node: Node, _folder: Path) -> dict:
    return {"ansible.builtin.fail": {"msg": f"{REFUSAL}."}, "when": f"inventory_hostname == '{node.name}'"}


def _is_lost(node: Node, folder: Path) -> dict:
    """Ansible drops the node for which the balancer does not answer."""
    ssh = folder / "ssh"
    ssh.write_text("#!/bin/sh\necho no route to host >&2\nexit 255\n")
    ssh.chmod(0o755)
    return {
        "ansible.builtin.ping": {},
        "delegate_to": "balancer",
        "vars": {"ansible_connection": "ssh", "ansible_ssh_executable": str(ssh), "ansible_ssh_retries": 0},
        "when": f"inventory_hostname == '{node.name}'",
    }


@pytest.mark.refuses("hook-failed")
@pytest.mark.parametrize(
    ("wrong", "why"), [(_fails, REFUSAL), pytest.param(_is_lost, "they did not end", marks=only_wide)]
)
def test_a_service_is_not_migrated_before_its_second_node_has_joined_its_load_balancer(lab, tmp_path, wrong, why):
    with fleet(lab, tmp_path, 2) as services:
        (service,), (first, second) = services.services, services.nodes
        balancer = Balancer(services, tmp_path)
        balancer.join(wrong(second, tmp_path))
        run = services.play("migrate.yml")
        assert not run.ok and run.codes == ["hook-failed"], run.tail
        said = f"hook-failed: atlasdb_after_start_tasks failed on {second.name}: {why}. Mend what"
        assert any(line.startswith(f"{service.name}: in step 'restart_others': {said}") for line in run.verdict)
        serves = f"{first.name} serves; {second.name} serves, and its tasks after the start failed."
        assert any(line.endswith(serves) for line in run.verdict), run.verdict
        assert services.modes() == {first.name: "timelock", second.name: "timelock"}
        assert balancer.heard()["join"] == {first.name}
        left = services.look_at(service)
        balancer.join()
        services.migrate()
        assert services.look_at(service) == left | {"holders": []}, "there was something left to do but the hook"
        services.assert_migrated()
        assert balancer.heard()["join"] == {first.name, second.name}
        assert services.migrate().changed == {}


@only_wide
def test_a_node_that_is_put_back_joins_its_load_balancer_whether_it_was_stopped_or_not(lab, tmp_path):
    with fleet(lab, tmp_path, 2) as services:
        (service,), (first, second) = services.services, services.nodes
        both = {first.name, second.name}
        balancer = Balancer(services, tmp_path)
        late = services.play("migrate.yml", "-e", "timelock_window_limit=0.01")
        assert late.codes == ["window-too-long"], late.tail
        assert balancer.heard() == {"leave": both, "join": both}
        assert f"{service.name}: put back: the service runs as before." in late.verdict

        balancer.leave(_fails(second, tmp_path))
        not_stopped = services.play("migrate.yml")
        assert not not_stopped.ok
        assert balancer.heard() == {"leave": both, "join": both}

        balancer.leave()
        balancer.join(_fails(first, tmp_path))
        undone = services.play("migrate.yml", "-e", "timelock_window_limit=0.01")
        assert undone.codes == ["window-too-long"], undone.tail
        assert balancer.heard() == {"leave": both, "join": {second.name}}
        said = f"but atlasdb_after_start_tasks failed on {first.name}: {REFUSAL}: do by hand what they do."
        assert f"{service.name}: put back: the service runs as before, {said}" in undone.verdict, undone.verdict
        services.assert_as_before()
