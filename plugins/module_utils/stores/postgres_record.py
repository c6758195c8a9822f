# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of a service on PostgreSQL: one row in the schema ``atlasdb_timelock`` of its own database.

Every function takes the cursor of an open transaction, so that an effect and what the record says of it are one.
"""

from __future__ import annotations

import json

from ..proofs import Guard
from ..refusal import Refusal
from . import lock
from .interface import Record

SCHEMA = "atlasdb_timelock"
_TABLE = f"{SCHEMA}.record"


def _exists(cursor) -> bool:
    cursor.execute(
        "SELECT count(*) > 0 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = 'record' AND c.relkind = 'r'",
        (SCHEMA,),
    )
    return cursor.fetchone()[0]


def missing_rights(cursor) -> list:
    """The statements that would let the login keep a record here; none where it may."""
    # A list of rights in one call asks whether any of them is held.
    cursor.execute(
        "SELECT n.oid IS NOT NULL, c.oid IS NOT NULL,"
        " coalesce(has_schema_privilege(n.oid, 'USAGE'), false),"
        " coalesce(has_schema_privilege(n.oid, 'CREATE'), false),"
        " coalesce((SELECT bool_and(has_table_privilege(c.oid, wanted))"
        "  FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) wanted), false),"
        " has_database_privilege(current_database(), 'CREATE'),"
        " quote_ident(current_database()), quote_ident(current_user)"
        " FROM (SELECT 1) one LEFT JOIN pg_namespace n ON n.nspname = %s"
        " LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'record' AND c.relkind = 'r'",
        (SCHEMA,),
    )
    schema, table, may_use, may_make, may_write, may_make_schema, database, user = cursor.fetchone()
    if not schema:
        return [] if may_make_schema else [f"GRANT CREATE ON DATABASE {database} TO {user}"]
    missing = []
    if not may_use:
        missing.append(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {user}")
    if not table and not may_make:
        missing.append(f"GRANT CREATE ON SCHEMA {SCHEMA} TO {user}")
    if table and not may_write:
        missing.append(f"GRANT SELECT, INSERT, UPDATE ON {_TABLE} TO {user}")
    return missing


def _require_rights(cursor) -> None:
    missing = missing_rights(cursor)
    if missing:
        raise Refusal("kvs-denied", "The login may not keep the record of the service.", f"Run: {'; '.join(missing)}.")


def read(cursor, key: str, keep: bool = False) -> Record | None:
    """The record of the bound ``key``; with ``keep`` nobody else changes it before this transaction ends.

    Raises Refusal ``kvs-denied`` where there are records, and the login may not see them.
    """
    if not _exists(cursor):
        return None
    _require_rights(cursor)
    statement = f"SELECT epoch, holder, document FROM {_TABLE} WHERE bound = %s"
    cursor.execute(statement + (" FOR UPDATE" if keep else ""), (key,))
    row = cursor.fetchone()
    return Record(*row) if row else None


def take_lock(cursor, key: str, holder: dict, service: str, take_over: str | None, above: int) -> Record:
    """See Store.take_lock."""
    if not _exists(cursor):
        _require_rights(cursor)
        # Two that make it at once would fail.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (_TABLE,))
        # CREATE SCHEMA IF NOT EXISTS wants the right to make one also where it is there.
        cursor.execute("SELECT to_regnamespace(%s) IS NULL", (SCHEMA,))
        if cursor.fetchone()[0]:
            cursor.execute(f"CREATE SCHEMA {SCHEMA}")
        cursor.execute(
            f"CREATE TABLE IF NOT EXISTS {_TABLE}"
            " (bound text PRIMARY KEY, epoch bigint NOT NULL, holder jsonb, document jsonb NOT NULL)"
        )
    _require_rights(cursor)
    cursor.execute(
        f"INSERT INTO {_TABLE} (bound, epoch, document) VALUES (%s, 0, '{{}}') ON CONFLICT (bound) DO NOTHING", (key,)
    )
    record = read(cursor, key, keep=True)
    if not lock.must_take(record, service, holder["run_id"], take_over):
        return record
    cursor.execute(
        f"UPDATE {_TABLE} SET epoch = %s, holder = %s WHERE bound = %s",
        (lock.next_epoch(record, above), json.dumps(holder), key),
    )
    return read(cursor, key)


def note(cursor, key: str, guard: Guard, changes: dict, release: bool) -> Record:
    """See Store.note. A release that was done before, by the same guard, is done."""
    record = read(cursor, key, keep=True)
    if release and record and not record.holder and record.document.get("released") == lock.released_by(guard):
        return record
    lock.require_guard(record, guard)
    after = lock.noted(record, guard, changes, release)
    cursor.execute(
        f"UPDATE {_TABLE} SET document = %s, holder = %s WHERE bound = %s",
        (json.dumps(after.document), after.holder and json.dumps(after.holder), key),
    )
    return after
