# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Suites that run the collection against real parts."""

from __future__ import annotations

import os
import subprocess
import sys

from checkout import ROOT
from checks import fleets
from checks.outcome import Failed, Log, Skipped

LACKING = 1
"""What `lab hosts image` ends with where something is not installed."""


def integration(log: Log) -> None:
    # Fleets wait a third of their time.
    _pytest(log, ["tests/integration"], 3)


def migration(log: Log) -> None:
    """One story of the integration tests: plan, check mode, migrations, a second run, status."""
    _pytest(log, ["tests/integration/test_migrate.py"], 1)


def clusters(log: Log) -> None:
    """The store on several nodes of Cassandra that are lost, and how the lab's own nodes use Cassandra."""
    _pytest(
        log, ["tests/integration/test_cassandra_cluster.py", "tests/integration/test_lab_node_cassandra.py"], 2,
        LAB_CLUSTERS="true",
    )  # fmt: skip


def _pytest(log: Log, tests: list[str], processes: int, **settings: str) -> None:
    options = ["-p", "no:cacheprovider", "-rfEs", "--import-mode=importlib", "--durations=15", "-q"]
    # The tests of a file share a fleet, so they stay together.
    options += [f"--numprocesses={processes}", "--dist=loadfile", "--no-loadscope-reorder"] if processes > 1 else []
    # A driver warns of every node that does not answer, which would bury what failed.
    options += ["--log-level=ERROR"]
    path = f"{os.environ['ANSIBLE_COLLECTIONS_PATH']}:{ROOT / 'tests'}"
    with fleets.only_run() as env:
        log.run(sys.executable, "-m", "pytest", *options, *tests, env={**env, "PYTHONPATH": path, **settings})


def molecule(log: Log) -> None:
    _molecule(log, "default")


def hosts(log: Log) -> None:
    """The playbooks over SSH, on hosts that have a root and a service manager of their own.

    Where we are a root who may make hosts, and CI is set, what they lack is no reason to skip it.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(
        [sys.executable, "-m", "lab", "hosts", "image"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = done.stdout.strip()
        raise Failed(reason) if done.returncode == LACKING and os.environ.get("CI") else Skipped(reason)
    _molecule(log, "hosts")
    _pytest(
        log, ["tests/integration/test_hosts.py", "tests/integration/test_end_to_end_on_hosts.py"], 1,
        LAB_ON_HOSTS="true",
    )  # fmt: skip


def _molecule(log: Log, scenario: str) -> None:
    with fleets.only_run() as env:
        env["NO_COLOR"] = "1"
        # What a killed run left would make this one skip its first steps.
        log.run("molecule", "reset", "--scenario-name", scenario, env=env)
        log.run("molecule", "test", "--scenario-name", scenario, "--no-command-borders", env=env)
