# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Cassandra cluster says of itself: which one it is, what its schema holds, and who has a CQL session."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..refusal import Refusal
from .cassandra_connection import CassandraConnection, NotUnderstood

CLIENTS = "system_views.clients"


@dataclass(frozen=True)
class Member:
    """A node of the cluster, as the node that answers knows it. ``address`` is where clients reach it."""

    host_id: str
    address: str


def members(connection: CassandraConnection) -> list:
    """Every node of the cluster (Member), those that are down included, by address.

    Each node knows itself and the others, so one and the same must be asked for both.
    """
    own, others = connection.look_at_one(
        [f"SELECT host_id, rpc_address FROM system.{table}" for table in ("local", "peers")]
    )
    return sorted(
        (Member(str(row["host_id"]), str(row["rpc_address"])) for row in own + others if row["host_id"]),
        key=lambda member: member.address,
    )


def cluster(connection: CassandraConnection) -> dict:
    """The name of the cluster and the ids of its nodes."""
    [row] = connection.look("SELECT cluster_name, partitioner FROM system.local")
    return {
        "cluster_name": row["cluster_name"],
        "partitioner": row["partitioner"],
        "host_ids": sorted(member.host_id for member in members(connection)),
    }


def table_id(connection: CassandraConnection, keyspace: str, table: str) -> str | None:
    """The id of a table, or None where there is none."""
    try:
        rows = connection.look(
            "SELECT id FROM system_schema.tables WHERE keyspace_name = %s AND table_name = %s", (keyspace, table)
        )
    except NotUnderstood:  # before 3.0
        rows = connection.look(
            "SELECT cf_id AS id FROM system.schema_columnfamilies WHERE keyspace_name = %s AND columnfamily_name = %s",
            (keyspace, table),
        )
    return str(rows[0]["id"]) if rows else None


def tables(connection: CassandraConnection, keyspace: str) -> list:
    """The names of the tables of ``keyspace``, sorted."""
    try:
        rows = connection.look("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (keyspace,))
    except NotUnderstood:  # before 3.0
        rows = connection.look(
            "SELECT columnfamily_name AS table_name FROM system.schema_columnfamilies WHERE keyspace_name = %s",
            (keyspace,),
        )
    return sorted(row["table_name"] for row in rows)


def filled_table(connection: CassandraConnection, keyspace: str) -> str | None:
    """A table of ``keyspace`` that has rows, or None. One that the login may not read counts as well: what nobody can
    see is not empty.
    """
    for name in tables(connection, keyspace):
        if _has_rows(connection, f'"{keyspace}"."{name}"'):
            return f"{keyspace}.{name}"
    return None


def _has_rows(connection: CassandraConnection, table: str) -> bool:
    try:
        return bool(connection.look(f"SELECT * FROM {table} LIMIT 1", quorum=True))
    except Refusal as refusal:
        if refusal.code != "kvs-denied":
            raise
        return True


def replication(connection: CassandraConnection, keyspace: str) -> dict | None:
    """How a keyspace is replicated, as CREATE KEYSPACE takes it, or None where there is no such keyspace."""
    try:
        rows = connection.look("SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = %s", (keyspace,))
        return dict(rows[0]["replication"]) if rows else None
    except NotUnderstood:  # before 3.0
        rows = connection.look(
            "SELECT strategy_class, strategy_options FROM system.schema_keyspaces WHERE keyspace_name = %s",
            (keyspace,),
        )
        return {"class": rows[0]["strategy_class"], **json.loads(rows[0]["strategy_options"])} if rows else None


def cql_clients(connection: CassandraConnection) -> list:
    """The clients with a CQL connection to any node, ours among them: ``address``, ``port``, ``user``, ``application``.

    Each node knows its own alone, since 4.0, so every one is asked. One that does not answer is left out: this is but a
    part of the view, which session_view calls incomplete.
    """
    found = []
    for host in connection.hosts():
        try:
            rows = connection.look(f"SELECT address, port, username, driver_name FROM {CLIENTS}", host=host)
        except NotUnderstood:
            continue
        except Refusal as refusal:
            if refusal.code != "kvs-unreachable":
                raise
            continue
        found += [
            {
                "user": row["username"] or "",
                "application": row["driver_name"] or "",
                "address": str(row["address"]),
                "port": row["port"],
            }
            for row in rows
        ]
    return found
