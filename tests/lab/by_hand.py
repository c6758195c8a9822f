# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a migration done by hand, one by one: tests do them rightly, or wrongly on purpose."""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.request
from typing import Protocol

from psycopg import sql

from lab.by_hand_cassandra import CassandraByHand
from lab.lab import Lab
from lab.layout import POSTGRES, write_whole
from lab.node.configuration import NAMESPACE_SINCE, parse_version
from lab.service import Node

LIVE, BACKUP = "last_allocated", "legacy_last_allocated"
ANSWER_SECONDS = 15


class StoreByHand(Protocol):
    """The store of one service."""

    def bound(self) -> int:
        """The live bound. Raises LookupError on a store that is invalidated."""

    def write_bound(self, value: int) -> None:
        """Another live bound in place of the one that is there."""

    def invalidate(self) -> None:
        """As AtlasDB's own migration does."""

    def forget(self) -> None:
        """As it was before the first start of the service: without a timestamp table."""

    def put_back(self) -> None:
        """The very bound that was invalidated is the live one again."""

    def punch(self, timestamp: int) -> None:
        """Write the timestamp down by wall clock, in a table that there was none of, as AtlasDB does once a minute."""


def store(lab: Lab, service: str) -> StoreByHand:
    name = lab.services[service].settings.store
    if name == POSTGRES:
        return PostgresByHand(lab, service)
    return CassandraByHand(lab.cassandra[name], service)


class PostgresByHand:
    def __init__(self, lab: Lab, service: str):
        self._lab = lab
        self._service = service

    def bound(self) -> int:
        (row,) = read_store(self._lab, self._service)
        return row[LIVE]

    def write_bound(self, value: int) -> None:
        with self._lab.postgres.connect(self._service) as session:
            session.execute(sql.SQL("UPDATE _timestamp SET {} = %s").format(sql.Identifier(LIVE)), [value])

    def invalidate(self) -> None:
        rename_column(self._lab, self._service)

    def forget(self) -> None:
        with self._lab.postgres.connect(self._service) as session:
            session.execute("DROP TABLE _timestamp")

    def put_back(self) -> None:
        rename_column(self._lab, self._service, BACKUP, LIVE)

    def punch(self, timestamp: int) -> None:
        with self._lab.postgres.connect(self._service) as session:
            session.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(self._service)))
            session.execute("CREATE TABLE _punch (row_name bytea, col_name bytea, ts int8 NOT NULL, val bytea)")
            session.execute("INSERT INTO _punch (ts) VALUES (%s)", [timestamp])


def bound(lab: Lab, service: str) -> int:
    """The live bound. Raises LookupError on a store that is invalidated."""
    return store(lab, service).bound()


def read_store(lab: Lab, service: str) -> list[dict]:
    """The rows of PostgreSQL's timestamp table by column name."""
    with lab.postgres.connect(service) as session:
        cursor = session.execute("SELECT * FROM _timestamp")
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def rename_column(lab: Lab, service: str, old: str = LIVE, new: str = BACKUP) -> None:
    """PostgreSQL's column of the bound; by default the invalidation."""
    with lab.postgres.connect(service) as session:
        session.execute(
            sql.SQL("ALTER TABLE _timestamp RENAME {} TO {}").format(sql.Identifier(old), sql.Identifier(new))
        )


def fast_forward(lab: Lab, namespace: str, timestamp: int) -> None:
    _ask_leader(lab, f"/{namespace}/timestamp-management/fast-forward?currentTimestamp={timestamp}")


def fresh_timestamp(lab: Lab, namespace: str) -> int:
    return int(_ask_leader(lab, f"/{namespace}/timestamp/fresh-timestamp"))


def _ask_leader(lab: Lab, path: str) -> bytes:
    """Raises TimeoutError when no TimeLock server answers with a 2xx."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        for url in lab.settings.timelock_urls:
            try:
                with urllib.request.urlopen(urllib.request.Request(url + path, method="POST"), timeout=10) as answer:
                    return answer.read()
            except (urllib.error.HTTPError, OSError):
                continue
        time.sleep(0.05)
    raise TimeoutError(f"No TimeLock server does {path}")


def timelock_runtime(lab: Lab) -> str:
    """The runtime block, to be put below the runtime root."""
    return f"  timelockRuntime:\n{_servers_list(lab)}"


def _servers_list(lab: Lab) -> str:
    servers = "".join(f"\n        - {url}" for url in lab.settings.timelock_urls)
    return (
        f"    serversList:\n      servers:{servers}\n"
        f"      sslConfiguration:\n        trustStorePath: {lab.layout.trust_store}\n"
    )


def switch_to_timelock(lab: Lab, node: Node) -> None:
    """Rewrite the node's configuration for TimeLock, as the lab wrote it before. The node is not touched."""
    install = re.sub(r"(?m)^  # Timestamps and locks of our own.*\n", "", node.config_path.read_text())
    install = re.sub(r"(?m)^  leader:\n(    .*\n)+", "", install)
    name = node.service.name
    if parse_version(node.service.version) < NAMESPACE_SINCE:
        block = f"  timelock:\n    client: {name}\n{_servers_list(lab)}"
    else:
        block = f"  namespace: {name}\n  timelock: {{}}\n"
        if node.runtime_path is None:
            install += timelock_runtime(lab)
        else:
            write_whole(node.runtime_path, node.runtime_path.read_text() + timelock_runtime(lab), 0o600)
    install = install.replace("  initializeAsync:", f"{block}  initializeAsync:")
    write_whole(node.config_path, install, 0o600)
