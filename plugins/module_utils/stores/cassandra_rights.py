# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a login may do on a Cassandra cluster that asks for it, and the statements that would grant the rest."""

from __future__ import annotations

from dataclasses import dataclass

from ..refusal import Refusal
from .cassandra_cluster import CLIENTS
from .cassandra_connection import CassandraConnection, NotUnderstood
from .cassandra_row import TABLE

RECORD_KEYSPACE = "atlasdb_timelock"
_WRITING = ("SELECT", "MODIFY")
_USING = (*_WRITING, "CREATE", "ALTER", "DROP")
"""What AtlasDB does with its keyspace."""

_EVERY = "<all keyspaces>"


@dataclass(frozen=True)
class Place:
    """Where a right is held: ``name`` in GRANT and REVOKE, ``on`` in LIST PERMISSIONS, with all that it is part of."""

    name: str
    on: list


def missing_rights(connection: CassandraConnection, keyspace: str, has_keyspace: bool, has_table: bool) -> list:
    """The GRANTs that the handover still needs; none where the cluster asks for no rights or does not tell them.

    ``has_keyspace`` and ``has_table``: whether those of the record are there. Who makes a table has every right to it.
    """
    held = _held(connection)
    if held is None:
        return []

    def lacking(rights: tuple, resources: list, statement: str) -> list:
        return _lacking(connection.user, held, rights, Place(statement, resources))

    missing = lacking(
        _WRITING,
        [_EVERY, *_tables(keyspace), f"<table {keyspace}.{TABLE}>"],
        f'TABLE "{keyspace}"."{TABLE}"',
    )
    if _tells_clients(connection):
        missing += lacking(("SELECT",), [_EVERY, *_tables("system_views"), f"<table {CLIENTS}>"], f"TABLE {CLIENTS}")
    if not has_keyspace:
        return missing + lacking(("CREATE",), [_EVERY], "ALL KEYSPACES")
    if not has_table:
        return missing + lacking(("CREATE",), [_EVERY, *_tables(RECORD_KEYSPACE)], f"KEYSPACE {RECORD_KEYSPACE}")
    resources = [_EVERY, *_tables(RECORD_KEYSPACE), f"<table {RECORD_KEYSPACE}.{keyspace}>"]
    return missing + lacking(_WRITING, resources, f'TABLE {RECORD_KEYSPACE}."{keyspace}"')


def missing_use(connection: CassandraConnection, keyspace: str, old: str) -> list:
    """What the login lacks to stand for ``old``. What it has by way of that one would be taken with it."""
    user = quoted(connection.user)
    roles = [role["role"] for role in connection.look(f"LIST ROLES OF {user}")]
    held = _held(connection)
    missing = [] if held is None else _lacking(connection.user, held, _USING, place(f"data/{keyspace}"))
    return missing + ([f"REVOKE {quoted(old)} FROM {user}"] if old in roles else [])


def missing_power(connection: CassandraConnection, login: str, roles: list, rights: dict) -> list:
    """What the login lacks to take ``roles`` and, by resource, ``rights`` from ``login``, and to give them back.

    Whoever grants or revokes a right must hold it, and AUTHORIZE on the place.
    """
    held = _held(connection)
    if held is None:
        return []
    missing = _lacking(connection.user, held, ("ALTER",), _role(login))
    for resource in sorted(rights):
        missing += _lacking(connection.user, held, (*rights[resource], "AUTHORIZE"), place(resource))
    for role in roles:
        missing += _lacking(connection.user, held, ("AUTHORIZE",), _role(role))
    return list(dict.fromkeys(missing))


def place(resource: str) -> Place:
    """The place that system_auth spells ``data``, ``data/orders``, ``data/orders/*`` (since 4.1) or
    ``data/orders/_timestamp``.
    """
    _data, keyspace, table = [*resource.split("/", 2), "", ""][:3]
    if not keyspace:
        return Place("ALL KEYSPACES", [_EVERY])
    if not table:
        return Place(f"KEYSPACE {quoted(keyspace)}", [_EVERY, f"<keyspace {keyspace}>"])
    if table == "*":
        return Place(f"ALL TABLES IN KEYSPACE {quoted(keyspace)}", [_EVERY, *_tables(keyspace)])
    name = f"TABLE {quoted(keyspace)}.{quoted(table)}"
    return Place(name, [_EVERY, *_tables(keyspace), f"<table {keyspace}.{table}>"])


def _role(name: str) -> Place:
    return Place(f"ROLE {quoted(name)}", ["<all roles>", f"<role {name}>"])


def _lacking(user: str, held: dict, rights: tuple, where: Place) -> list:
    granted = {right for resource in where.on for right in held.get(resource, ())}
    return [f"GRANT {right} ON {where.name} TO {quoted(user)}" for right in rights if right not in granted]


def _tells_clients(connection: CassandraConnection) -> bool:
    """Whether this version has a table of its clients, which it shows to nobody without a right."""
    [row] = connection.look("SELECT release_version FROM system.local")
    return int(row["release_version"].split(".")[0]) >= 4


def _held(connection: CassandraConnection) -> dict | None:
    """What the login may do, by resource; None where it may do everything, or where that cannot be asked."""
    if not connection.user:
        return None
    try:
        roles = connection.look(f"LIST ROLES OF {quoted(connection.user)}")
        if any(role["super"] for role in roles):
            return None
        permissions = connection.look(f"LIST ALL PERMISSIONS OF {quoted(connection.user)}")
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


def quoted(name: str) -> str:
    """A name as CQL takes it in any version, with its case."""
    return '"' + name.replace('"', '""') + '"'
