# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks/timelock_servers.yml says before it touches anything, of three servers that are folders here."""

from __future__ import annotations

import sys

import yaml

from fleet import Run
from lab import playbooks
from lab.timelock import package

NAMES = ("tl-1", "tl-2", "tl-3")


def look(folder, number=3, **variables) -> Run:
    """The playbook in check mode, after which there is nothing of any server."""
    package.write_java(folder / "java")
    everything = {
        "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "timelock_port": 1,
        "timelock_server_java_home": str(folder / "java"),
        "timelock_server_root": str(folder) + "/{{ inventory_hostname }}", "timelock_server_version": "0.1175.0",
        "timelock_server_distribution": "/timelock.sls.tgz", "timelock_server_checksum": f"sha256:{'0' * 64}",
        "timelock_server_lab_ca": True, **variables,
    }  # fmt: skip
    group = {"hosts": {name: {"ansible_host": f"127.0.0.{last}"} for last, name in enumerate(NAMES[:number], 1)}}
    inventory = folder / "inventory.yml"
    inventory.write_text(yaml.safe_dump({"all": {"vars": everything, "children": {"timelock_servers": group}}}))
    run = Run(folder / "run", playbooks.command(inventory, "timelock_servers.yml", "--check"), (), {}).wait()
    assert not run.changed, run.tail
    assert {path.name for path in folder.iterdir()} == {"java", "inventory.yml", "run"}
    return run


def test_check_mode_says_what_would_be_done(tmp_path):
    run = look(tmp_path)
    assert run.ok, run.tail
    said = run.said("Say what would be done")
    for name in NAMES:
        assert f"{name}: nothing, down: install TimeLock 0.1175.0, start as new" in said
    assert any("a private authority that was made for a lab" in line for line in said)


def test_stores_of_a_lab_are_never_made_without_a_yes(tmp_path):
    run = look(tmp_path, timelock_server_lab_ca="false")
    assert not run.ok and run.codes == ["server-tls-missing"], run.tail


def test_two_servers_are_no_cluster(tmp_path):
    run = look(tmp_path, number=2)
    assert not run.ok and run.codes == ["server-config-invalid"], run.tail


def test_that_nobody_verifies_the_servers_is_said_before_anything_is_done(tmp_path):
    said = look(tmp_path, timelock_validate_certs=False).said("Say what would be done")
    assert any("Nobody verifies the certificates of the servers" in line for line in said)


def test_what_a_unit_or_a_command_would_take_for_more_than_a_name_is_refused(tmp_path):
    wrong = {
        "timelock_server_user": "root\n* - nofile 9", "timelock_server_unit": "../../tmp/timelock",
        "timelock_server_backup_directory": "/srv/back ups", "timelock_server_data_directory": "/srv/%h/paxos",
    }  # fmt: skip
    run = look(tmp_path, **wrong)
    assert not run.ok and run.codes == ["server-config-invalid"], run.tail
    (said,) = run.said("Weigh all servers together")
    assert all(repr(value) in said for value in wrong.values()), said
