# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service that takes its timestamps from another one: the order that the plan names, followed to the letter."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cassandra_here import only_wide
from fleet import ACTIVE, INVALIDATED, POSTGRES, STORES, Fleet, fleet, lab
from lab import by_hand
from lab.service import Service

__all__ = ["lab"]

pytestmark = only_wide


def _depend(services: Fleet, dependent: Service, provider: Service) -> None:
    """The dependent has no bound of its own, and what it stores is of the provider's timestamps."""
    (node,) = dependent.nodes
    node.stop()
    by_hand.store(services.lab, dependent.name).forget()
    servers = f"{{servers: ['{provider.nodes[0].url}/api']}}"
    text = node.config_path.read_text()
    blocks = f"  timestamp: {servers}\n  lock: {servers}\n  initializeAsync:"
    node.config_path.write_text(text.replace("  initializeAsync:", blocks))


def _move(services: Fleet, dependent: Service, number: int) -> None:
    """The part of the order that is done by hand, from the fast-forward on."""
    (node,) = dependent.nodes
    by_hand.fast_forward(services.lab, dependent.name, number)
    node.config_path.write_text(re.sub(r"(?m)^  (timestamp|lock): .*\n", "", node.config_path.read_text()))
    by_hand.switch_to_timelock(services.lab, node)
    node.start()
    node.wait_healthy()


@pytest.mark.parametrize("store", STORES)
def test_a_dependent_moves_first_in_the_order_that_the_plan_names_and_then_its_provider(lab, tmp_path, store):
    with fleet(lab, tmp_path, 1, 1, stores=(POSTGRES, store)) as services:
        provider, dependent = services.services
        services.load(0)
        _depend(services, dependent, provider)
        refused = services.refused()
        assert any(f"{dependent.name}: config-remote-timestamps: " in reason for reason in refused.reasons)
        order = f"In this order: stop {provider.name} and {dependent.name}; read the bound of {provider.name}"
        (ordered,) = [reason for reason in refused.reasons if "config-has-dependents" in reason]
        assert ordered.startswith(f"{provider.name}: ") and order in ordered
        assert any(f"{dependent.name} takes its timestamps from {provider.name}" in line for line in refused.said())

        provider.stop()
        bound = by_hand.bound(lab, provider.name)
        _move(services, dependent, bound)
        assert dependent.nodes[0].fresh() > bound
        provider.start()
        provider.wait_healthy()
        services.load()
        services.migrate()
        assert services.store(provider)[0] == INVALIDATED
        assert {node.mode() for node in services.nodes} == {"timelock"}
        services.await_more_timestamps()
        services.assert_clean()
        assert _states(services, tmp_path) == {provider.name: "migrated", dependent.name: "migrated"}


def _states(services: Fleet, folder: Path) -> dict[str, str]:
    file = folder / "status.json"
    status = services.play("status.yml", "-e", "timelock_fresh=true", "-e", f"timelock_status_file={file}")
    assert status.ok, status.tail
    return {name: told["status"]["state"] for name, told in json.loads(file.read_text())["services"].items()}


def test_where_the_provider_has_gone_ahead_it_may_come_back_or_its_dependent_follows(lab, tmp_path):
    with fleet(lab, tmp_path, 1, 1) as services:
        services.set(timelock_quiet_seconds=1)
        provider, dependent = services.services
        of_provider = ("--limit", provider.nodes[0].name)
        services.migrate(*of_provider)
        _depend(services, dependent, provider)
        number = services.store(provider)[1]
        status = services.play("status.yml")
        assert status.ok, status.tail
        order = f"stop {dependent.name}; fast-forward its namespace on TimeLock to at least the backup of"
        assert any(f"{order} {provider.name} ({number})" in line for line in status.said()), status.tail

        back = services.play("reverse.yml", *of_provider)
        assert back.ok, back.tail
        assert (services.store(provider)[0], provider.nodes[0].mode()) == (ACTIVE, "embedded")
        again = services.play("migrate.yml")
        assert any("config-has-dependents" in reason for reason in again.reasons), again.tail
