# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names are data: whatever a path, a unit, a service or an operator is called, it is nothing else than that."""

from __future__ import annotations

import shlex
from types import SimpleNamespace

import pytest
import yaml
from ansible_collections.atlasdb.timelock.plugins.module_utils.node import hold
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.epoch import Run
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers import systemd
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.choice import MANAGERS
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.names import Beside
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.node import Node
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.service import Service
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from hypothesis import example, given
from hypothesis import strategies as st

SHA256 = "ab" * 32
NASTY = [
    "a b", "a'b", 'a"b', "a\nb: c", "{{ 7 * 7 }}", "-x", "--help", "$(id)", "`id`", "a;b", "é\u2028b: c",
    "\x85x: y", "#", ": ",
]  # fmt: skip
NAMES = st.one_of(st.sampled_from(NASTY), st.text(min_size=1)).filter(lambda name: "\0" not in name)
PIECES = st.lists(NAMES, min_size=1, max_size=3)


def _options(manager: str, unit: str, **more: object) -> dict:
    return {
        "manager": manager, "unit": unit, "start_command": "", "stop_command": "", "pid_file": "", "ports": [],
        "health_url": "", "stop_timeout": 1, "start_timeout": 1, "stop_kill": False, **more,
    }  # fmt: skip


def _node(path: str) -> Node:
    given = {"path": path, "runtime_path": None, "service_name": "orders", "service": _options("sls", "/opt/orders")}
    return Node.from_parameters(given)


def _path(pieces: list[str]) -> str:
    return "/" + "/".join(piece.replace("/", "_") for piece in pieces)


@given(PIECES, NAMES, NAMES, NAMES)
@example(["a\nb: c"], "s", "r", "o")
@example(["\U00016800", "\\ud81a"], "s", "r", "o")
@example(["{{ 7 * 7 }}", "-x", 'quo"te'], "a\nb: c", "\u2028x: y", "\x85x: y")
def test_a_hold_has_one_key_whatever_anything_is_called_or_the_path_is_refused(pieces, service, run_id, operator):
    try:
        beside = _node(_path(pieces)).install
    except Refusal as refusal:
        assert refusal.code == "config-missing" and refusal.found.isprintable()
        return
    text = hold.render(beside, Run(service, 1, run_id, operator), "now", SHA256)
    assert yaml.safe_load(text) == {"atlasdb-timelock-held": beside.kept(SHA256)}
    (by_hand,) = [line[1:] for line in text.decode().split("\n") if line.startswith("#   mv ")]
    assert shlex.split(by_hand) == ["mv", beside.kept(SHA256), beside.path, "&&", "rm", beside.marker]


@given(NAMES)
def test_a_unit_is_a_name_or_refused(name):
    service = Service.from_options("orders", _options("systemd", name))
    try:
        manager = MANAGERS["systemd"](service, SimpleNamespace())
    except Refusal as refusal:
        assert refusal.code == "probe-blind" and refusal.found.isprintable()
        return
    *_words, unit = manager.start
    assert not unit.startswith("-") and "/" not in unit and not unit.split()[1:]


@pytest.mark.parametrize("unit", ["orders", "orders@1.service", "my-app_2", r"dev-\x2d.device"])
def test_names_of_real_units_are_taken(unit):
    assert unit in MANAGERS["systemd"](Service.from_options("o", _options("systemd", unit)), SimpleNamespace()).stop[-1]


@given(PIECES)
def test_a_drop_in_asserts_one_path_and_nothing_more(pieces):
    path = _path(pieces)
    if not path.isprintable():
        return
    text = systemd._drop_in_text(Beside(path).marker).decode()
    *_comment, section, line = text.splitlines()
    assert section == "[Unit]" and line == f"AssertPathExists=!{Beside(path).marker}".replace("%", "%%")


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_a_command_is_a_list_of_arguments_that_no_shell_reads(arguments):
    command = shlex.join(arguments)
    service = Service.from_options("orders", _options("command", "x", start_command=command, pid_file="/run/x"))
    assert MANAGERS["command"](service, SimpleNamespace()).start == arguments


@given(NAMES, st.sampled_from(["sls", "sysvinit"]))
@example("-x", "sls")
@example("--help", "sysvinit")
def test_a_script_is_one_file_and_never_an_option(name, manager):
    service = Service.from_options("orders", _options(manager, name))
    made = MANAGERS[manager](service, SimpleNamespace())
    for command, word in ((made.start, "start"), (made.stop, "stop")):
        assert command[1:] == [word] and "/" in command[0] and name.strip("/") in command[0]


@pytest.mark.parametrize("option", ["unit", "start_command", "stop_command", "pid_file"])
def test_what_the_system_takes_for_no_name_is_refused(option):
    given = {**_options("command", "x", start_command="a", stop_command="b", pid_file="/run/x"), option: "a\0b"}
    with pytest.raises(Refusal, match=f"probe-blind: The service's {option} 'a.x00b' holds a character NUL"):
        Service.from_options("orders", given)


@given(st.text())
def test_a_command_that_is_none_is_refused(text):
    try:
        Service.from_options("orders", _options("command", "x", start_command=text, stop_command=text))
    except Refusal as refusal:
        assert refusal.code == "probe-blind"
