# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A login on PostgreSQL that is to be shut out of a service's database: what there is of it, and the statements.

A role is one for all databases of a server. NOLOGIN keeps it from new sessions, and ends none that it has.
"""

from __future__ import annotations

from .interface import LoginState

try:
    from psycopg import sql
except ImportError:
    sql = None


def state(cursor, login: str) -> LoginState | None:
    """None where there is no such role. Writes nothing."""
    cursor.execute(
        "SELECT r.rolcanlogin, r.rolname = session_user, quote_ident(r.rolname), quote_ident(current_user),"
        " me.rolsuper, r.rolsuper, me.rolcreaterole,"
        # Since version 16 the right to make roles is one over those that it was given.
        " current_setting('server_version_num')::int < 160000 OR pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION'),"
        " pg_has_role(r.oid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'),"
        " ARRAY(SELECT DISTINCT datname::text FROM pg_stat_activity"
        "  WHERE usesysid = r.oid AND datname <> current_database() ORDER BY 1)"
        " FROM pg_roles r JOIN pg_roles me ON me.rolname = current_user WHERE r.rolname = %s",
        (login,),
    )
    row = cursor.fetchone()
    if row is None:
        return None
    enabled, own, name, user, *rights, elsewhere = row
    return LoginState(enabled, not enabled, own, _missing(name, user, *rights), elsewhere)


def _missing(name: str, user: str, is_super: bool, of_super: bool, may_alter: bool, rules: bool, ends: bool) -> list:
    """The statements that would let the collection's login do it."""
    if is_super:
        return []
    if of_super:
        return [f"ALTER ROLE {user} SUPERUSER"]
    missing = [] if may_alter else [f"ALTER ROLE {user} CREATEROLE"]
    return missing + ([] if rules and ends else [f"GRANT {name} TO {user} WITH ADMIN OPTION"])


def put(cursor, login: str, enabled: bool) -> None:
    """Let the role log in, or no more."""
    statement = sql.SQL("ALTER ROLE {} LOGIN" if enabled else "ALTER ROLE {} NOLOGIN")
    cursor.execute(statement.format(sql.Identifier(login)))


def end_sessions(cursor, login: str) -> list:
    """Tell the sessions of the role in this database to end; which they were, as Store.sessions says them."""
    cursor.execute(
        "SELECT usename, coalesce(application_name, ''), coalesce(host(client_addr), ''), client_port,"
        " pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = %s AND pid <> pg_backend_pid()",
        (login,),
    )
    return [
        {"user": user, "application": application, "address": address, "port": port}
        for user, application, address, port, _told in cursor.fetchall()
    ]


def missing_use(cursor, schema: str, old: str, looker: str) -> list:
    """The statements that would let this login use the tables in ``schema`` as their owner does, and make others there.

    AtlasDB makes, alters and drops tables, so the right to read and write them is not enough. What it makes must be
    ``old``'s to use as well, which may have to come back; and the login ``looker`` must see where its sessions are.
    """
    cursor.execute(
        "SELECT DISTINCT"
        " format('GRANT %%s TO %%s', quote_ident(pg_get_userbyid(c.relowner)), quote_ident(session_user))"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'S') AND NOT pg_has_role(c.relowner, 'USAGE')"
        " UNION ALL SELECT format('GRANT USAGE, CREATE ON SCHEMA %%s TO %%s', quote_ident(n.nspname),"
        " quote_ident(session_user)) FROM pg_namespace n WHERE n.nspname = %s"
        " AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE'))"
        " UNION ALL SELECT format('ALTER ROLE %%s SET role TO %%s', quote_ident(session_user), quote_ident(rolname))"
        " FROM pg_roles WHERE rolname = %s AND NOT pg_has_role(oid, current_user, 'USAGE')"
        " UNION ALL SELECT format('GRANT %%s TO %%s', quote_ident(session_user), quote_ident(rolname)) FROM pg_roles"
        " WHERE rolname = %s AND NOT (pg_has_role(oid, session_user, 'USAGE')"
        "  OR pg_has_role(oid, 'pg_read_all_stats', 'USAGE'))",
        (schema, schema, old, looker),
    )
    return [statement for (statement,) in cursor.fetchall()]
