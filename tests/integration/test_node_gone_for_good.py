# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of a node is destroyed in the window, and the service goes on without it, where its operator names it."""

from __future__ import annotations

import re
from pathlib import Path

from cassandra_here import only_wide
from fleet import ACTIVE, INVALIDATED, Fleet, fleet, lab
from lab.layout import QUORUM
from lab.service import Node, Service
from window_faults import behind_ssh

__all__ = ["lab"]

pytestmark = only_wide


class Destroyed:
    """The second node of a service of two, whose host is to be destroyed."""

    def __init__(self, services: Fleet, folder: Path, **variables: object):
        self._services = services
        self._variables = variables
        self._lost = folder / "lost"
        (self.service,) = services.services
        self.kept, self.node = self.service.nodes
        self._write(lambda hosts: hosts[self.node.name].update(behind_ssh(self._lost)))

    def _write(self, change) -> None:
        def write(everything: dict) -> None:
            everything["vars"].update(timelock_quiet_seconds=1, **self._variables)
            change(everything["children"]["atlasdb_services"]["children"][self.service.name]["hosts"])

        self._services.write(write)

    def destroy(self) -> None:
        self._lost.touch()
        if self.node.process():
            self.node.kill()

    def refuse_what_does_not_name_it(self, playbook: str) -> None:
        """While it is in the group, and once it is not: without a word on it, and with one on something else."""
        held = self._services.play(playbook)
        assert any("node-unreachable" in reason for reason in held.reasons), held.tail
        self._write(lambda hosts: hosts.pop(self.node.name))
        for reason in ("", f"{self.node.name}0 is destroyed, and the cluster does not tell who is connected"):
            run = self._services.play(playbook, "-e", f"timelock_accept_unproven='{reason}'")
            assert any("inventory-changed" in said and "'A node is gone for good'" in said for said in run.reasons)

    def named(self) -> tuple[str, str]:
        return "-e", f"timelock_accept_unproven='the host of {self.node.name} was destroyed'"


def test_before_the_invalidation_the_others_are_migrated_without_it(lab, tmp_path):
    with fleet(lab, tmp_path, 2, rate=3) as services:
        gone = Destroyed(services, tmp_path)
        with services.paused("begin-stop") as run:
            gone.destroy()
        assert any(line.startswith(f"{gone.service.name}: put back, except") for line in run.verdict), run.tail
        assert services.store(gone.service)[0] == ACTIVE
        gone.refuse_what_does_not_name_it("migrate.yml")
        run = services.play("migrate.yml", *gone.named())
        assert run.ok, run.tail
        assert f"{gone.node.name}: on record, and not in the group any more." in run.output
        assert (services.store(gone.service)[0], gone.kept.mode()) == (INVALIDATED, "timelock")
        gone.kept.fresh()
        services.assert_clean()


def test_a_way_back_goes_on_without_it_and_where_too_few_are_left_to_elect_a_leader_once_that_is_changed(lab, tmp_path):
    with fleet(lab, tmp_path, 2, rate=3) as services:
        gone = Destroyed(services, tmp_path, atlasdb_start_timeout=10)
        services.migrate()
        (lab.layout.services / gone.service.name / "shared" / QUORUM).touch()
        with services.paused("begin-reverse_configure", playbook="reverse.yml") as run:
            gone.destroy()
        assert not run.ok
        assert services.store(gone.service)[0] == INVALIDATED
        gone.refuse_what_does_not_name_it("reverse.yml")
        run = services.play("reverse.yml", *gone.named())
        assert not run.ok
        assert "1 of 2 nodes that elect a leader are there" in run.output, run.tail
        gone.kept.stop()
        _lead_alone(gone.kept, gone.service)
        run = services.play("reverse.yml")
        assert run.ok, run.tail
        assert (services.store(gone.service)[0], gone.kept.mode()) == (ACTIVE, "leader")
        gone.kept.fresh()
        services.assert_clean()


def _lead_alone(node: Node, service: Service) -> None:
    text = re.sub(r"quorumSize: \d+", "quorumSize: 1", node.config_path.read_text())
    for other in service.nodes:
        if other is not node:
            text = re.sub(rf"(?m)^ *- .*:{other.port}\b.*\n", "", text)
    node.config_path.write_text(text)
