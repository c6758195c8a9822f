# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m lab hosts up N | fleet | check | down | image: hosts, for whoever wants to drive something over SSH."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import time
from pathlib import Path

import yaml

from lab.hosts import image
from lab.hosts.fleet import Hosts, destroy, destroy_orphans
from lab.hosts.image import NotAvailable
from lab.hosts.lab import SERVICES, STORES, HostLab
from lab.journal import JournalError
from lab.layout import Layout, write_whole
from lab.verdict import judge

MAY_NOT = 2


def main(arguments: list[str]) -> int:
    """0: done; 1: not to be had here, or something does not come up, or the checker found something; of `image` 2: we
    are nobody who may make hosts.
    """
    parser = argparse.ArgumentParser(prog="python -m lab hosts", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="make N hosts h1, h2, ...; write an inventory")
    up.add_argument("hosts", type=int, metavar="N")
    up.set_defaults(run=_up)
    services = " ".join(f"{name} on {STORES.get(name, 'postgres')}" for name in SERVICES)
    fleet = commands.add_parser("fleet", help=f"TimeLock's hosts, not founded yet, and under load {services}")
    fleet.add_argument("--rate", type=float, default=2, help="requests a second for each node (2)")
    fleet.set_defaults(run=_fleet)
    check = commands.add_parser("check", help="judge every timestamp that a fleet has taken so far")
    check.add_argument("--json", action="store_true", help="the verdict as JSON")
    check.set_defaults(run=_check)
    down = commands.add_parser("down", help="destroy them, and those of killed runs; journals stay")
    down.set_defaults(run=_down)
    made = commands.add_parser("image", help="make what hosts share, or say why there can be no hosts")
    made.set_defaults(run=_image)
    for command in (up, fleet, check, down):
        command.add_argument("--dir", type=Path, default=Path(".build/hosts"), help="their folder (.build/hosts)")
    options = parser.parse_args(arguments)
    try:
        return options.run(options) or 0
    except (NotAvailable, RuntimeError, JournalError) as error:
        print(error, file=sys.stderr)
        return 1


def _up(options: argparse.Namespace) -> None:
    started = _begin(options)
    hosts = Hosts.up([f"h{number}" for number in range(1, options.hosts + 1)])
    folder = options.dir.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    inventory = {"all": {"vars": hosts.connection(), "hosts": hosts.addresses()}}
    write_whole(folder / "inventory.yml", "# written by the lab\n" + yaml.safe_dump(inventory, sort_keys=False))
    _say(options, hosts, started, "ansible -i {} all -m ansible.builtin.ping")


def _fleet(options: argparse.Namespace) -> None:
    started = _begin(options)
    layout = Layout(options.dir.absolute())
    for left in (layout.journal, layout.timelock, layout.services, layout.reports, layout.trust_store.parent):
        shutil.rmtree(left, ignore_errors=True)
    lab = HostLab.up(layout.folder, SERVICES, stores=STORES, founded=False, owned=False)
    for service in lab.services.values():
        service.load(options.rate, 10)
    _say(options, lab.hosts, started, "ansible-playbook -i {} atlasdb.timelock.timelock_servers")


def _begin(options: argparse.Namespace) -> float:
    if (reason := image.why_not()) is not None:
        raise NotAvailable(reason)
    started = time.monotonic()
    _down(options)
    return started


def _say(options: argparse.Namespace, hosts: Hosts, started: float, command: str) -> None:
    write_whole(options.dir.absolute() / "hub", hosts.hub)
    print(f"Up after {time.monotonic() - started:.1f} s. From inside their network:")
    print(f"ip netns exec {hosts.hub} {command.format(options.dir.absolute() / 'inventory.yml')}")


def _check(options: argparse.Namespace) -> int:
    return judge(Layout(options.dir.absolute()).journal, SERVICES, options.json)


def _down(options: argparse.Namespace) -> None:
    with contextlib.suppress(FileNotFoundError):
        path = options.dir / "hub"
        destroy(path.read_text())
        path.unlink()
    destroy_orphans()


def _image(options: argparse.Namespace) -> int:
    reason = image.why_not()
    print(reason or image.root())
    return 0 if reason is None else 1 if image.may() else MAY_NOT
