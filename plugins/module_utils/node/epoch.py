# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node obeys the run with the highest epoch that it has seen, and no other."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.atlasdb.timelock.plugins.module_utils.node import disk
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.names import Beside
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

MIGRATE, REVERSE, RENAME, REPAIR = "migrate.yml", "reverse.yml", "rename_namespace.yml", "repair.yml"


@dataclass(frozen=True)
class Run:
    """Who acts: the ``service``, the ``epoch`` of the record's lock, the ``run_id`` that holds it, the ``operator``,
    and the ``playbook`` that is to be run again where this run dies."""

    service: str
    epoch: int
    run_id: str
    operator: str
    playbook: str = MIGRATE


def read_epoch(beside: Beside) -> dict | None:
    """``{"service", "epoch", "run_id"}`` of the run that this node obeyed last; None if there was none."""
    return disk.read_json(beside.epoch, ("service", "epoch", "run_id"))


def require_current(beside: Beside, run: Run) -> bool:
    """Whether ``run`` is new to the node. Raises Refusal operator-lock-lost if another run has taken over."""
    found = read_epoch(beside)
    if found is None:
        return True
    if found["service"] != run.service:
        raise Refusal(
            "inventory-node-shared",
            f"{beside.path} was handled as the configuration of service {found['service']}, not of {run.service}.",
        )
    if found["epoch"] > run.epoch or (found["epoch"] == run.epoch and found["run_id"] != run.run_id):
        raise Refusal(
            "operator-lock-lost",
            f"This node obeys run {found['run_id']} with epoch {found['epoch']}; "
            f"this is run {run.run_id} with epoch {run.epoch}.",
        )
    return found["epoch"] < run.epoch


def obey(beside: Beside, run: Run) -> None:
    """Remember ``run`` before its first effect. Call under the node's lock. Raises Refusal operator-lock-lost."""
    if require_current(beside, run):
        disk.write_json(beside.epoch, {"service": run.service, "epoch": run.epoch, "run_id": run.run_id})
