# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster without units, by init.sh alone, from the oldest shape of the configuration to the newest. The servers
fetch their packages from the web; their data lie in a folder that is not theirs alone, and with one of them on another
disk, by a link.

It is one story, told once; the tests are what must be true of it.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import hosts_here
from cassandra_here import only_wide
from fleet import Run
from lab.hosts.fleet import Hosts
from timelock_hosts import NAMES, OPEN_FILES, Servers

pytestmark = only_wide

FIRST, SECOND, THIRD = VERSIONS = "0.139.0", "0.408.0", "0.1175.0"
OLD = "the test is of its configuration"
DATA = "/srv/shared/paxos"
DISK = "/srv/disk"


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    hosts_here.require()
    hosts = Hosts.up(NAMES, owned=True)
    try:
        for host in hosts.all.values():
            host.run("install", "--directory", "--mode=1777", str(Path(DATA).parent))
        hosts["tl-3"].run("useradd", "--shell=/bin/sh", "--home-dir=/var/empty", "timelock")
        yield _told(Servers(hosts, tmp_path_factory.mktemp("servers")))
    finally:
        hosts.down()


def _told(servers: Servers) -> SimpleNamespace:
    told = SimpleNamespace(servers=servers, runs={}, taken={}, configurations={}, fresh=[])
    with servers.web() as url:
        for version in VERSIONS:
            if version == FIRST:
                told.runs[version] = _play(servers, url, version)
            else:
                with servers.load("orders") as told.taken[version]:
                    told.runs[version] = _play(servers, url, version)
            told.configurations[version] = servers.configuration("tl-1")
            told.fresh.append(servers.fresh("orders"))
            if version == SECOND:
                _move_to_another_disk(servers, "tl-1")
        told.runs["again"] = _play(servers, url, THIRD)
        told.limits = servers.open_files("tl-2")
        for host in servers.hosts.all.values():
            host.power_off()
            host.boot()
            host.wait_booted()
        told.after_boot = servers.processes()
        told.runs["booted"] = _play(servers, url, THIRD)
        told.fresh.append(servers.fresh("orders"))
        told.up = servers.processes()
        told.runs["deaf"] = _play_with_a_server_that_does_not_stop(servers, url)
        told.after_deaf = servers.processes()
        told.runs["heard"] = _play(servers, url, THIRD)
        told.fresh.append(servers.fresh("orders"))
    return told


def _play(servers: Servers, url: str, version: str, **more: object) -> Run:
    return servers.play(
        version, timelock_server_manager="sls", timelock_server_accept_old_version=OLD,
        timelock_server_distribution=f"{url}/{servers.path(version).name}", timelock_server_data_directory=DATA, **more,
    )  # fmt: skip


def _play_with_a_server_that_does_not_stop(servers: Servers, url: str) -> Run:
    """The first to be stopped; it hears of that only after the run."""
    process = servers.process("tl-1")
    servers.hosts["tl-1"].run("kill", "-STOP", process)
    try:
        return _play(
            servers, url, THIRD, timelock_server_settings={"runtime": {"max-number-of-clients": 900}},
            timelock_server_stop_timeout=5, timelock_server_start_timeout=10,
        )  # fmt: skip
    finally:
        servers.hosts["tl-1"].run("kill", "-CONT", process)


def _move_to_another_disk(servers: Servers, name: str) -> None:
    """As an operator does it whose disk is full: the server is stopped, and started again."""
    host = servers.hosts[name]
    init = "/opt/timelock/current/service/bin/init.sh"
    host.run("runuser", "--user=timelock", "--", init, "stop")
    host.run("mkdir", "-p", DISK)
    host.run("mv", DATA, f"{DISK}/paxos")
    host.run("ln", "-s", f"{DISK}/paxos", DATA)
    host.run("runuser", "--user=timelock", "--", "env", "JAVA_HOME=/usr/lib/jvm/lab", init, "start")
    servers.await_all()


@pytest.mark.parametrize("name", [*VERSIONS, "again", "booted", "heard"])
def test_every_run_succeeds(story, name):
    assert story.runs[name].ok, story.runs[name].tail


def test_the_configuration_has_the_shape_of_each_version(story):
    assert {version: sorted(found) for version, found in story.configurations.items()} == {
        FIRST: ["algorithm", "clients", "cluster", "server"],
        SECOND: ["install", "runtime", "server"],
        THIRD: ["install", "runtime", "server"],
    }
    assert "cluster" in story.configurations[SECOND]["install"]
    assert "cluster-config-not-live-reloaded" in story.configurations[THIRD]["runtime"]
    for version in (SECOND, THIRD):
        assert story.configurations[version]["install"]["paxos"]["is-new-service"] is False


def test_every_version_lies_beside_the_others_and_the_last_one_runs(story):
    for name in NAMES:
        folders = story.servers.file(name, "versions").iterdir()
        assert {folder.name for folder in folders} == {*VERSIONS}
        assert story.servers.file(name, "current").readlink().name == THIRD


def test_no_upgrade_lost_a_timestamp(story):
    assert set(story.taken) == {SECOND, THIRD} and all(story.taken.values())
    taken = [*story.taken[SECOND], *story.taken[THIRD]]
    assert taken == sorted(set(taken))
    assert story.fresh == sorted(set(story.fresh)) and story.fresh[-1] > taken[-1]


def test_a_second_run_changes_nothing(story):
    assert not story.runs["again"].changed


def test_a_server_without_a_unit_may_open_as_many_files(story):
    assert story.limits == [OPEN_FILES] * 2


def test_nothing_but_a_run_starts_it_after_a_boot_and_then_as_what_it_is(story):
    assert set(story.after_boot.values()) == {"0"}
    assert "0" not in story.up.values()


def test_a_server_that_does_not_stop_ends_the_run_before_another_is_touched(story):
    assert not story.runs["deaf"].ok, story.runs["deaf"].tail
    assert [story.after_deaf[name] for name in NAMES[1:]] == [story.up[name] for name in NAMES[1:]]


def test_the_backup_of_a_data_directory_that_is_a_link_has_the_data(story):
    (backup,) = story.servers.file("tl-1", "backups").glob(f"{SECOND}-before-{THIRD}-*.tar.gz")
    packed = story.servers.hosts["tl-1"].run("tar", "--list", "--file", f"/opt/timelock/backups/{backup.name}").stdout
    assert "srv/shared/paxos/./leaderPaxos/acceptor/-1\n" in packed
    assert (story.servers.hosts["tl-1"].root / DATA.lstrip("/")).is_symlink()


def test_neither_a_folder_nor_a_user_that_was_there_is_changed(story):
    for host in story.servers.hosts.all.values():
        assert host.run("stat", "--format=%a %U", str(Path(DATA).parent)).stdout == "1777 root\n"
    there = story.servers.hosts["tl-3"].run("getent", "passwd", "timelock").stdout
    assert there.endswith(":/var/empty:/bin/sh\n")
