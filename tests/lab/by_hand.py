# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a migration done by hand, one by one: tests do them rightly, or wrongly on purpose."""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.request

from psycopg import sql

from lab.lab import Lab
from lab.layout import write_whole
from lab.service import Node

LIVE, BACKUP = "last_allocated", "legacy_last_allocated"
ANSWER_SECONDS = 15


def read_store(lab: Lab, service: str) -> list[dict]:
    """The rows of the timestamp table by column name."""
    with lab.postgres.connect(service) as session:
        cursor = session.execute("SELECT * FROM _timestamp")
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def bound(lab: Lab, service: str) -> int:
    """The live bound. Raises KeyError on a store that is invalidated."""
    (row,) = read_store(lab, service)
    return row[LIVE]


def rename_column(lab: Lab, service: str, old: str = LIVE, new: str = BACKUP) -> None:
    """By default the invalidation."""
    with lab.postgres.connect(service) as session:
        session.execute(
            sql.SQL("ALTER TABLE _timestamp RENAME {} TO {}").format(sql.Identifier(old), sql.Identifier(new))
        )


def write_bound(lab: Lab, service: str, value: int, column: str = LIVE) -> None:
    with lab.postgres.connect(service) as session:
        session.execute(sql.SQL("UPDATE _timestamp SET {} = %s").format(sql.Identifier(column)), [value])


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
    servers = "".join(f"\n        - {url}" for url in lab.settings.timelock_urls)
    return (
        f"  timelockRuntime:\n    serversList:\n      servers:{servers}\n"
        f"      sslConfiguration:\n        trustStorePath: {lab.layout.trust_store}\n"
    )


def switch_to_timelock(lab: Lab, node: Node) -> None:
    """Rewrite the node's configuration for TimeLock, as the lab wrote it before. The node is not touched."""
    install = re.sub(r"(?m)^  # Timestamps and locks of our own.*\n", "", node.config_path.read_text())
    install = re.sub(r"(?m)^  leader:\n(    .*\n)+", "", install)
    install = install.replace(
        "  initializeAsync:", f"  namespace: {node.service.name}\n  timelock: {{}}\n  initializeAsync:"
    )
    if node.runtime_path is None:
        install += timelock_runtime(lab)
    else:
        write_whole(node.runtime_path, node.runtime_path.read_text() + timelock_runtime(lab), 0o600)
    write_whole(node.config_path, install, 0o600)
