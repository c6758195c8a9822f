# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real store for a while, with the timestamp table of one service; its value is the module option `kvs`."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

SERVICE = "orders"


@contextlib.contextmanager
def _folder():
    """A folder of its own; PostgreSQL does not run as root, and must reach what is in it."""
    with tempfile.TemporaryDirectory(prefix="races-") as place:
        folder = Path(place)
        folder.chmod(0o755)
        yield folder


@contextlib.contextmanager
def _postgres(folder: Path):
    from lab.postgres import Postgres

    server = Postgres(folder, {})
    server.create(20)
    try:
        server.start()
        password = server.create_database(SERVICE)
        yield {
            "type": "postgres", "hosts": ["127.0.0.1"], "port": server.port, "database": SERVICE, "user": SERVICE,
            "password": password,
        }  # fmt: skip
    finally:
        server.stop()


@contextlib.contextmanager
def _cassandra(folder: Path):
    from lab.cassandra.cluster import Cassandra

    cluster = Cassandra(folder / "cassandra", {})
    cluster.create()
    try:
        cluster.start()
        password = cluster.create_keyspace(SERVICE)
        cluster.create_timestamp_table(SERVICE)
        yield {
            "type": "cassandra", "hosts": cluster.addresses, "port": cluster.port, "keyspace": SERVICE, "user": SERVICE,
            "password": password,
        }  # fmt: skip
    finally:
        cluster.stop()


STORES = {"postgres": _postgres, "cassandra": _cassandra}


@contextlib.contextmanager
def opened(name: str):
    """The store of this name in STORES, running; its `kvs`."""
    with _folder() as folder, STORES[name](folder) as kvs:
        yield kvs
