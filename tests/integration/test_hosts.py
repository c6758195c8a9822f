# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of the lab: each has a root, a service manager, a network and an sshd of its own, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import hosts_here
from lab.hosts import fleet, image, network
from lab.hosts.fleet import PLACES, Hosts, destroy_orphans
from lab.playbooks import environment

TESTS = str(Path(__file__).resolve().parents[1])

pytestmark = hosts_here.only_on_demand


@pytest.fixture(scope="module")
def hosts():
    hosts_here.require()
    made = Hosts.up(["one", "two"], owned=True)
    try:
        yield made
    finally:
        made.down()


def _traces(lab_id: str) -> dict[str, list[str]]:
    """What there is of a lab's hosts on this machine."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return {
        "namespaces": network.namespaces(lab_id),
        "mounts": [line for line in mounts if lab_id in line],
        "folders": [str(path) for path in PLACES.glob(lab_id)],
        "groups": [str(path) for path in image.control_groups().glob(lab_id)],
        "processes": [line for line in commands if lab_id in line],
    }


def test_ansible_reaches_them_by_ssh_as_an_ordinary_user_who_becomes_root(hosts, tmp_path):
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(yaml.safe_dump({"all": {"vars": hosts.connection(), "hosts": hosts.addresses()}}))
    program = Path(sys.executable).parent / "ansible"
    looked = {}
    for become in ("true", "false"):
        look = "id -un; hostname; ps -o comm= 1; ip -o -4 address"
        with hosts.inside():
            done = subprocess.run(
                [program, "-i", inventory, "all", "-m", "ansible.builtin.shell", "-a", look,
                 "-e", json.dumps({"ansible_become": become == "true"})],
                env=environment(ANSIBLE_LOAD_CALLBACK_PLUGINS="1", ANSIBLE_STDOUT_CALLBACK="ansible.builtin.minimal"),
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        looked[become] = done.stdout
    for host in hosts.all.values():
        assert f"root\n{host.name}\nsystemd\n" in looked["true"]
        assert f"ops\n{host.name}\nsystemd\n" in looked["false"]
        assert f"eth0    inet {host.address}/16" in looked["true"]


def test_each_has_a_root_of_its_own_that_outlives_a_power_failure(hosts):
    one, two = hosts["one"], hosts["two"]
    one.run("sh", "-c", "echo mine > /etc/mine; touch /run/mine; sync")
    assert two.run("test", "-e", "/etc/mine", check=False).returncode == 1
    one.power_off()
    assert one.leader() is None
    one.boot()
    one.wait_booted()
    assert one.run("cat", "/etc/mine").stdout == "mine\n"
    assert one.run("test", "-e", "/run/mine", check=False).returncode == 1


def test_a_host_is_cut_off_and_reached_again(hosts):
    def reached() -> bool:
        connect = f"exec 3<>/dev/tcp/{hosts['one'].address}/22"
        return hosts["two"].run("timeout", "1", "bash", "-c", connect, check=False).returncode == 0

    assert reached()
    hosts["one"].cut_off()
    assert not reached()
    hosts["one"].link_up()
    deadline = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < deadline


def test_they_reach_nothing_of_this_machine(hosts):
    (route,) = hosts["one"].run("ip", "route").stdout.splitlines()
    assert route.startswith("10.77.0.0/16 dev eth0")


def test_they_are_destroyed_without_trace():
    hosts_here.require()
    hosts = Hosts.up(["three"], owned=True)
    there = _traces(hosts.hub)
    assert all(there.values()), there
    hosts.down()
    assert not any(_traces(hosts.hub).values()), _traces(hosts.hub)


def test_the_kernel_s_limit_is_raised_for_the_hosts_of_all_labs_together_and_put_back_after_the_last(
    monkeypatch, tmp_path
):
    hosts_here.require()
    limit = tmp_path / "limit"
    limit.write_text("128\n")
    monkeypatch.setattr(fleet, "INOTIFY", limit)
    monkeypatch.setattr(fleet, "PLACES", tmp_path / "places")
    monkeypatch.setattr(fleet, "MANY", 1)
    first = Hosts.make(["five"], owned=True)
    assert limit.read_text() == "128\n"
    second = Hosts.make(["six"], owned=True)
    assert limit.read_text() == "1024"
    second.down()
    assert limit.read_text() == "1024"
    first.down()
    assert limit.read_text() == "128\n"
    assert not fleet.PLACES.exists()


def test_those_of_a_killed_run_are_destroyed_by_the_next():
    hosts_here.require()
    code = """if True:
        from lab.hosts.fleet import Hosts
        print(Hosts.up(["four"], owned=True).hub, flush=True)
        input()
    """
    owner = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=environment(PYTHONPATH=TESTS),
    )  # fmt: skip
    lab_id = owner.stdout.readline().strip()
    there = _traces(lab_id)
    destroy_orphans()
    assert there == _traces(lab_id)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    destroy_orphans()
    assert all(there.values()), there
    assert not any(_traces(lab_id).values()), _traces(lab_id)
