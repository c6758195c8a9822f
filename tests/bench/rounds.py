# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A round: a new service of a lab is stopped and started by a bare playbook, and then migrated; or is migrated and
brought back.

All by ansible-playbook as its user has it, and with the environment's own Python on the nodes: neither the tests'
controller (lab.controller_python) nor the lab's hosts' Python (lab.host_python), which both do less than that.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from bench import ssh
from bench.observed import Figures, Observer, figures
from lab import inventory, playbooks
from lab.lab import Lab, services_named
from lab.layout import DEFAULT_VERSION
from lab.service import Service

BARE = Path(__file__).with_name("bare.yml")
NODES = 3
ADDRESSES = [f"127.0.1.{number}" for number in range(1, NODES + 1)]
TAIL_LINES = 40


class Failed(Exception):
    """A playbook of the bench did not end well; with the end of its output."""


def in_turn(count: int, cases: list, play: Callable, line: Callable[[object, dict[str, Figures]], str]) -> dict:
    """So many rounds of each case, in turn, so that what else the machine does falls on all of them.

    `play(lab, folder, name, case, login)` is one of the rounds below; each is said as a `line`. Raises what it raises.
    """
    results: dict[object, list[dict[str, Figures]]] = {case: [] for case in cases}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        login = None if ssh.why_not() else stack.enter_context(ssh.server(folder, ADDRESSES))
        lab = Lab.up(folder / "lab", [])
        stack.callback(lab.down)
        for number in range(count):
            for index, case in enumerate(cases):
                name = f"s{index}x{number}"
                results[case].append(play(lab, folder / name, name, case, login))
                print(line(case, results[case][-1]), flush=True)
    return results


def play_round(lab: Lab, folder: Path, name: str, in_inventory: int, login: dict | None) -> dict[str, Figures]:
    """`bare` and `migrate` of a service of this name, in an inventory of so many services.

    `login`: how Ansible logs in to ADDRESSES, or None for connections without ssh. Raises Failed.
    """
    with _new_service(lab, folder, name) as service:
        play = _player(lab, folder, service, in_inventory, login)
        return {"bare": play("bare", _bare), "migrate": play("migrate", playbooks.command, "migrate.yml")}


def play_there_and_back(
    lab: Lab, folder: Path, name: str, start_seconds: float, login: dict | None
) -> dict[str, Figures]:
    """`migrate` and then `reverse` of a service of this name, whose nodes take so long until they begin to serve.

    `login`: as above. Raises Failed.
    """
    with _new_service(lab, folder, name) as service:
        for node in service.nodes:
            version = f"--atlasdb-version {DEFAULT_VERSION}"
            text = node.script.read_text()
            assert version in text, f"{node.script} does not start a node as the bench expects"
            node.script.write_text(text.replace(version, f"{version} --start-seconds {start_seconds}"))
        play = _player(lab, folder, service, 1, login)
        return {way: play(way, playbooks.command, f"{way}.yml") for way in ("migrate", "reverse")}


@contextlib.contextmanager
def _new_service(lab: Lab, folder: Path, name: str) -> Iterator[Service]:
    folder.mkdir(parents=True)
    lab.add(services_named([name], NODES, ["sls"], DEFAULT_VERSION))
    try:
        yield lab.services[name]
    finally:
        lab.services[name].stop()


def _player(lab: Lab, folder: Path, service: Service, in_inventory: int, login: dict | None) -> Callable[..., Figures]:
    """Plays on the service alone what `command(inventory, *what, *options)` starts, and says what was seen of it."""
    observer = Observer(service, folder)
    options = ["-i", str(_measured(folder, service, observer.wrap(), login)), "--limit", service.name]
    whole = _inventory(lab, folder, service, in_inventory)

    def play(name: str, command: Callable[..., list[str]], *what: str) -> Figures:
        return _observed(observer, service, folder / f"{name}.log", command(whole, *what, *options))

    return play


def _inventory(lab: Lab, folder: Path, service: Service, count: int) -> Path:
    """The service's own inventory, with others that exist there only, as those that `--limit` leaves out do."""
    names = [f"other{number}" for number in range(1, count)]
    others = [
        Service(lab.layout, lab.settings.lab_id, settings)
        for settings in services_named(names, NODES, ["sls"], DEFAULT_VERSION)
    ]
    everything = yaml.safe_load(inventory.render(lab.layout, [service, *others], lab.settings.timelock_urls))
    everything["all"]["vars"]["ansible_python_interpreter"] = sys.executable
    path = folder / "inventory.yml"
    path.write_text(yaml.safe_dump(everything, sort_keys=False))
    return path


def _measured(folder: Path, service: Service, shells: dict[str, str], login: dict | None) -> Path:
    """A second inventory, of what the bench alone wants of the service's nodes."""
    hosts = {}
    for node, address in zip(service.nodes, ADDRESSES, strict=True):
        hosts[node.name] = {"ansible_shell_executable": shells[node.name], "bench_script": str(node.script)}
        if login:
            hosts[node.name] |= {"ansible_host": address, **login}
    path = folder / "measured.yml"
    path.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    return path


def _bare(whole: Path, *options: str) -> list[str]:
    return [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(whole), str(BARE), *options]


def _observed(observer: Observer, service: Service, log: Path, command: list[str]) -> Figures:
    with observer.watching(), log.open("wb") as output:
        done = subprocess.run(
            command, cwd=playbooks.ROOT, env=playbooks.environment(), stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        raise Failed("\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:]))
    return figures(observer.timelines(), service.nodes[0].name)
