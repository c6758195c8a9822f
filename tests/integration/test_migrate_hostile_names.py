# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service whose name, hosts, folders and operator are called what a shell, a template, a terminal or a page would
take for more than a name: planned, migrated, looked at and taken back, as any other.
"""

from __future__ import annotations

import base64
import json
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pytest

from cassandra_here import only_wide
from fleet import fleet, lab
from lab.service import Node

__all__ = ["lab"]

pytestmark = only_wide

NASTY = "-x $(touch pwned)`touch pwned`;touch pwned&&'\"<b>&lt;#%s%n\\n{{ 7 * 7 }}{% raw %} é"
HOSTS = ["-x;$(touch<pwned)'\"&<b>|`id`#é%s", "--help"]
"""Without what Ansible takes for a pattern, which the plan refuses."""
OPERATOR = "eve\x1b[2J\x9b31m{{ 7 * 7 }}"
PROGRESS = {"LOGNAME": OPERATOR, "ANSIBLE_STDOUT_CALLBACK": "atlasdb.timelock.progress"}


def _data(text: object) -> str:
    """For an inventory, whose values are templates."""
    return f"{{{{ '{base64.b64encode(str(text).encode()).decode()}' | b64decode }}}}"


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    reports = folder / f"reports {NASTY}"
    with fleet(lab, folder / "fleet", 2, rate=2) as services:
        (service,) = services.services

        def rename(everything: dict) -> None:
            everything["vars"] |= {"timelock_report_dir": _data(reports), "timelock_quiet_seconds": 1}
            group = everything["children"]["atlasdb_services"]["children"][service.name]
            group["vars"]["atlasdb_service_name"] = _data(NASTY)
            hosts = zip(HOSTS, service.nodes, group["hosts"].values(), strict=True)
            group["hosts"] = {name: {**variables, **_elsewhere(folder, node)} for name, node, variables in hosts}

        services.write(rename)
        told = SimpleNamespace(fleet=services, folder=folder, reports=reports, runs={})
        for name in ("plan", "migrate", "again", "status"):
            playbook = "migrate.yml" if name == "again" else f"{name}.yml"
            told.runs[name] = services.play(playbook, "--diff", **PROGRESS)
        services.await_more_timestamps()
        told.migrated = (services.modes(), services.store(service))
        told.runs["reverse"] = services.play("reverse.yml", **PROGRESS)
        yield told


def _elsewhere(folder: Path, node: Node) -> dict:
    """Where the node is, by a way with another name."""
    link = folder / f"{node.name}{NASTY}"
    link.symlink_to(node.unit)
    config = link / node.config_path.relative_to(node.unit)
    return {"atlasdb_service_unit": _data(link), "atlasdb_config_path": _data(config)}


@pytest.mark.parametrize("name", ["plan", "migrate", "again", "status", "reverse"])
def test_every_playbook_does_its_work_for_it(story, name):
    assert story.runs[name].ok, story.runs[name].tail


def test_it_is_migrated_once_and_taken_back(story):
    modes, (state, _number) = story.migrated
    assert set(modes.values()) == {"timelock"} and state == "invalidated"
    assert story.runs["again"].changed == {}
    story.fleet.assert_as_before()


def test_nothing_of_it_was_run(story):
    for folder in (story.folder, story.fleet.lab.layout.services, Path.cwd()):
        assert not list(folder.rglob("pwned"))


def test_nothing_of_it_was_rendered_and_no_terminal_would_obey_it(story):
    for name, run in story.runs.items():
        assert NASTY in run.output, name
        assert all(line.isprintable() for line in run.output.split("\n")), name


def test_report_and_journal_call_it_what_it_is_called(story):
    paths = sorted(story.reports.glob("*.json"))
    assert len(paths) == 3
    for path in paths:
        told = json.loads(path.read_text())
        assert [*told["services"]] == [NASTY] and told["services"][NASTY]["nodes"] == HOSTS
        assert told["by"]["user"].startswith(f"{OPERATOR}@")
        page = path.with_suffix(".html").read_text()
        assert NASTY not in page and NASTY in unescape(page)
    lines = [json.loads(line) for path in story.reports.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert {line["service"] for line in lines} == {NASTY} and {line["node"] for line in lines} == {*HOSTS}
