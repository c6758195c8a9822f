# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of migrate.yml through its faults, what it left, and whether the next one finishes it."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from chaos.faults import End, OfAService, OfTheFleet, is_held
from chaos.schedules import Schedule, Strike, of_fleet, of_service
from fleet import ACTIVE, CASSANDRA, STEPS, Fleet, Run, fleet, new_lab, wait_for
from lab.checker import ServiceReport, check_folder
from lab.lab import Lab
from lab.layout import POSTGRES
from lab.service import Node, Service

SERVICES_A_LAB = {POSTGRES: 160, CASSANDRA: 30}
"""Then a new one is made: what its servers keep only grows, and a Cassandra of a lab has little memory for it."""

STORES = tuple(SERVICES_A_LAB)

BEFORE = "before"
"""A fault that begins there is there when the run begins."""

MIGRATED, AS_IT_WAS, HELD = "migrated", "as it was", "held"
RUNS_AFTER = 3
WAITS = {
    "atlasdb_stop_timeout": 10, "atlasdb_start_timeout": 40, "timelock_timeout": 10, "timelock_session_wait": 5,
}  # fmt: skip
"""Shorter than an engineer would have them: most faults here outlast any wait."""

MAY_BE_HELD = {
    "controller_killed", "store_paused", "store_killed", "sessions_ended", "table_locked", "node_rebooted",
    "node_paused", "folder_sealed", "configuration_rewritten", "client_on_a_copy", "suspended_client_on_a_copy",
}  # fmt: skip
"""Faults under which host or store may be out of reach, or the run is: an active store may have held nodes then."""


@dataclass
class Told:
    """How each schedule ended, in one word each for after the run; what is wrong, in sentences."""

    fleet: tuple[Strike, ...]
    schedules: list[Schedule]
    ends: dict[int, str] = field(default_factory=dict)
    codes: list[str] = field(default_factory=list)
    runs: int = 0
    timestamps: int = 0
    wrong: list[str] = field(default_factory=list)


def batches(numbers: range, services: int, store: str) -> Iterator[tuple[Lab, Path, range]]:
    """The batches, of so many services each, that ``numbers`` are, with a lab and a folder: new ones every few."""
    a_lab = max(SERVICES_A_LAB[store] // services, 1) * services
    for first in range(0, len(numbers), a_lab):
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder, new_lab(Path(folder) / "lab") as lab:
            of_lab = numbers[first : first + a_lab]
            for start in range(0, len(of_lab), services):
                yield lab, Path(folder), of_lab[start : start + services]


def run_batch(lab: Lab, folder: Path, numbers: range, store: str = POSTGRES) -> Told:
    """Migrate a service for each number through its faults; then without any, until all are migrated."""
    schedules = [of_service(number, store, STEPS) for number in numbers]
    told = Told(of_fleet(numbers[0], STEPS), schedules)
    counts = [schedule.nodes for schedule in schedules]
    with fleet(lab, folder, *counts, stores=(store,), rate=3) as services:
        services.set(timelock_waves=[len(schedules)], timelock_max_failed_services=len(schedules), **WAITS)
        copies = {node: node.config_path.read_bytes() for node in services.nodes}
        run = _through_the_faults(services, told, folder, store)
        told.codes = sorted(set(run.codes))
        bring_up_what_may_run(services)
        for schedule, service in zip(schedules, services.services, strict=True):
            told.ends[schedule.number] = end_of(services, service, copies)
            _judge(told, schedule, services, service)
        _finish(services, told)
        _check(services, told)
    return told


def _through_the_faults(services: Fleet, told: Told, folder: Path, store: str) -> Run:
    targets = [OfAService(services.lab, service, folder / f"{service.name}.yml") for service in services.services]
    plans = [(target, strike) for target, schedule in zip(targets, told.schedules, strict=True)
             for strike in schedule.strikes]  # fmt: skip
    return run_with(services, plans, store, told.fleet)


def run_with(
    services: Fleet, plans: list[tuple[OfAService, Strike]], store: str = POSTGRES, of_all: tuple[Strike, ...] = ()
) -> Run:
    """migrate.yml, with every fault begun and ended at its step; all of them are over when this returns."""
    going_on: list[tuple[str | None, End]] = []
    everything = list(plans)

    def strike_at(moment: str) -> None:
        for until, end in [each for each in going_on if each[0] == moment]:
            going_on.remove((until, end))
            end()
        for target, strike in everything:
            if strike.begins == moment:
                going_on.append((strike.ends, target.begin(strike.fault)))

    strike_at(BEFORE)
    run = services.begin("migrate.yml", breakpoints=tuple(f"begin-{step}" for step in STEPS))
    everything += [(OfTheFleet(services.lab, store, run.kill), strike) for strike in of_all]
    try:
        for step in _reached(run):
            strike_at(step)
            run.go_on(f"begin-{step}")
        run.wait()
    finally:
        run.kill()
        for _until, end in reversed(going_on):
            end()
        for target, _strike in plans:
            target.end_clients()
    return run


def _reached(run: Run) -> Iterator[str]:
    """The steps that begin, each when it does; until the run has ended. One may be left out by every service."""
    left = list(STEPS)
    while (step := _next_of(run, left)) is not None:
        left = left[left.index(step) + 1 :]
        yield step


def _next_of(run: Run, steps: list[str]) -> str | None:
    def found() -> list[str | None]:
        waiting = [step for step in steps if run.waits_at(f"begin-{step}")]
        return waiting or ([None] if run.process.poll() is not None else [])

    return wait_for(found, "a step", 1200)[0]


def bring_up_what_may_run(services: Fleet) -> None:
    """As the messages ask for: nodes that are down and not held, on the configuration that belongs to their store."""
    for service in services.services:
        active = services.store(service)[0] == ACTIVE
        for node in service.nodes:
            on_timelock = "timelock:" in node.config_path.read_text()
            if node.process() is None and not is_held(node) and on_timelock != active:
                node.start()
    for node in services.nodes:
        with contextlib.suppress(TimeoutError):
            wait_for(lambda node=node: node.process() is None or node.health() is None, node.name, 30)


def _give_the_kept_file_back(node: Node) -> None:
    """To a node whose file was rewritten while it was held, as the runbook says under 'Nodes stay held'."""
    folder, name = node.config_path.parent, node.config_path.name
    marker = folder / f".{name}.timelock-held"
    if marker.exists() and not is_held(node):
        kept = json.loads(marker.read_text())["sha256"][:16]
        (folder / f".{name}.timelock-kept-{kept}").rename(node.config_path)
        marker.unlink()


def end_of(services: Fleet, service: Service, copies: dict[Node, bytes]) -> str:
    active = services.store(service)[0] == ACTIVE
    if all(node.health() is None for node in service.nodes):
        if not active and {node.mode() for node in service.nodes} == {"timelock"}:
            return MIGRATED
        if active and all(node.config_path.read_bytes() == copies[node] for node in service.nodes):
            return AS_IT_WAS
    return HELD


def _judge(told: Told, schedule: Schedule, services: Fleet, service: Service) -> None:
    faults = {strike.fault for strike in (*told.fleet, *schedule.strikes)}
    if told.ends[schedule.number] == HELD and services.store(service)[0] == ACTIVE and not faults & MAY_BE_HELD:
        told.wrong.append(f"{schedule.number}: not put back, though its store is active and could be read")


def _finish(services: Fleet, told: Told) -> None:
    while told.runs < RUNS_AFTER:
        run = services.play("migrate.yml")
        told.runs += 1
        if run.ok:
            return
        bring_up_what_may_run(services)
        for node in services.nodes:
            _give_the_kept_file_back(node)
    told.wrong += [f"not migrated after {RUNS_AFTER} runs without faults: {line}" for line in run.reasons + run.verdict]
    for node in services.nodes:
        if node.process() is None:
            told.wrong.append(f"{node.name} is down; its log ends: {node.log()[-500:]}")


def _check(services: Fleet, told: Told) -> None:
    with contextlib.suppress(TimeoutError):
        services.await_more_timestamps(5)
    reports = reports_of(services)
    told.timestamps = sum(report.timestamps for report in reports)
    told.wrong += wrong_timestamps(reports)
    for service, schedule in _paired(services, told):
        for node in service.nodes:
            if (node.mode(), node.health()) != ("timelock", None):
                told.wrong.append(f"{schedule.number}: {node.name} is {node.mode()}: {node.health()}")


def reports_of(services: Fleet) -> list[ServiceReport]:
    """What the checker says of all that the services took."""
    names = {service.name for service in services.services}
    return [report for report in check_folder(services.lab.layout.journal) if report.service in names]


def wrong_timestamps(reports: list[ServiceReport]) -> list[str]:
    return [line for report in reports if not report.ok for line in report.lines()]


def _paired(services: Fleet, told: Told) -> list[tuple[Service, Schedule]]:
    return list(zip(services.services, told.schedules, strict=True))
