# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m lab timelock``: a TimeLock cluster alone, and its faults from another terminal."""
from __future__ import annotations

import argparse
import signal
import sys
import threading

from lab.timelock.cluster import Cluster


def main(argv):
    """Run the command; return the exit code: 1 when there is no such cluster, or no such node running."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (OSError, IndexError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog="python -m lab timelock", description=__doc__)
    parser.add_argument("--dir", required=True, help="its folder; a cluster that is there is started again")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--flavour", choices=("dropwizard", "undertow"), default="dropwizard")
    parser.add_argument("--context-path", default="", help="such as /timelock/api")
    parser.add_argument("--tls", action="store_true", help="https, with an authority made for this folder")
    parser.set_defaults(run=_run)
    faults = parser.add_subparsers(title="faults of a running cluster", metavar="FAULT")
    for name, help_text in (("kill", "end a node as a crash would"), ("start", "start it again"),
                            ("pause", "stop it without ending it"), ("resume", "let it go on")):
        fault = faults.add_parser(name, help=help_text)
        fault.add_argument("node", type=int)
        fault.set_defaults(run=_on_node, method={"start": "start_node"}.get(name, name))
    fault = faults.add_parser("slow", help="delay every answer of a node; 0 ends it")
    fault.add_argument("node", type=int)
    fault.add_argument("seconds", type=float)
    fault.set_defaults(run=lambda arguments: _attached(arguments).slow(arguments.node, arguments.seconds))
    fault = faults.add_parser("drop", help="do the work of the next requests, but lose the answers")
    fault.add_argument("node", type=int)
    fault.add_argument("count", type=int)
    fault.add_argument("match", nargs="?", default="", help="only requests whose path contains this")
    fault.set_defaults(
        run=lambda arguments: _attached(arguments).drop_answers(arguments.node, arguments.count, arguments.match))
    fault = faults.add_parser("lose-quorum", help="kill nodes until fewer than a majority are left")
    fault.set_defaults(run=_lose_quorum)
    fault = faults.add_parser("stop", help="end all nodes; what they stored stays")
    fault.set_defaults(run=lambda arguments: _attached(arguments).stop())
    return parser


def _attached(arguments):
    return Cluster.attach(arguments.dir)


def _on_node(arguments):
    getattr(_attached(arguments), arguments.method)(arguments.node)


def _lose_quorum(arguments):
    for index in _attached(arguments).lose_quorum():
        print(f"killed node {index}")


def _run(arguments):
    cluster = Cluster(arguments.dir, arguments.nodes, arguments.flavour, arguments.context_path, arguments.tls)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_signal: ended.set())
    try:
        cluster.start()
        for url in cluster.urls:
            print(url, flush=True)
        if cluster.ca_path:
            print(f"trust {cluster.ca_path}", flush=True)
        ended.wait()
    finally:
        cluster.stop()
