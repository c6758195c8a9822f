# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventories on the page of examples are ones that the roles take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.manager import VariableManager

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/inventory.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
FIRST = ["One service", "High availability"]
ALLOWED_GROUPS = {"all", "ungrouped", "atlasdb_services", "cassandra_nodes", "timelock_servers"}
SECRETS = {f"vault_{name}_password": "secret" for name in ("orders", "orders_2", "dba", "key_store")}


def options(role):
    """What the role says of its variables, without their defaults, which are its own templates."""
    specs = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text(encoding="utf-8"))
    (entry,) = specs["argument_specs"].values()
    return {
        name: {key: value for key, value in spec.items() if key in {"type", "elements", "choices", "required"}}
        for name, spec in entry["options"].items()
    }


NODE = options("atlasdb")
RUN = options("timelock")


@pytest.fixture(params=sorted(EXAMPLES))
def inventory(request, tmp_path):
    path = tmp_path / "inventory.yml"
    path.write_text(EXAMPLES[request.param], encoding="utf-8")
    loader = DataLoader()
    made = InventoryManager(loader=loader, sources=[str(path)])
    return made, VariableManager(loader=loader, inventory=made), loader


def variables(inventory, host):
    made, manager, loader = inventory
    found = {**manager.get_vars(host=host, include_hostvars=False), **SECRETS, "inventory_dir": "/etc/inventory"}
    named = {name: value for name, value in found.items() if name.startswith(("atlasdb_", "timelock_"))}
    return Templar(loader=loader, variables=found).template(named)


def test_there_is_an_example_for_each_case():
    assert list(EXAMPLES) == [
        "One service", "High availability", "PostgreSQL", "PostgreSQL with a fence", "Cassandra", "TLS",
        "Hundreds of services",
    ]  # fmt: skip


def test_every_node_has_variables_that_the_roles_know_and_take(inventory):
    hosts = inventory[0].get_hosts("atlasdb_services")
    assert hosts
    for host in hosts:
        result = ArgumentSpecValidator({**NODE, **RUN}).validate(variables(inventory, host))
        assert result.error_messages == []


@pytest.mark.parametrize("inventory", FIRST, indirect=True)
def test_the_first_examples_say_who_becomes_root_on_the_nodes_and_on_no_other_host(inventory):
    made, manager, _loader = inventory
    nodes = made.get_hosts("atlasdb_services")
    for host in [*made.get_hosts(), made.get_host("localhost")]:
        found = manager.get_vars(host=host, include_hostvars=False)
        assert ("ansible_user" in found, found.get("ansible_become", False)) == (host in nodes, host in nodes)


def test_every_example_names_timelock(inventory):
    made = inventory[0]
    for host in made.get_hosts("atlasdb_services"):
        assert made.groups.get("timelock_servers") or variables(inventory, host).get("timelock_server_urls")
        assert variables(inventory, host)["timelock_client_ssl"]["trustStorePath"]


def test_only_groups_that_mean_something_hold_hosts(inventory):
    made = inventory[0]
    services = {group.name for group in made.groups["atlasdb_services"].child_groups}
    assert set(made.groups) == (ALLOWED_GROUPS & set(made.groups)) | services
    for name in services:
        names = {variables(inventory, host)["atlasdb_service_name"] for host in made.get_hosts(name)}
        assert names == {name}
