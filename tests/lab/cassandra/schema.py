# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AtlasDB's timestamp table, as it makes it since 0.108.0 (CassandraTableCreator)."""

from __future__ import annotations

import hashlib
import uuid


def quoted(name: str) -> str:
    """A keyspace, table or role for CQL, with its case."""
    return '"' + name.replace('"', '""') + '"'


def timestamp_table_id(keyspace: str) -> uuid.UUID:
    """Java's UUID.nameUUIDFromBytes."""
    return uuid.UUID(bytes=hashlib.md5(f"{keyspace}._timestamp".encode()).digest(), version=3)


def timestamp_table(keyspace: str, release: tuple[int, int]) -> str:
    """The statement in the words of the Cassandra of this release."""
    if release >= (3, 0):
        compression = "{'class': 'LZ4Compressor', 'chunk_length_in_kb': 4}"
    else:
        compression = "{'sstable_compression': 'LZ4Compressor', 'chunk_length_kb': 4}"
    read_repair = " AND dclocal_read_repair_chance = 0.0" if release < (4, 0) else ""
    return (
        f'CREATE TABLE IF NOT EXISTS {quoted(keyspace)}."_timestamp" ('
        "key blob, column1 blob, column2 bigint, value blob, PRIMARY KEY (key, column1, column2))"
        " WITH CLUSTERING ORDER BY (column1 ASC, column2 ASC) AND COMPACT STORAGE"
        " AND bloom_filter_fp_chance = 0.1 AND caching = {'keys': 'ALL', 'rows_per_partition': 'NONE'}"
        f" AND compaction = {{'class': 'LeveledCompactionStrategy'}} AND compression = {compression}{read_repair}"
        " AND gc_grace_seconds = 3600 AND min_index_interval = 128 AND max_index_interval = 2048"
        f" AND speculative_retry = 'NONE' AND id = '{timestamp_table_id(keyspace)}'"
    )
