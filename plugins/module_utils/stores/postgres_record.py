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
from .interface import Record

SCHEMA = "atlasdb_timelock"
_TABLE = f"{SCHEMA}.record"


def _exists(cursor) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (_TABLE,))
    return cursor.fetchone()[0]


def missing_rights(cursor, user: str) -> list:
    """The statements that would let ``user`` keep a record here; none where it may."""
    cursor.execute(
        "SELECT n.oid IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'USAGE, CREATE'), false),"
        " has_database_privilege(current_database(), 'CREATE'), current_database(),"
        " (SELECT coalesce(bool_and(has_table_privilege(c.oid, right_)), true)"
        "  FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) right_"
        "  WHERE c.relnamespace = n.oid AND c.relname = 'record')"
        " FROM (SELECT 1) one LEFT JOIN pg_namespace n ON n.nspname = %s",
        (SCHEMA,),
    )
    exists, may_use, may_create, database, may_write = cursor.fetchone()
    if exists and not may_use:
        return [f'GRANT USAGE, CREATE ON SCHEMA {SCHEMA} TO "{user}"']
    if exists and not may_write:
        return [f'GRANT SELECT, INSERT, UPDATE ON {_TABLE} TO "{user}"']
    if not exists and not may_create:
        return [f'GRANT CREATE ON DATABASE "{database}" TO "{user}"']
    return []


def read(cursor, key: str, lock: bool = False) -> Record | None:
    """The record of the bound ``key``; with ``lock`` nobody else changes it before this transaction ends."""
    if not _exists(cursor):
        return None
    cursor.execute(
        f"SELECT epoch, holder, document FROM {_TABLE} WHERE bound = %s" + (" FOR UPDATE" if lock else ""), (key,)
    )
    row = cursor.fetchone()
    return Record(*row) if row else None


def require_guard(cursor, key: str, guard: Guard | None) -> None:
    """Refuse an effect unless ``guard`` has the lock; without a guard, while anybody has it. Keeps the row locked."""
    record = read(cursor, key, lock=True)
    if guard is None:
        if record and record.holder:
            raise Refusal("operator-locked", f"The service is held by {describe(record.holder)}.")
        return
    if record is None or record.epoch != guard.epoch or (record.holder or {}).get("run_id") != guard.run_id:
        now = describe(record.holder) if record and record.holder else "nobody"
        raise Refusal("operator-lock-lost", f"Run {guard.run_id} does not hold the service any more; {now} does.")


def describe(holder: dict) -> str:
    """Who holds the lock, as words."""
    return (
        f"run {holder.get('run_id')} of {holder.get('user')} on {holder.get('host')}"
        f" (process {holder.get('pid')}) since {holder.get('since')}"
    )


def take_lock(cursor, key: str, holder: dict, service: str, take_over: str | None) -> Record:
    """See Store.take_lock."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (_TABLE,))
    if not _exists(cursor):
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        cursor.execute(
            f"CREATE TABLE {_TABLE} (bound text PRIMARY KEY, epoch bigint NOT NULL, holder jsonb, document jsonb NOT NULL)"
        )
    cursor.execute(
        f"INSERT INTO {_TABLE} (bound, epoch, document) VALUES (%s, 0, '{{}}') ON CONFLICT (bound) DO NOTHING", (key,)
    )
    record = read(cursor, key, lock=True)
    if record.holder:
        if record.holder.get("run_id") == holder["run_id"]:
            return record
        if record.holder.get("run_id") != take_over:
            raise Refusal("operator-locked", f"{service} is held by {describe(record.holder)}.")
    cursor.execute(
        f"UPDATE {_TABLE} SET epoch = epoch + 1, holder = %s WHERE bound = %s AND epoch = %s",
        (json.dumps(holder), key, record.epoch),
    )
    return read(cursor, key)


def note(cursor, key: str, guard: Guard, changes: dict, release: bool) -> Record:
    """See Store.note."""
    record = read(cursor, key, lock=True)
    if release and record and record.holder is None and record.document.get("released") == guard.run_id:
        return record
    require_guard(cursor, key, guard)
    numbers = dict(record.document.get("numbers", {}))
    for name, number in changes.get("numbers", {}).items():
        numbers[name] = str(max(int(number), int(numbers.get(name, 0))))
    document = {**record.document, **changes, "numbers": numbers, "released": guard.run_id if release else None}
    cursor.execute(
        f"UPDATE {_TABLE} SET document = %s, holder = CASE WHEN %s THEN NULL ELSE holder END WHERE bound = %s",
        (json.dumps(document), release, key),
    )
    return read(cursor, key)
