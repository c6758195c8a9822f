# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the plan of a large fleet takes: the one remote task of each of its nodes, and all the rest.

usage: python -m bench.plan [--services 10,1000] [--nodes NUMBER] [--table FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.table import machine
from lab import inventory, playbooks
from lab.lab import Lab, services_named
from lab.layout import DEFAULT_VERSION
from lab.service import Service

LOOK = "Look at the node and its configuration"

PAGE = """\
# The plan of a large fleet

`make benchplan` measures what follows and writes this page: `plan.yml` of so many services, nodes each: {nodes}.
All of them are on one machine, which is the controller too, with a PostgreSQL and three simulated TimeLock servers.
Each service has a database and a login of its own, each node its folder and its configuration. No node runs, since no
machine of this size has room for them: so the plan refuses every service, by the same looks at the same files, stores
and servers.

| services | nodes | the look at every node, s | all the rest, s | remote tasks a node |
|---|---|---|---|---|
{rows}

The budget for all the rest is 60 s with 1,000 services, and one remote task a node.

With:

- {machine};
- local connections, pipelining, forks as in `tests/ansible.cfg`;
- the load of the machine was {load:.1f} when it began.
"""


@dataclass(frozen=True)
class Planned:
    """Seconds of the remote task and of all that is before and after it; remote tasks of the node that had most."""

    services: int
    nodes: int
    look: float
    rest: float
    remote: int


def plan(lab: Lab, folder: Path, count: int, nodes: int) -> Planned:
    """Plan a new fleet. Raises RuntimeError where there comes no plan of all of it."""
    names = [f"of{count}x{number}" for number in range(count)]
    services = [
        Service(lab.layout, lab.settings.lab_id, settings)
        for settings in services_named(names, nodes, ["sls"], DEFAULT_VERSION)
    ]
    for service in services:
        service.write(lab.make_database(service.settings))
    path = folder / f"inventory-{count}.yml"
    path.write_text(inventory.render(lab.layout, services, lab.settings.timelock_urls))
    run = folder / f"run-{count}"
    run.mkdir()
    document = folder / f"plan-{count}.json"
    environment = playbooks.environment(
        ANSIBLE_CALLBACK_PLUGINS=str(playbooks.CALLBACKS), ANSIBLE_CALLBACKS_ENABLED="breakpoints", LAB_RUN=str(run)
    )  # fmt: skip
    began = time.monotonic()
    with open(run / "output", "wb") as output:
        subprocess.run(
            playbooks.command(path, "plan.yml", "-e", f"timelock_plan_file={document}"), cwd=playbooks.ROOT,
            env=environment, stdout=output, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    whole = time.monotonic() - began
    if not document.exists() or len(json.loads(document.read_text())["services"]) != count:
        raise RuntimeError(f"There is no plan of {count} services:\n{(run / 'output').read_text()[-3000:]}")
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    tasks = [event for event in events if event["event"] == "task"]
    (at,) = [number for number, task in enumerate(tasks) if task["name"] == LOOK]
    looked = [event["host"] for event in events if event["event"] == "result" and event["task"] == LOOK]
    look = tasks[at + 1]["at"] - tasks[at]["at"]
    return Planned(count, len(set(looked)), look, whole - look, max(map(looked.count, set(looked))))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.plan", description=__doc__.partition("\n")[0])
    parser.add_argument("--services", default="10,1000", help="sizes of the fleet (10,1000)")
    parser.add_argument("--nodes", type=int, default=1, help="nodes of each service (1)")
    parser.add_argument("--table", type=Path, help="a file in which to write the results")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        lab = Lab.up(folder / "lab", [])
        try:
            for count in map(int, options.services.split(",")):
                found.append(plan(lab, folder, count, options.nodes))
                print(found[-1], flush=True)
        finally:
            lab.down()
    rows = "\n".join(
        f"| {each.services} | {each.nodes} | {each.look:.1f} | {each.rest:.1f} | {each.remote} |" for each in found
    )
    whole = PAGE.format(nodes=options.nodes, rows=rows, machine=machine(), load=load)
    print(whole)
    if options.table:
        options.table.write_text(whole, encoding="utf-8")


if __name__ == "__main__":
    main()
