# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's one command: up, load, check, status, down; and what a killed run leaves is ended by the next."""

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

import cassandra_here
from lab import clusters, inventory, processes
from lab.lab import Lab, NoLab, services_named, take_down
from lab.layout import Layout

TESTS = Path(__file__).resolve().parents[1]


def command(*arguments, check=True, **environment):
    environment = {**os.environ, "PYTHONPATH": str(TESTS), **environment}
    return subprocess.run(
        [sys.executable, "-m", "lab", *arguments], check=check, capture_output=True, text=True, env=environment
    )


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


FIRST_THREAD_ENDS = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=[60]).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_is_not_gone_before_its_last_thread():
    started = subprocess.Popen([sys.executable, "-c", FIRST_THREAD_ENDS])
    try:
        wait_for(lambda: Path(f"/proc/{started.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
        process = processes.identify(started.pid)
        assert process is not None
        assert processes.wait_gone([process], 0.3) == [process]
        assert processes.end([process], 5) == []
    finally:
        started.kill()
        started.wait()


def test_up_load_check_status_down(tmp_path):
    folder = str(tmp_path / "lab")
    began = time.monotonic()
    up = command("up", "--dir", folder)
    took = time.monotonic() - began
    try:
        lab = Lab.attach(folder)
        assert took < 20, "8 s on a quiet machine"
        for url in lab.settings.timelock_urls:
            assert url in up.stdout
        status = command("status", "--dir", folder)
        assert status.stdout.count("healthy") == 6
        command("load", "on", "--dir", folder)
        wait_for(lambda: sum(report.timestamps for report in lab.check()) > 2000)
        command("load", "off", "--dir", folder)
        check = command("check", "--dir", folder)
        assert check.stdout.count(" 0 regressions, 0 duplicates") == 2
        report = json.loads(command("check", "--json", "--dir", folder).stdout)
        assert [service["processes"] for service in report["services"]] == [3, 3]
        owned = lab.processes()
        assert len(owned) >= 1 + 3 + 6
    finally:
        command("down", "--dir", folder)
    assert [process for process in owned if processes.is_alive(process)] == []
    assert not Path(lab.settings.temporary).exists()
    assert list((tmp_path / "lab" / "journal").glob("*/*.journal")), "the evidence stays"
    with pytest.raises(NoLab):
        Lab.attach(folder)
    assert command("status", "--dir", folder, check=False).returncode == 1
    assert command("down", "--dir", folder).returncode == 0, "a second time"


def test_load_off_ends_the_load_and_on_holds_for_nodes_that_start_later(tmp_path):
    lab = Lab.up(tmp_path, services_named(["orders"], 1, ["sls"], "0.905.0", leader=False))
    try:
        (node,) = lab.services["orders"].nodes
        assert lab.check()[0].requests <= 2, "off by default"
        lab.load_on(rate=200, span=5)
        wait_for(lambda: lab.check()[0].requests > 100)
        node.stop()
        before = lab.check()[0].requests
        node.start()
        wait_for(lambda: lab.check()[0].requests > before + 100)
        lab.load_off()
        time.sleep(0.2)
        before = lab.check()[0].requests
        time.sleep(1)
        assert lab.check()[0].requests <= before + 1
        assert lab.check()[0].ok
    finally:
        lab.down()


def test_check_fails_on_a_wrong_history_and_on_a_service_without_any(tmp_path):
    lab = Lab.up(tmp_path, services_named(["orders"], 1, ["sls"], "0.905.0", leader=False))
    try:
        lab.node("orders-1").fresh()
        assert command("check", "--dir", str(tmp_path)).returncode == 0
        journal = next((lab.layout.journal / "orders").iterdir())
        lines = journal.read_text().splitlines()
        now = time.monotonic_ns()
        journal.with_name("other.journal").write_text(f"{lines[0]}\n{now} {now} 10001 10001\n")
        wrong = command("check", "--dir", str(tmp_path), check=False)
        assert wrong.returncode == 1
        assert "orders: regression: 10001 by orders-1" in wrong.stdout
        lab.node("orders-1").stop()
        for file in (lab.layout.journal / "orders").iterdir():
            file.write_text(lines[0] + "\n")
        silent = command("check", "--dir", str(tmp_path), check=False)
        assert silent.returncode == 1
        assert "orders: no timestamp taken, nothing checked" in silent.stdout
    finally:
        lab.down()


def test_the_start_scripts_of_both_kinds_start_stop_and_tell(tmp_path):
    lab = Lab.up(tmp_path, services_named(["orders", "users"], 1, ["sls", "command"], "0.905.0", leader=False))
    try:
        for name in ("orders-1", "users-1"):
            node = lab.node(name)

            def script(verb, node=node):
                return subprocess.run([node.script, verb], capture_output=True, check=False).returncode

            first = node.process()
            assert script("status") == 0
            assert script("start") == 0
            assert node.process() == first, "it runs already"
            assert script("stop") == 0
            assert not processes.wait_gone([first], 5)
            assert script("status") == 3
            assert script("stop") == 0, "nothing to stop"
            assert script("start") == 0
            node.wait_healthy()
            node.kill()
            assert script("status") == 1
            assert script("start") == 0
            node.wait_healthy()
    finally:
        lab.down()


def test_the_inventory_says_what_the_collection_asks_for(tmp_path):
    lab = Lab.up(tmp_path, services_named(["orders", "users"], 1, ["sls", "command"], "0.905.0"))
    try:
        listed = json.loads(
            subprocess.run(
                [Path(sys.executable).with_name("ansible-inventory"), "-i", lab.layout.inventory, "--list"],
                check=True, capture_output=True, text=True,
            ).stdout
        )  # fmt: skip
        assert listed["timelock_servers"]["hosts"] == ["tl-1", "tl-2", "tl-3"]
        assert sorted(listed["atlasdb_services"]["children"]) == ["orders", "users"]
        variables = listed["_meta"]["hostvars"]
        assert variables["orders-1"]["atlasdb_service_manager"] == "sls"
        assert Path(variables["orders-1"]["atlasdb_service_unit"], "service/bin/init.sh").exists()
        assert list(
            Path(variables["orders-1"]["atlasdb_service_unit"], "service/lib").glob("atlasdb-client-0.905.0.jar")
        )
        users = variables["users-1"]
        assert users["atlasdb_version"] == "0.905.0"
        assert processes.identify(int(Path(users["atlasdb_pid_file"]).read_text())) == lab.node("users-1").process()
        assert "atlasDbRuntime" in yaml.safe_load(Path(users["atlasdb_runtime_config_path"]).read_text())
        for number, url in enumerate(lab.settings.timelock_urls, 1):
            assert url.endswith(f":{variables[f'tl-{number}']['timelock_port']}")
        assert lab.layout.inventory.stat().st_mode & 0o777 == 0o600
    finally:
        lab.down()


def test_services_on_both_kinds_of_store_in_one_lab(tmp_path):
    cassandra_here.require()
    folder = str(tmp_path)
    up = command("up", "--dir", folder, "--nodes", "1", "--store", "postgres", "--store", "cassandra")
    try:
        lab = Lab.attach(folder)
        (address,) = lab.cassandra["cassandra"].addresses
        assert f"cassandra: {address}:9042" in up.stdout
        assert f"cassandra: 1 of 1 nodes run, {address}" in command("status", "--dir", folder).stdout
        on_postgres, on_cassandra = (yaml.safe_load(lab.node(name).config_path.read_text()) for name in
                                     ("orders-1", "users-1"))  # fmt: skip
        assert on_postgres["atlasdb"]["keyValueService"]["type"] == "relational"
        kvs = on_cassandra["atlas"]["keyValueService"]
        assert (kvs["type"], kvs["servers"], kvs["keyspace"]) == ("cassandra", [f"{address}:9160"], "users")
        children = yaml.safe_load(lab.layout.inventory.read_text())["all"]["children"]
        assert children["cassandra_nodes"] == {"hosts": {"cassandra-1": {"ansible_host": address}}}
        without = inventory.render(lab.layout, list(lab.services.values()), lab.settings.timelock_urls)
        assert "cassandra_nodes" not in yaml.safe_load(without)["all"]["children"]
        assert lab.node("users-1").fresh() in (10_001, 10_002, 10_003)
        (server,) = lab.cassandra["cassandra"].processes()
        assert server in lab.processes()
    finally:
        command("down", "--dir", folder)
    assert not processes.is_alive(server)


def test_no_postgresql_node_loads_what_only_cassandra_needs():
    seen = subprocess.run(
        [sys.executable, "-c", "import sys, lab.node.__main__, lab.node.relational; print('cassandra' in sys.modules)"],
        env={**os.environ, "PYTHONPATH": str(TESTS)}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert seen.stdout == "False\n"


@pytest.mark.parametrize("what", [["demo"], ["up"]], ids=["demo", "up"])
def test_where_there_is_no_cassandra_one_line_says_so_and_nothing_is_left(tmp_path, what):
    refused = command(*what, "--dir", str(tmp_path), "--store", "cassandra", check=False, PATH="/nowhere")
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith("No Cassandra 3.11 here: There is no Java")
    assert refused.stderr.count("\n") == 1
    assert not Layout(tmp_path).settings_file.exists()


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("cassandra", ("3.11", 1, False)),
        ("cassandra-x3", ("3.11", 3, False)),
        ("cassandra-palantir", ("palantir", 1, False)),
        ("cassandra-5.0-x3", ("5.0", 3, False)),
        ("cassandra-tls", ("3.11", 1, True)),
    ],
)
def test_the_name_of_a_store_says_its_version_its_nodes_and_whether_it_speaks_tls(name, shape):
    found = clusters.shape(name)
    assert (found["version"], found["nodes"], found["tls"], found["client_certificates"]) == (*shape, shape[2])


@pytest.mark.parametrize("name", ["mysql", "cassandra-1.2", "cassandra-x4", "cassandra-"])
def test_a_store_that_there_is_not_is_refused(name):
    with pytest.raises(RuntimeError, match=f"There is no store {name}, but postgres, cassandra, cassandra-2.2"):
        clusters.shape(name)


@pytest.mark.parametrize("seconds", [0.3, 0.7, 1.2, 2.0, 3.0])
def test_what_a_killed_up_leaves_is_ended_by_down(tmp_path, seconds):
    folder = tmp_path / "lab"
    killed = subprocess.Popen(
        [sys.executable, "-m", "lab", "up", "--dir", folder],
        env={**os.environ, "PYTHONPATH": str(TESTS)}, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    time.sleep(seconds)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    layout = Layout(folder)
    settings = layout.read_settings() if layout.settings_file.exists() else None
    take_down(folder)
    assert not layout.settings_file.exists()
    if settings is not None:
        assert processes.owned_by(settings.lab_id) == []
        assert not Path(settings.temporary).exists()


def test_a_second_up_ends_the_first_lab_and_begins_afresh(tmp_path):
    one_node = {"nodes": 1, "managers": ["sls"], "version": "0.905.0", "leader": False}
    first = Lab.up(tmp_path, services_named(["orders"], **one_node))
    stray = first.node("orders-1").start_with(first.node("orders-1").config_path, tmp_path / "stray.log")
    owned = first.processes()
    assert processes.identify(stray.pid) in owned, "one that no pid file names"
    first.timelock.kill(0)
    first.timelock.start_node(0)
    first.postgres.kill()
    first.postgres.start()
    server = first.postgres.process()
    first.layout.reports.mkdir()
    (first.layout.reports / "of-a-run.json").touch()
    second = Lab.up(tmp_path, services_named(["orders"], **one_node))
    try:
        assert [process for process in [*owned, server] if processes.is_alive(process)] == []
        assert [index for index in range(3) if first.timelock.urls[index] in second.timelock.urls] == []
        assert second.node("orders-1").fresh() < 10_010
        assert not second.layout.reports.exists(), "a run on the first lab says nothing of the second"
    finally:
        second.down()
