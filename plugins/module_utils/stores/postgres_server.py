# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a PostgreSQL server says of itself: which one it is, and who has a session."""

from __future__ import annotations

from ..refusal import Refusal
from .postgres_connection import APPLICATION_NAME


def identity(cursor) -> dict:
    """Server, timeline, database, and how far its log is on disk.

    Raises Refusal ``kvs-identity`` for a standby: its sessions and its rows are not those of the service.
    """
    cursor.execute("SELECT pg_is_in_recovery()")
    if cursor.fetchone()[0]:
        raise Refusal("kvs-identity", "The server is a standby, which only follows the service's own.")
    missing = missing_rights(cursor)
    if missing:
        raise Refusal("kvs-denied", "The login may not ask which server this is.", f"Run: {'; '.join(missing)}.")
    cursor.execute(
        "SELECT (SELECT system_identifier::text FROM pg_control_system()), pg_walfile_name(pg_current_wal_lsn()),"
        " datname, oid::bigint, (pg_current_wal_flush_lsn() - '0/0')::bigint"
        " FROM pg_database WHERE datname = current_database()"
    )
    system, log_file, database, oid, position = cursor.fetchone()
    return {
        "type": "postgres",
        "system_identifier": system,
        "timeline": int(log_file[:8], 16),
        "database": database,
        "database_oid": oid,
        "position": position,
    }


def missing_rights(cursor) -> list:
    """The statement that would let the login ask which server this is; none where it may, as by default."""
    cursor.execute("SELECT has_function_privilege('pg_control_system()', 'EXECUTE'), quote_ident(current_user)")
    may, user = cursor.fetchone()
    return [] if may else [f"GRANT EXECUTE ON FUNCTION pg_control_system() TO {user}"]


def sessions(cursor, ignore: list) -> list:
    """The sessions of others in this database; see Store.sessions.

    Of another role's session a plain login sees user and application name, and nothing else: neither its kind, so that
    only the lack of a user tells a vacuum from a client.
    """
    cursor.execute(
        "SELECT usename, coalesce(application_name, ''), coalesce(host(client_addr), ''), client_port,"
        " usesysid = (SELECT oid FROM pg_roles WHERE rolname = session_user)"
        " FROM pg_stat_activity WHERE datname = current_database() AND usesysid IS NOT NULL AND pid <> pg_backend_pid()"
        " AND coalesce(backend_type, 'client backend') <> 'parallel worker' ORDER BY 3, 4, 1, 2"
    )
    return [
        {"user": user, "application": application, "address": address, "port": port}
        for user, application, address, port, own in cursor.fetchall()
        if not (own and application == APPLICATION_NAME) and {"user": user, "application": application} not in ignore
    ]
