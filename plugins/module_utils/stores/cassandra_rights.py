# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a login may do on a Cassandra cluster that asks for it, and the statements that would grant the rest."""

from __future__ import annotations

from ..refusal import Refusal
from .cassandra_cluster import CLIENTS
from .cassandra_connection import CassandraConnection, NotUnderstood
from .cassandra_row import TABLE

RECORD_KEYSPACE = "atlasdb_timelock"
_WRITING = ("SELECT", "MODIFY")


def missing_rights(connection: CassandraConnection, keyspace: str, has_keyspace: bool, has_table: bool) -> list:
    """The GRANTs that the handover still needs; none where the cluster asks for no rights or does not tell them.

    ``has_keyspace`` and ``has_table``: whether those of the record are there. Who makes a table has every right to it.
    """
    held = _held(connection)
    if held is None:
        return []
    user = _literal(connection.user)

    def lacking(rights: tuple, resources: list, statement: str) -> list:
        granted = {right for resource in resources for right in held.get(resource, ())}
        return [f"GRANT {right} ON {statement} TO {user}" for right in rights if right not in granted]

    every = "<all keyspaces>"
    missing = lacking(
        _WRITING,
        [every, *_tables(keyspace), f"<table {keyspace}.{TABLE}>"],
        f'TABLE "{keyspace}"."{TABLE}"',
    )
    if _tells_clients(connection):
        missing += lacking(("SELECT",), [every, *_tables("system_views"), f"<table {CLIENTS}>"], f"TABLE {CLIENTS}")
    if not has_keyspace:
        return missing + lacking(("CREATE",), [every], "ALL KEYSPACES")
    if not has_table:
        return missing + lacking(("CREATE",), [every, *_tables(RECORD_KEYSPACE)], f"KEYSPACE {RECORD_KEYSPACE}")
    resources = [every, *_tables(RECORD_KEYSPACE), f"<table {RECORD_KEYSPACE}.{keyspace}>"]
    return missing + lacking(_WRITING, resources, f'TABLE {RECORD_KEYSPACE}."{keyspace}"')


def _tells_clients(connection: CassandraConnection) -> bool:
    """Whether this version has a table of its clients, which it shows to nobody without a right."""
    [row] = connection.look("SELECT release_version FROM system.local")
    return int(row["release_version"].split(".")[0]) >= 4


def _held(connection: CassandraConnection) -> dict | None:
    """What the login may do, by resource; None where it may do everything, or where that cannot be asked."""
    if not connection.user:
        return None
    try:
        roles = connection.look(f"LIST ROLES OF {_literal(connection.user)}")
        if any(role["super"] for role in roles):
            return None
        permissions = connection.look(f"LIST ALL PERMISSIONS OF {_literal(connection.user)}")
    except NotUnderstood:  # no authorizer
        return None
    except Refusal as refusal:
        if refusal.code == "kvs-denied":  # nobody is logged in
            return None
        raise
    held: dict = {}
    for permission in permissions:
        held.setdefault(permission["resource"], set()).add(permission["permission"])
    return held


def _tables(keyspace: str) -> list:
    """The resources on which a right to a keyspace's tables is held: the second since 4.1."""
    return [f"<keyspace {keyspace}>", f"<all tables in {keyspace}>"]


def _literal(name: str) -> str:
    """A role's name as CQL takes it in any version."""
    return '"' + name.replace('"', '""') + '"'
