# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The timestamp table of AtlasDB's DbKVS on PostgreSQL: where it is, what it says, and the statements that change it.

The table is ``<prefix>_timestamp``, unquoted and without a schema, one row, one column: ``last_allocated`` while the
bound is live, ``legacy_last_allocated`` once it is invalidated. The rename is the backup. Source: AtlasDB
InvalidationRunner.java and LegacyPhysicalBoundStoreStrategy.java, 0.253.2 to 0.1175.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from ..bound import ABSENT, ACTIVE, AMBIGUOUS, INVALIDATED, MAX_LONG, StoreState, out_of_range
from ..refusal import Refusal

try:
    from psycopg import sql
except ImportError:
    sql = None

LIVE = "last_allocated"
LEGACY = "legacy_last_allocated"
_PREFIX = re.compile(r"^([A-Za-z_][A-Za-z0-9_$]*)?\Z")


@dataclass(frozen=True)
class Place:
    """Where a table of that name is: its schema, or None; and the state, where the place alone is cause to refuse."""

    schema: str | None
    problem: StoreState | None = None


def table_name(prefix: str) -> str:
    """The name as PostgreSQL stores it. Raises Refusal ``config-invalid`` for a prefix that cannot stand unquoted."""
    if not _PREFIX.match(prefix):
        raise Refusal("config-invalid", f"The table prefix {prefix!r} is not one that AtlasDB could use unquoted.")
    return f"{prefix}_timestamp".lower()


def find(cursor, name: str) -> Place:
    """Where the table is, as the login's search path shows it to AtlasDB."""
    cursor.execute(
        "SELECT n.nspname, c.relkind::text, array_position(current_schemas(false), n.nspname)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 3 NULLS LAST, 1",
        (name,),
    )
    return choose(name, cursor.fetchall())


def choose(name: str, found: list) -> Place:
    """The place of the table, of all relations of its name: (schema, kind, position in the search path or None)."""
    visible = [row for row in found if row[2] is not None]
    if not visible:
        elsewhere = ", ".join(row[0] for row in found)
        more = f"; there is one in {elsewhere}, which is not in the login's search path" if elsewhere else ""
        return Place(None, StoreState(ABSENT, code="bound-absent", reason=f"There is no table {name}{more}."))
    schema, kind, position = visible[0]
    reason = None
    if len(visible) > 1:
        names = ", ".join(f"{row[0]}.{name}" for row in visible)
        reason = f"The search path has several timestamp tables: {names}."
    elif position != 1:
        reason = (
            f"{schema}.{name} is not in the first schema of the login's search path: at its next start AtlasDB would"
            " make an empty table there, and begin again at 10000."
        )
    elif kind != "r":
        reason = f"{schema}.{name} is not a plain table."
    return Place(schema, reason and StoreState(AMBIGUOUS, code="bound-ambiguous", reason=reason))


def state(cursor, place: Place, name: str) -> StoreState:
    """What the table says, read as AtlasDB reads it: column names and rows in one statement.

    The lock keeps a rename from coming between the two.
    """
    if place.problem:
        return place.problem
    cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(_identifier(place, name)))
    cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 3").format(_identifier(place, name)))
    columns = [column.name for column in cursor.description]
    return classify(f"{place.schema}.{name}", columns, cursor.fetchall())


def classify(table: str, columns: list, rows: list) -> StoreState:
    """The state of a table with ``columns`` and (its first) ``rows``, values as psycopg gives them."""
    kept = [column for column in (LIVE, LEGACY) if column in columns]
    if len(kept) == 2:
        return _both(table, columns, rows)
    if not kept:
        names = ", ".join(columns) or "no column"
        return _ambiguous(
            "bound-renamed", f"{table} has {names}, and neither {LIVE} nor {LEGACY}: AtlasDB would take it for empty."
        )
    live = kept[0] == LIVE
    values = [row[columns.index(kept[0])] for row in rows]
    if len(values) > 1:
        shown = ", ".join(str(value) for value in values)
        return _ambiguous("bound-ambiguous", f"{table} has several rows: {shown} (at least).")
    if not values:
        if live:
            return StoreState(ABSENT, code="bound-absent", reason=f"{table} has no row.", empty_table=True)
        reason = f"{table} is invalidated, and has no row that holds a backup."
        return StoreState(INVALIDATED, code="bound-unreadable", reason=reason, empty_table=True)
    value = values[0]
    if value is None:
        reason = f"{table}.{kept[0]} is NULL: AtlasDB would read 0."
        if live:
            return _ambiguous("bound-ambiguous", reason)
        return StoreState(INVALIDATED, code="bound-unreadable", reason=reason)
    if not _is_whole(value) or not -MAX_LONG - 1 <= value <= MAX_LONG:
        return _ambiguous("bound-out-of-range", f"{table}.{kept[0]} is {value}, which is no 64-bit integer.")
    number = int(value)
    problem = out_of_range(number)
    code = "bound-out-of-range" if problem else None
    if live:
        return StoreState(ACTIVE, bound=number, code=code, reason=problem)
    return StoreState(INVALIDATED, backup=number, code=code, reason=problem)


def _both(table: str, columns: list, rows: list) -> StoreState:
    """Both columns: AtlasDB's own migration refuses that, and its embedded service looks at the live one alone."""
    reason = f"{table} has both columns, {LIVE} and {LEGACY}."
    if len(rows) == 1:
        live, legacy = (rows[0][columns.index(name)] for name in (LIVE, LEGACY))
        if legacy is None and _is_whole(live) and not out_of_range(int(live)):
            return StoreState(AMBIGUOUS, bound=int(live), code="bound-ambiguous", reason=reason, guarded=True)
    return _ambiguous("bound-ambiguous", reason)


def lock(cursor, place: Place, name: str) -> None:
    """Keep everybody else from reading or changing the table until the transaction ends."""
    cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(_identifier(place, name)))


def rename(cursor, place: Place, name: str, before: str, after: str) -> None:
    """AtlasDB's own statement, in either direction."""
    cursor.execute(
        sql.SQL("ALTER TABLE {} RENAME {} TO {}").format(
            _identifier(place, name), sql.Identifier(before), sql.Identifier(after)
        )
    )


def write(cursor, place: Place, name: str, number: int, is_empty: bool) -> None:
    """Set the live number of a table that has one row, or none where ``is_empty``."""
    statement = "INSERT INTO {} ({}) VALUES (%s)" if is_empty else "UPDATE {} SET {} = %s"
    cursor.execute(sql.SQL(statement).format(_identifier(place, name), sql.Identifier(LIVE)), (number,))


def guard(cursor, place: Place, name: str) -> None:
    """Give the table a second column, empty, which AtlasDB's own migration refuses."""
    statement = sql.SQL("ALTER TABLE {} ADD COLUMN {} int8").format(_identifier(place, name), sql.Identifier(LEGACY))
    cursor.execute(statement)


def open_up(cursor, place: Place, name: str) -> None:
    """Take it away again."""
    statement = sql.SQL("ALTER TABLE {} DROP COLUMN {}").format(_identifier(place, name), sql.Identifier(LEGACY))
    cursor.execute(statement)


def last_punched(cursor, place: Place, name: str) -> int | None:
    """The newest timestamp in AtlasDB's table of timestamps by wall clock, where it has one.

    Rows are written about once a minute, under the very timestamp that they hold (KeyValueServicePuncherStore.java).
    """
    punch = name[: -len("_timestamp")] + "_punch"
    cursor.execute("SELECT to_regclass(format('%%I.%%I', %s::text, %s::text)) IS NOT NULL", (place.schema, punch))
    if not cursor.fetchone()[0]:
        return None
    cursor.execute(sql.SQL("SELECT max(ts)::bigint FROM {}").format(sql.Identifier(place.schema, punch)))
    return cursor.fetchone()[0]


def filled_table(cursor) -> str | None:
    """A table that has rows, in the first schema of the search path, where AtlasDB makes its own; None without one.

    One that the login may not read counts as well: what nobody can see is not empty.
    """
    cursor.execute(
        "SELECT n.nspname, c.relname, has_table_privilege(c.oid, 'SELECT')"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') ORDER BY 2"
    )
    for schema, table, readable in cursor.fetchall():
        if readable:
            cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(schema, table)))
        if not readable or cursor.fetchone()[0]:
            return f"{schema}.{table}"
    return None


def missing_rights(cursor, place: Place, name: str) -> list:
    """The statement that would let the login alter the table; none where it may."""
    cursor.execute(
        "SELECT quote_ident(pg_get_userbyid(c.relowner)), quote_ident(current_user), pg_has_role(c.relowner, 'USAGE')"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s",
        (place.schema, name),
    )
    row = cursor.fetchone()
    return [f"GRANT {row[0]} TO {row[1]}"] if row and not row[2] else []


def _identifier(place: Place, name: str):
    return sql.Identifier(place.schema, name)


def _is_whole(value) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite() and value == value.to_integral_value()
    return isinstance(value, int) and not isinstance(value, bool)


def _ambiguous(code: str, reason: str) -> StoreState:
    return StoreState(AMBIGUOUS, code=code, reason=reason)
