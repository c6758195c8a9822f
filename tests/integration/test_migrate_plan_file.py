# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan that somebody reads and keeps, and services that are left out."""

from __future__ import annotations

import json
import os

import pytest

from fleet import fleet, lab
from lab import by_hand, playbooks, ports

__all__ = ["lab"]


@pytest.mark.refuses("plan-stale")
def test_a_plan_in_a_file_is_done_as_it_is_or_refused(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        ((service,), (node,)) = services.services, services.nodes
        file = tmp_path / "plan.json"
        here = os.path.relpath(file, playbooks.ROOT)
        applying = ("migrate.yml", "-e", f"timelock_plan_file={here}")

        missing = services.play(*applying)
        assert not missing.ok
        assert f"plan-stale: There is no file {here}." in missing.output, missing.tail

        assert services.play("plan.yml", "-e", f"timelock_plan_file={file}", "--check").ok
        assert not file.exists(), "check mode writes nothing"
        planned = services.play("plan.yml", "-e", f"timelock_plan_file={here}")
        assert planned.ok, planned.tail
        assert file.stat().st_mode & 0o777 == 0o600
        assert json.loads(file.read_text())["services"][service.name]["todo"] == "migrate"
        assert service.settings.password not in file.read_text()

        before = node.config_path.read_text()
        node.config_path.write_text(f"{before}\n# changed after the plan\n")
        services.load(0)
        stale = services.refused(*applying[1:])
        (reason,) = stale.reasons
        assert reason.startswith(f"{service.name}: plan-stale: ") and "the content of its configuration files" in reason

        node.config_path.write_text(before)
        other = json.dumps({"timelock_client_ssl": {"trustStorePath": str(file)}})
        stale = services.refused(*applying[1:], "-e", other)
        (reason,) = stale.reasons
        assert f"what would be written into the configuration files of {node.name} changed" in reason, stale.tail

        store = by_hand.store(lab, service.name)
        bound = store.bound()
        store.write_bound(bound - 1)
        stale = services.refused(*applying[1:])
        assert f"its bound is {bound - 1}, below {bound}" in " ".join(stale.reasons), stale.tail

        store.write_bound(bound)
        services.load()
        # Hours away from the nodes' clock, if either side took the other's zone for its own.
        done = services.play(*applying, "-e", "timelock_window_limit=600", TZ="America/New_York")
        assert done.ok, done.tail
        services.assert_migrated()
        again = services.play(*applying)
        assert again.ok and again.changed == {}, again.tail


@pytest.mark.refuses("plan-stale")
def test_a_service_that_changed_since_the_run_showed_its_plan_is_not_begun(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        (node,) = services.nodes
        before = node.config_path.read_text()
        services.load(0)
        with services.paused("begin-prepare") as run:
            node.config_path.write_text(f"{before}\n# changed after the plan was shown\n")
            world = services.look()
        assert not run.ok
        assert run.codes == ["plan-stale"], run.tail
        assert run.begun() == ["prepare"]
        assert services.look() == world | {"reports": True}
        services.load()
        node.config_path.write_text(before)
        services.assert_as_before()


def _template(node, folder):
    """The fleet's own template for the node's configuration: with TimeLock, and otherwise as it is."""
    text = node.config_path.read_text()
    text = text.replace("atlasdb:\n", 'atlasdb:\n  namespace: "{{ atlasdb_service_name }}"\n  timelock: {}\n', 1)
    servers = "  timelockRuntime:\n    serversList:\n      servers: {{ timelock_server_urls | to_json }}\n"
    ssl = "      sslConfiguration: {{ timelock_client_ssl | to_json }}\n"
    template = folder / "install.yml.j2"
    template.write_text(text.replace("atlasdb-runtime:\n", f"atlasdb-runtime:\n{servers}{ssl}", 1))
    return template


@pytest.mark.refuses("config-template")
def test_a_service_that_is_refused_can_be_left_out_and_one_with_a_template_of_its_own_is_moved(lab, tmp_path):
    with fleet(lab, tmp_path, 1, 1) as services:
        refused, other = services.services
        (node,) = other.nodes
        template = _template(node, tmp_path)
        rendered = template.read_text()

        def change(everything):
            groups = everything["children"]["atlasdb_services"]["children"]
            groups[refused.name]["hosts"][refused.nodes[0].name]["atlasdb_service_ports"] = [ports.free_port()]
            groups[other.name]["vars"]["atlasdb_config_template"] = str(template)

        services.write(change)
        template.write_text(rendered.replace("timelock_server_urls", "timelock_server_urls[:1]"))
        services.load(0)
        wrong = services.refused("--limit", other.name)
        services.load()
        (reason,) = wrong.reasons
        assert reason.startswith(f"{other.name}: config-template: {node.name}: config-other-timelock: "), wrong.tail
        (report,) = services.reports.glob("*.html")
        assert "0 of 1 service migrated" in report.read_text() and "config-template" in report.read_text()

        template.write_text(f"{rendered}# {{{{ inventory_hostname }}}} has this from a template\n")
        run = services.play("migrate.yml", "-e", "timelock_skip_refused=true")
        assert run.ok, run.tail
        assert f"{refused.name}: left out (probe-blind)" in run.verdict
        (said, reason) = run.said("Say who is left out")
        assert said == f"{refused.name} left out:"
        assert reason.startswith(f"{refused.name}: probe-blind: ")
        assert any(line.startswith(f"{other.name}: migrated") for line in run.verdict)
        assert services.modes() == {refused.nodes[0].name: "embedded", node.name: "timelock"}
        assert f"# {node.name} has this from a template" in node.config_path.read_text()
        services.assert_clean()


def test_the_controller_becomes_no_other_user_where_the_inventory_says_so_of_all_hosts(lab, tmp_path):
    with fleet(lab, tmp_path, 1) as services:
        services.write(_all_become)
        for playbook in ("plan", "status"):
            file = tmp_path / f"{playbook}.json"
            run = services.play(f"{playbook}.yml", "-e", f"timelock_{playbook}_file={file}")
            assert run.ok, run.tail
            assert list(json.loads(file.read_text())["services"]) == [services.services[0].name]


def _all_become(everything):
    """All hosts but the lab's nodes, by a program that is not there."""
    everything["vars"] |= {
        "ansible_become": True, "ansible_become_user": "nobody", "ansible_become_exe": "/nonexistent/sudo",
    }  # fmt: skip
    everything["children"]["atlasdb_services"]["vars"]["ansible_become"] = False
