# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two services of three nodes each move to TimeLock under load, and a checker judges every timestamp they took."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from lab import clusters
from lab.checker import ServiceReport, check_folder
from lab.lab import Lab, services_named, take_down
from lab.layout import DEFAULT_VERSION, MANAGERS, POSTGRES
from lab.playbooks import run_in_steps

LOAD_SECONDS = 3
MIXED = "mixed"


class DemoFailed(Exception):
    """A part of the demonstration did not do what it shows."""


def demonstrate(folder: Path, store: str) -> int:
    """Run the demonstration in ``folder``; 0 where all of it did what it shows.

    ``store``: of both services, or MIXED for one of each kind. Raises RuntimeError when it cannot be had here.
    """
    stores = [POSTGRES, clusters.DEFAULT] if store == MIXED else [store]
    clusters.require([name for name in stores if name != POSTGRES])
    try:
        _demonstrate(folder, stores)
    except DemoFailed as error:
        print(f"\nFAILED: {error}\nThe lab's logs are in {folder}.", file=sys.stderr)
        return 1
    finally:
        take_down(folder)
    print("\nThe lab is down. Everything above is in the journals named there.")
    return 0


def _demonstrate(folder: Path, stores: list[str]) -> None:
    services = services_named(["orders", "users"], 3, list(MANAGERS), DEFAULT_VERSION, stores=stores)
    placed = " and ".join(f"{service.name} on {clusters.described(service.store)}" for service in services)
    _title(f"A fleet: three TimeLock servers, the services {placed}, of three nodes each")
    lab = Lab.up(folder, services)
    _load(lab)
    _title("ansible-playbook playbooks/plan.yml: what would be done, nothing touched")
    _play(lab, "plan.yml")
    _title("ansible-playbook playbooks/migrate.yml, under load before and after")
    _play(lab, "migrate.yml")
    _load(lab)
    _title("ansible-playbook playbooks/migrate.yml once more: nothing left to do")
    _play(lab, "migrate.yml")
    _title("ansible-playbook playbooks/status.yml")
    _play(lab, "status.yml")
    lab.load_off()
    _title("The checker: every timestamp that a node took, by one clock")
    _judge(lab)


def _title(text: str) -> None:
    print(f"\n### {text}", flush=True)


def _load(lab: Lab) -> None:
    lab.load_on()
    time.sleep(LOAD_SECONDS)


def _play(lab: Lab, playbook: str) -> None:
    if run_in_steps(lab.layout.inventory, playbook):
        raise DemoFailed(f"{playbook} failed.")


def _judge(lab: Lab) -> None:
    reports = lab.check()
    ends = _report_of_the_migration(lab)
    for report in reports:
        end = ends[report.service]
        print("\n".join(report.lines()))
        print(
            f"  TS {end['ts']}; outage (first stop to first node serving) {end['outage_seconds']} s, "
            f"window (to the last) {end['window_seconds']} s"
        )
        if not report.ok or report.first_after is None or report.first_after <= int(end["ts"]):
            raise DemoFailed(f"The timestamps of {report.service} are not what they must be.")
    if {report.service for report in reports} != set(lab.services):
        raise DemoFailed("The checker has not seen every service.")
    _control(lab)
    print(f"Reports of the runs: {lab.layout.reports}, of the timestamps: {lab.layout.journal}")


def _report_of_the_migration(lab: Lab) -> dict:
    """The services as the first run of migrate.yml left them."""
    first = min(lab.layout.reports.glob("*.json"))
    services = json.loads(first.read_text(encoding="utf-8"))["services"]
    return {name: service["end"] for name, service in services.items()}


def _control(lab: Lab) -> None:
    """The same history with one timestamp put back must not pass: a checker that cannot fail proves nothing."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "journal"
        shutil.copytree(lab.layout.journal, copy)
        falsified = max(copy.rglob("*.journal"), key=lambda path: path.stat().st_size)
        lines = falsified.read_text(encoding="utf-8").splitlines()
        start, end, _lower, _upper = lines[-1].split()
        lines[-1] = f"{start} {end} 1 1"
        falsified.write_text("\n".join(lines) + "\n", encoding="utf-8")
        caught: list[ServiceReport] = [report for report in check_folder(copy) if not report.ok]
    if not caught:
        raise DemoFailed("The checker passes a history in which a timestamp went back.")
    print(f"Control: with one timestamp of that history put back, the checker says: {caught[0].violations[0]}")
