# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the roles document of their variables is what they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROLES = Path(__file__).parents[3] / "roles"


def documented(role):
    specs = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    (entry,) = specs.values()
    return entry["options"]


def defaults(role):
    return yaml.safe_load((ROLES / role / "defaults/main.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("role", ["atlasdb", "timelock", "timelock_server"])
def test_every_variable_is_documented_with_its_default(role):
    said = {name: option["default"] for name, option in documented(role).items() if not option.get("required")}
    assert said == defaults(role)


@pytest.mark.parametrize("role", ["atlasdb", "timelock", "timelock_server"])
def test_a_default_is_of_the_type_that_is_documented(role):
    types = {"str": str, "path": str, "int": int, "float": (int, float), "bool": bool, "list": list, "dict": dict}
    for name, value in defaults(role).items():
        if not (isinstance(value, str) and "{{" in value):
            assert isinstance(value, types[documented(role)[name]["type"]]), name
