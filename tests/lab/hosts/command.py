# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m lab hosts up N | down: bare hosts, for whoever wants to drive something over SSH."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

import yaml

from lab.hosts.fleet import Hosts, destroy, destroy_orphans
from lab.hosts.image import NotAvailable, why_not
from lab.layout import write_whole


def main(arguments: list[str]) -> int:
    """0: done; 1: not to be had here, or something does not come up or cannot be ended."""
    parser = argparse.ArgumentParser(prog="python -m lab hosts", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="make N hosts h1, h2, ...; write an inventory")
    up.add_argument("hosts", type=int, metavar="N")
    up.set_defaults(run=_up)
    down = commands.add_parser("down", help="destroy them, and those of killed runs")
    down.set_defaults(run=_down)
    for command in (up, down):
        command.add_argument("--dir", type=Path, default=Path(".build/hosts"), help="their folder (.build/hosts)")
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (NotAvailable, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _up(options: argparse.Namespace) -> None:
    if (reason := why_not()) is not None:
        raise NotAvailable(reason)
    started = time.monotonic()
    _down(options)
    hosts = Hosts.up([f"h{number}" for number in range(1, options.hosts + 1)])
    folder = options.dir.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "hub", hosts.hub)
    inventory = {"all": {"vars": hosts.connection(), "hosts": hosts.addresses()}}
    write_whole(folder / "inventory.yml", "# written by the lab\n" + yaml.safe_dump(inventory, sort_keys=False))
    print(f"Up after {time.monotonic() - started:.1f} s. From inside their network:")
    print(f"ip netns exec {hosts.hub} ansible -i {folder / 'inventory.yml'} all -m ansible.builtin.ping")


def _down(options: argparse.Namespace) -> None:
    with contextlib.suppress(FileNotFoundError):
        path = options.dir / "hub"
        destroy(path.read_text())
        path.unlink()
    destroy_orphans()
