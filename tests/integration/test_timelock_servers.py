# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/timelock_servers.yml on three hosts of their own, with packages that hold the simulator."""

from __future__ import annotations

import pytest

import hosts_here
from cassandra_here import only_wide
from fleet import wait_for
from lab.hosts.fleet import Hosts
from timelock_hosts import NAMES, OPEN_FILES, Servers

pytestmark = only_wide

OLD, NEW, NEWEST = "0.1174.0", "0.1175.0", "0.1176.0"


@pytest.fixture(scope="module")
def hosts():
    hosts_here.require()
    made = Hosts.up((*NAMES, "tl-4"), owned=True)
    yield made
    made.down()


@pytest.fixture(scope="module")
def servers(hosts, tmp_path_factory):
    return Servers(hosts, tmp_path_factory.mktemp("servers"))


@pytest.fixture(scope="module")
def cluster(servers):
    """Founded, with OLD."""
    run = servers.play(OLD)
    assert run.ok, run.tail
    return servers


def modes(host, *paths):
    found = host.run("stat", "--format=%a %U", *(f"/opt/timelock/{path}" for path in paths)).stdout.splitlines()
    return dict(zip(paths, found, strict=True))


def test_a_cluster_is_founded_and_has_been_started_again_as_one_that_is_not_new(cluster):
    for name in NAMES:
        assert cluster.configuration(name)["install"]["paxos"]["is-new-service"] is False
        assert (cluster.record(name)["state"], cluster.record(name)["version"]) == ("serving", OLD)
        assert cluster.file(name, "current").readlink().name == OLD
        restarts = cluster.hosts[name].run("journalctl", "--unit=timelock", "--grep=Started").stdout
        assert restarts.count("Started") == 2, "once as new, and once as what it is"


def test_the_run_ends_with_the_proof_that_they_are_one_cluster(cluster):
    (said,) = cluster.runs[0].said("Say what was proved")
    assert said.startswith("3 servers answer, https://10.77.0.") and "leads for all of them" in said


def test_a_server_runs_as_its_own_user_may_open_many_files_and_is_stopped_gracefully(cluster):
    host = cluster.hosts["tl-1"]
    assert cluster.open_files("tl-1") == [OPEN_FILES] * 2
    assert host.run("ps", "-o", "user=", "-p", cluster.process("tl-1")).stdout.strip() == "timelock"
    host.run("systemctl", "stop", "timelock")
    about = "--property=ActiveState,Result,ExecMainCode,ExecMainStatus"
    shown = host.run("systemctl", "show", about, "timelock").stdout
    host.run("systemctl", "start", "timelock")
    # It ended by itself (1), as Java does on SIGTERM.
    assert set(shown.split()) == {"ActiveState=inactive", "Result=success", "ExecMainCode=1", "ExecMainStatus=143"}
    cluster.await_all()


def test_a_server_that_crashes_is_started_again(cluster):
    before = cluster.process("tl-2")
    cluster.hosts["tl-2"].run("kill", "-KILL", before)
    wait_for(lambda: cluster.process("tl-2") not in ("0", before), "systemd starts it again")
    cluster.await_all()


def test_secrets_are_the_server_s_own(cluster):
    assert modes(cluster.hosts["tl-1"], "var/conf/timelock.yml", "var/security/keystore.pkcs12", "cluster.json") == {
        "var/conf/timelock.yml": "600 timelock",
        "var/security/keystore.pkcs12": "600 timelock",
        "cluster.json": "600 root",
    }
    password = cluster.configuration("tl-1")["server"]["applicationConnectors"][0]["keyStorePassword"]
    assert len(password) == 24
    assert password not in "".join(run.output for run in cluster.runs)


def test_a_second_run_changes_nothing_and_restarts_nobody(cluster):
    before = cluster.processes()
    run = cluster.play(OLD)
    assert run.ok and not run.changed, (run.changed, run.tail)
    assert cluster.processes() == before


def test_an_upgrade_loses_no_timestamp_and_keeps_a_backup_of_each_server(cluster):
    before = cluster.fresh("orders")
    with cluster.load("orders") as taken:
        run = cluster.play(NEW)
    assert run.ok, run.tail
    assert taken == sorted(set(taken)) and taken[0] > before
    assert cluster.fresh("orders") > taken[-1]
    for name in NAMES:
        assert (cluster.record(name)["version"], cluster.file(name, "current").readlink().name) == (NEW, NEW)
        (backup,) = cluster.file(name, "backups").glob(f"{OLD}-before-{NEW}-*.tar.gz")
        packed = cluster.hosts[name].run("tar", "--list", "--file", f"/opt/timelock/backups/{backup.name}").stdout
        assert "opt/timelock/var/data/sqlitePaxos/./sqliteData.db\n" in packed
        assert "opt/timelock/var/data/paxos/./leaderPaxos/acceptor/-1\n" in packed
        assert modes(cluster.hosts[name], f"backups/{backup.name}", "backups") == {
            f"backups/{backup.name}": "600 root", "backups": "700 root",
        }  # fmt: skip


def refused(cluster, code, *arguments, **settings):
    """What the run said, that must have refused and left every server alone."""
    before = cluster.processes()
    run = cluster.play(*arguments, **settings)
    assert not run.ok and run.codes[:1] == [code], run.tail
    assert not run.changed and cluster.processes() == before
    return run.output


@pytest.mark.parametrize("asked", ["timelock-server-0.1174.0.sls.tgz", "not-there.sls.tgz"])
def test_a_package_that_the_web_does_not_have_is_refused_and_no_login_is_told(cluster, asked):
    with cluster.web() as url:
        away = url.replace("//", "//reader:url-secret-71c2@")
        output = refused(cluster, "server-package", NEWEST, timelock_server_distribution=f"{away}/{asked}")
    assert ("404" if asked.startswith("not") else "did not match") in output and "url-secret-71c2" not in output


def test_a_downgrade_that_would_read_half_of_the_data_is_refused(cluster):
    output = refused(cluster, "server-downgrade", "0.408.0", timelock_server_accept_old_version="for a test")
    assert f"From TimeLock {NEW} to 0.408.0 crosses 0.1000.0" in output


def test_a_member_that_would_be_added_is_refused_with_the_reason(cluster):
    output = refused(cluster, "server-members-changed", NEW, names=(*NAMES, "tl-4"))
    assert "10.77.0.4:8421 would be added" in output and "has no way to change them" in output


def test_a_run_for_a_part_of_the_cluster_is_refused(cluster):
    assert "This run leaves out tl-2, tl-3" in refused(cluster, "server-cluster-split", NEW, "--limit=tl-1,localhost")


def test_check_mode_says_what_would_be_done_and_does_not(cluster):
    before = cluster.processes()
    run = cluster.play(OLD, "--check")
    assert run.ok and not run.changed, run.tail
    assert f"tl-1: serving, up: downgrade from {NEW} to {OLD}" in run.said("Say what would be done")
    assert cluster.processes() == before


def test_a_changed_setting_restarts_one_server_after_the_other(cluster):
    before = cluster.processes()
    with cluster.load("orders") as taken:
        run = cluster.play(NEW, timelock_server_settings={"runtime": {"max-number-of-clients": 900}})
    assert run.ok, run.tail
    assert taken == sorted(set(taken)) and taken
    for name in NAMES:
        assert cluster.configuration(name)["runtime"]["max-number-of-clients"] == 900
        assert cluster.process(name) not in ("0", before[name])
    run = cluster.play(NEW)
    assert run.ok, run.tail
    assert "max-number-of-clients" not in cluster.configuration("tl-1")["runtime"]


def test_a_run_that_was_killed_between_stop_and_start_is_gone_on_with(cluster):
    before = cluster.fresh("orders")
    killed = cluster.begin(OLD)
    try:
        wait_for(lambda: any(event.get("name") == "Configure it" for event in killed.events), "a server is stopped")
    finally:
        killed.kill_with_workers()
    down = [name for name in NAMES if cluster.process(name) == "0"]
    assert len(down) == 1
    run = cluster.play(OLD)
    assert run.ok, run.tail
    assert {cluster.record(name)["version"] for name in NAMES} == {OLD}
    assert cluster.fresh("orders") > before
    run = cluster.play(OLD)
    assert run.ok and not run.changed, (run.changed, run.tail)


def test_a_second_server_is_not_stopped_while_another_is_down(cluster):
    """The one that is down cannot be brought back: its key store cannot be read."""
    cluster.hosts["tl-2"].run("systemctl", "stop", "timelock")
    cluster.hosts["tl-2"].run("chmod", "000", "/usr/lib/jvm/lab/bin/openssl")
    try:
        run = cluster.play(OLD, timelock_server_start_timeout=20)
        assert not run.ok and run.codes[-1:] == ["server-not-serving"], run.tail
        assert cluster.process("tl-1") != "0" and cluster.process("tl-3") != "0"
    finally:
        cluster.hosts["tl-2"].run("chmod", "755", "/usr/lib/jvm/lab/bin/openssl")
    cluster.hosts["tl-2"].run("systemctl", "reset-failed", "timelock", check=False)
    run = cluster.play(OLD)
    assert run.ok, run.tail


def test_a_cluster_whose_power_failed_is_started_as_what_it_is(cluster):
    before = cluster.fresh("orders")
    for name in NAMES:
        cluster.hosts[name].run("systemctl", "kill", "--signal=KILL", "timelock")
        cluster.hosts[name].run("systemctl", "stop", "timelock")
    run = cluster.play(OLD)
    assert run.ok, run.tail
    assert cluster.fresh("orders") > before


@pytest.mark.parametrize("lost", ["var/data/paxos", "var/data/sqlitePaxos"])
def test_a_server_that_misses_its_data_is_not_made_new(cluster, lost):
    cluster.hosts["tl-3"].run("systemctl", "stop", "timelock")
    cluster.hosts["tl-3"].run("mv", f"/opt/timelock/{lost}", "/opt/timelock/kept")
    try:
        output = refused(cluster, "server-data-lost", OLD)
        assert f"tl-3 has started before, and /opt/timelock/{lost} is absent" in output
        cluster.hosts["tl-3"].run("mkdir", f"/opt/timelock/{lost}")
        assert "is empty" in refused(cluster, "server-data-lost", OLD)
        cluster.hosts["tl-3"].run("rmdir", f"/opt/timelock/{lost}")
    finally:
        cluster.hosts["tl-3"].run("mv", "/opt/timelock/kept", f"/opt/timelock/{lost}")
    run = cluster.play(OLD)
    assert run.ok, run.tail


def test_a_host_that_was_replaced_by_an_empty_one_is_not_made_new(cluster):
    cluster.hosts["tl-3"].run("systemctl", "stop", "timelock")
    cluster.hosts["tl-3"].run("mv", "/opt/timelock", "/opt/kept")
    output = refused(cluster, "server-data-lost", OLD)
    assert "tl-3 has no data and no record of this cluster" in output
    assert not cluster.file("tl-3", "").exists()
    cluster.hosts["tl-3"].run("mv", "/opt/kept", "/opt/timelock")
    run = cluster.play(OLD)
    assert run.ok, run.tail
