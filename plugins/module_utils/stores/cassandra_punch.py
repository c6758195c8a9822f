# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AtlasDB's table of timestamps by wall clock, which it writes about once a minute (KeyValueServicePuncherStore.java).

What it shows was issued. So the largest number seen in it is a lower bound of what was issued, however much of the
table was seen.
"""

from __future__ import annotations

from ..refusal import Refusal
from .cassandra_cluster import table_id
from .cassandra_connection import CassandraConnection

TABLE = "_punch"
SCAN_SECONDS = 3
_ORDERED = "ByteOrderedPartitioner"


def last_punched(connection: CassandraConnection, keyspace: str) -> int | None:
    """The largest timestamp that was seen in the table within SCAN_SECONDS, or None where there is none.

    A row's key is the time with all bits flipped, so the newest comes first where rows lie in the order of their keys;
    elsewhere all are read. The timestamp that a row was written at, which is the one that it holds, stands in
    ``column2`` with all bits flipped.
    """
    if table_id(connection, keyspace, TABLE) is None:
        return None
    statement = f'SELECT column2 FROM "{keyspace}"."{TABLE}"'
    [local] = connection.look("SELECT partitioner FROM system.local")
    if local["partitioner"].endswith(_ORDERED):
        statement += " LIMIT 1"
    newest = None
    try:
        for row in connection.scan(statement, SCAN_SECONDS):
            newest = row["column2"] if newest is None else min(newest, row["column2"])
    except Refusal:
        pass  # a witness that is not let speak, or does not answer in time, is none
    return None if newest is None else ~newest
