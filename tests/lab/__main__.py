# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's command: python -m lab up | load | check | status | down | demo | timelock | hosts."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from lab.demo import MIXED, demonstrate
from lab.hosts import command as hosts_command
from lab.journal import JournalError
from lab.lab import Lab, NoLab, services_named, take_down
from lab.layout import DEFAULT_VERSION, MANAGERS, POSTGRES
from lab.timelock import command as timelock_command
from lab.verdict import judge

NAMES = ["orders", "users"]


def main(arguments: list[str]) -> int:
    """0: done; 1: the checker found something, a node is not healthy, or there is no lab."""
    if arguments[:1] == ["timelock"]:
        return timelock_command.main(arguments[1:]) or 0
    if arguments[:1] == ["hosts"]:
        return hosts_command.main(arguments[1:])
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (NoLab, RuntimeError, JournalError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("timelock", help="a TimeLock simulator alone (has its own --help)")
    commands.add_parser("hosts", help="bare hosts with a root and a network of their own (has its own --help)")
    up = commands.add_parser("up", help="start the stores, TimeLock and the services; write an inventory")
    up.set_defaults(run=_up)
    up.add_argument("--services", type=int, default=2, help="how many services (2: orders and users)")
    up.add_argument("--nodes", type=int, default=3, help="nodes of each service (3)")
    up.add_argument("--manager", choices=MANAGERS, action="append",
                    help="service managers, given to the services in turn (sls, command)")  # fmt: skip
    up.add_argument(
        "--store", action="append",
        help="stores, given to the services in turn: postgres (the default), cassandra, or one of a version and with"
        " so many nodes, as cassandra-4.1, cassandra-palantir, cassandra-3.11-x3",
    )  # fmt: skip
    up.add_argument("--atlasdb-version", default=DEFAULT_VERSION, help=f"of the nodes' client ({DEFAULT_VERSION})")
    up.add_argument("--timelock-nodes", type=int, default=3)
    up.add_argument("--flavour", choices=("dropwizard", "undertow"), default="dropwizard", help="of TimeLock's HTTP")
    up.add_argument("--context-path", default="", help="of TimeLock, such as /timelock/api")
    up.add_argument("--tls", action="store_true", help="TimeLock over https, with an authority of its own")
    load = commands.add_parser("load", help="load on all nodes, also on those that start later")
    load.set_defaults(run=_load)
    load.add_argument("state", choices=["on", "off"])
    load.add_argument("--rate", type=float, default=100, help="requests a second for each node (100)")
    load.add_argument("--span", type=int, default=10, help="timestamps of every other request (10)")
    check = commands.add_parser("check", help="judge every timestamp taken so far")
    check.set_defaults(run=_check)
    check.add_argument("--json", action="store_true", help="the verdict as JSON")
    commands.add_parser("status", help="what runs, and whether it is healthy").set_defaults(run=_status)
    commands.add_parser("down", help="end everything; journals and logs stay").set_defaults(run=_down)
    demo = commands.add_parser("demo", help="migrate a lab's services under load")
    demo.set_defaults(run=_demo)
    demo.add_argument("--store", default=POSTGRES, help=f"as of up, or {MIXED}: one service on each kind")
    for command in (name for key, name in commands.choices.items() if key not in ("timelock", "hosts")):
        command.add_argument("--dir", type=Path, default=Path(".build/lab"), help="the lab's folder (.build/lab)")
    return parser


def _up(options: argparse.Namespace) -> int:
    started = time.monotonic()
    names = [NAMES[i] if i < len(NAMES) else f"service{i + 1}" for i in range(options.services)]
    services = services_named(
        names, options.nodes, options.manager or list(MANAGERS), options.atlasdb_version,
        stores=options.store or [POSTGRES],
    )  # fmt: skip
    lab = Lab.up(
        options.dir, services, nodes=options.timelock_nodes, flavour=options.flavour,
        context_path=options.context_path, tls=options.tls,
    )  # fmt: skip
    print(f"PostgreSQL: 127.0.0.1:{lab.postgres.port}")
    for name, cluster in lab.cassandra.items():
        print(f"{name}: " + " ".join(f"{address}:{cluster.port}" for address in cluster.addresses))
    print("TimeLock: " + " ".join(lab.settings.timelock_urls))
    for service in lab.services.values():
        print(f"{service.name}: " + " ".join(node.url for node in service.nodes))
    print(f"Inventory: {lab.layout.inventory}")
    print(f"Up after {time.monotonic() - started:.1f} s.")
    return 0


def _load(options: argparse.Namespace) -> int:
    lab = Lab.attach(options.dir)
    if options.state == "on":
        lab.load_on(options.rate, options.span)
    else:
        lab.load_off()
    return 0


def _check(options: argparse.Namespace) -> int:
    lab = Lab.attach(options.dir)
    return judge(lab.layout.journal, lab.services, options.json)


def _status(options: argparse.Namespace) -> int:
    lab = Lab.attach(options.dir)
    all_well = True
    print(f"PostgreSQL: {'runs' if lab.postgres.process() else 'down'}, 127.0.0.1:{lab.postgres.port}")
    for name, cluster in lab.cassandra.items():
        running, all_of_them = len(cluster.processes()), len(cluster.addresses)
        print(f"{name}: {running} of {all_of_them} nodes run, {' '.join(cluster.addresses)}")
    for service in lab.services.values():
        for node in service.nodes:
            trouble = node.health()
            process = node.process()
            all_well = all_well and trouble is None
            place = f"process {process.pid}, {node.mode()}" if process else "down"
            print(f"{node.name}: {place}, {trouble or 'healthy'}")
    return 0 if all_well else 1


def _down(options: argparse.Namespace) -> int:
    take_down(options.dir)
    return 0


def _demo(options: argparse.Namespace) -> int:
    return demonstrate(options.dir.absolute(), options.store)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
