# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service's process: reads its configuration, takes timestamps as that says, until it is told to stop."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lab.journal import Journal, Origin
from lab.layout import DEAF
from lab.node import configuration
from lab.node.embedded import EmbeddedTimestamps
from lab.node.failures import AtlasFailure, ClocksWentBackwards, ConfigurationRefused
from lab.node.leader import LeaderTimestamps
from lab.node.log import log
from lab.node.pem import context_of
from lab.node.server import serve
from lab.node.service_http import Server
from lab.node.store import BoundStore, bound_store, no_invalidator
from lab.node.timelock import TimeLockClient, TimeLockTimestamps
from lab.node.timestamps import Timestamps
from lab.node.waiting import WaitingTimestamps
from lab.node.work import Load, work_when_idle

TERMINATED = 143


def main(arguments: list[str]) -> int:
    """Exit status 1 for a start that failed; a SIGTERM ends the process with 143, as a JVM does."""
    parser = argparse.ArgumentParser(prog="python -m lab.node", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the install configuration")
    parser.add_argument("--runtime", type=Path, help="the runtime configuration, where it is a file of its own")
    parser.add_argument("--root", default="atlasdb", help="where the AtlasDB block is in it")
    parser.add_argument("--runtime-root", default="atlasdb-runtime")
    parser.add_argument("--service", required=True)
    parser.add_argument("--node", required=True)
    parser.add_argument("--shared", type=Path, required=True, help="the folder that the service's nodes share")
    parser.add_argument("--journal", type=Path, required=True, help="the folder of the journals")
    parser.add_argument("--address", default="", help="of the node, where its connections to Cassandra come from")
    parser.add_argument("--listen", default="127.0.0.1", help="the address where it is asked")
    parser.add_argument("--atlasdb-version", default="0.905.0")
    parser.add_argument("--start-seconds", type=float, default=0, help="until it does anything, as a JVM that loads")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: _stop(options.shared / DEAF))
    try:
        time.sleep(options.start_seconds)
        _run(options)
    except (ConfigurationRefused, AtlasFailure, OSError) as error:
        log("WARN", "com.palantir.atlasdb.factory.TransactionManagers", f"START FAILED {error}")
    except SystemExit:
        log("INFO", "lab.node", "stopped")
        return TERMINATED
    return 1


def _stop(deaf: Path) -> None:
    if not deaf.exists():
        raise SystemExit(TERMINATED)


def _run(options: argparse.Namespace) -> None:
    read = configuration.read(
        options.config, options.runtime, options.root, options.runtime_root, options.atlasdb_version
    )
    store = bound_store(read.store, options.address)
    with contextlib.closing(store):
        store.open()
        timestamps = _create(read, options, store)
        origin = Origin(options.service, read.namespace, options.node, os.getpid(), timestamps.mode)
        take = _recorded(timestamps, Journal(options.journal, origin))
        serve(options.listen, read.port, timestamps, take)
        log("INFO", "com.palantir.atlasdb.factory.TransactionManagers", "Successfully created, and now returning a"
            " transaction manager: this may not be fully initialised.")  # fmt: skip
        Load(options.shared / "load.json", take).start()
        work_when_idle(take, store.replace_broken)
        # Not signal.pause: after a SIGSTOP another thread may get the SIGTERM, and this one would never hear of it.
        while True:
            time.sleep(0.1)


def _create(read: configuration.Configuration, options: argparse.Namespace, store: BoundStore) -> Timestamps:
    def embedded() -> EmbeddedTimestamps:
        return EmbeddedTimestamps(store)

    def timelock() -> TimeLockTimestamps:
        tls = _tls(read)
        client = TimeLockClient(options.service, read.namespace, [Server(url, tls) for url in read.servers])
        migrates = read.store.invalidates
        invalidate = store.backup_and_invalidate if migrates else lambda: no_invalidator(read.store.kind)
        return TimeLockTimestamps(client, invalidate)

    if read.mode == "leader":
        others = [url for url in read.leaders if url != read.local_server]
        return LeaderTimestamps(embedded, options.shared, read.local_server, others, read.quorum)
    create = timelock if read.mode == "timelock" else embedded
    return WaitingTimestamps(read.mode, create) if read.initialize_async else create()


def _tls(read: configuration.Configuration) -> ssl.SSLContext | None:
    """Only where a server is asked over https."""
    if not any(url.startswith("https:") for url in read.servers):
        return None
    return context_of(read.trust_store, read.key_store)


def _recorded(timestamps: Timestamps, journal: Journal) -> Callable[[int], tuple[int, int]]:
    def take(count: int) -> tuple[int, int]:
        start = time.monotonic_ns()
        try:
            lower, upper = timestamps.fresh(count)
        except ClocksWentBackwards as error:
            journal.record(start, time.monotonic_ns(), error.lower, error.upper)
            raise
        journal.record(start, time.monotonic_ns(), lower, upper)
        return lower, upper

    return take


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)
