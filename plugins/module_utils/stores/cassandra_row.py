# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The timestamp row of AtlasDB on Cassandra: its bytes, what they say, and the statements that change them.

One partition of the table ``_timestamp`` holds the live bound in the column ``ts`` and the backup in ``oldTs``, as
8 bytes, big-endian; a single zero byte in ``ts`` marks it invalidated. Sources: AtlasDB CassandraTimestampUtils.java,
CassandraTimestampBackupRunner.java, CassandraTimestampBoundStore.java, 0.32.0 to 0.1175.0.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..bound import ABSENT, ACTIVE, AMBIGUOUS, INVALIDATED, StoreState, out_of_range

TABLE = "_timestamp"
PARTITION = b"ts"
LIVE = b"ts"
BACKUP = b"oldTs"
MANUAL = b"tr"
"""Where the documented manual procedure puts the backup, and where AtlasDB never looks."""

INVALID = b"\x00"
EMPTY = b""
_NUMBER_BYTES = 8
_COLUMN2 = -1
"""Bit complement of the AtlasDB timestamp 0, under which both are written."""


@dataclass(frozen=True)
class Cell:
    """One row of the partition. ``value`` is None where the row has none, ``ttl`` the seconds until it vanishes."""

    column: bytes
    column2: int
    value: bytes | None
    ttl: int | None = None


@dataclass(frozen=True)
class Cells:
    """The values of the partition by name, None where there is no such row."""

    live: bytes | None
    backup: bytes | None
    manual: bytes | None


def encode(number: int) -> bytes:
    """A bound in AtlasDB's bytes."""
    return number.to_bytes(_NUMBER_BYTES, "big", signed=True)


def decode(value: bytes | None) -> int | None:
    """The number that AtlasDB's migration reads in ``value``: None unless it is 8 bytes."""
    if value is None or len(value) != _NUMBER_BYTES:
        return None
    return int.from_bytes(value, "big", signed=True)


def cells_of(rows: list) -> Cells:
    """The values of the partition; only for rows in which ``classify`` finds one of a kind."""
    found = {cell.column: cell.value for cell in rows}
    return Cells(found.get(LIVE), found.get(BACKUP), found.get(MANUAL))


def classify(table: str, rows: list) -> StoreState:
    """The state of a partition with ``rows`` (Cell). AtlasDB ignores other columns than the known ones."""
    counted = [cell for cell in rows if cell.column in (LIVE, BACKUP, MANUAL)]
    odd = _odd(table, counted)
    if odd:
        return StoreState(AMBIGUOUS, code="bound-ambiguous", reason=odd)
    cells = cells_of(counted)
    longer = [name for name, value in (("ts", cells.live), ("oldTs", cells.backup)) if value and len(value) > 8]
    if longer:
        value = cells.live if longer[0] == "ts" else cells.backup
        first = int.from_bytes(value[:_NUMBER_BYTES], "big", signed=True)
        reason = f"{longer[0]} in {table} has {len(value)} bytes, of which the first 8 are the number {first}."
        return StoreState(AMBIGUOUS, code="bound-length", reason=reason)
    live, backup = decode(cells.live), decode(cells.backup)
    if backup is not None and (live is not None or cells.live is None):
        return _both(table, live, backup)
    if live is not None:
        return _with_number(ACTIVE, live)
    if cells.live is None:
        return _without(table, cells)
    if backup is not None:
        return _with_number(INVALIDATED, backup)
    return _without_backup(table, cells)


def _odd(table: str, counted: list) -> str | None:
    """Why the rows are none that AtlasDB writes, as a sentence, or None."""
    for cell in counted:
        name = cell.column.decode("ascii")
        same = [other for other in counted if other.column == cell.column]
        if len(same) > 1:
            shown = ", ".join(_shown(other.value) for other in same)
            return f"{table} has several rows {name}: {shown}."
        if cell.column2 != _COLUMN2:
            return (
                f"{name} in {table} stands at column2 {cell.column2}, where AtlasDB's migration reads it and its"
                " timestamp service does not."
            )
        if cell.value is None:
            return f"{name} in {table} has no value."
        if cell.ttl is not None:
            return f"{name} in {table} ({_shown(cell.value)}) was written to vanish, in {cell.ttl} s from now."
    return None


def _both(table: str, live: int | None, backup: int) -> StoreState:
    found = f"{table} has a backup, {backup}, and a live bound, {live}"
    if live is None:
        found = f"{table} has a backup, {backup}, and no row ts: AtlasDB would start again at 10000"
    elif live > backup and not out_of_range(live):
        return StoreState(AMBIGUOUS, live, backup, "bound-ambiguous", f"{found}.", guarded=True)
    return StoreState(AMBIGUOUS, code="bound-ambiguous", reason=f"{found}.")


def _without(table: str, cells: Cells) -> StoreState:
    if cells.backup is None:
        return StoreState(ABSENT, code="bound-absent", reason=f"{table} has no row ts.", empty_table=True)
    reason = (
        f"{table} has no row ts, and an emptied backup: a bound was restored there and then lost. AtlasDB would"
        " begin again at 10000."
    )
    return StoreState(ABSENT, code="bound-absent", reason=reason, empty_table=True)


def _without_backup(table: str, cells: Cells) -> StoreState:
    manual = decode(cells.manual)
    if manual is None:
        reason = f"{table} is invalidated (ts is {_shown(cells.live)}), and has no readable backup in oldTs."
        return StoreState(INVALIDATED, code="bound-unreadable", reason=reason)
    reason = f"{table} is invalidated, and its backup, {manual}, stands in column 0x7472 instead of oldTs."
    return StoreState(INVALIDATED, backup=manual, code="bound-manual-backup", reason=reason)


def _with_number(state: str, number: int) -> StoreState:
    problem = out_of_range(number)
    code = "bound-out-of-range" if problem else None
    kept = {"bound": number} if state == ACTIVE else {"backup": number}
    return StoreState(state, code=code, reason=problem, **kept)


def _shown(value: bytes | None) -> str:
    number = decode(value)
    if number is not None:
        return str(number)
    return "without a value" if value is None else f"0x{value.hex().upper()}"


def invalidating(keyspace: str, cells: Cells) -> str:
    """AtlasDB's own batch: the live number becomes the backup."""
    return batch(keyspace, [(LIVE, cells.live, INVALID), (BACKUP, cells.backup, cells.live)])


def restoring(keyspace: str, cells: Cells, number: int, guarded: bool = False) -> str:
    """``number`` becomes the live bound; a backup that counted is emptied, as AtlasDB's own restore leaves it.

    With ``guarded`` it stays, or is put there: beside a live bound AtlasDB's own migration refuses it.
    """
    changes = [(LIVE, cells.live, encode(number))]
    if decode(cells.backup) is not None:
        changes.append((BACKUP, cells.backup, cells.backup if guarded else EMPTY))
    elif guarded:
        changes.append((BACKUP, cells.backup, encode(0)))
    return batch(keyspace, changes)


def opening(keyspace: str, cells: Cells) -> str:
    """The backup beside a live bound is emptied. The bound is not compared: running nodes move it."""
    return batch(keyspace, [(BACKUP, cells.backup, EMPTY)])


def repairing(keyspace: str, cells: Cells) -> str:
    """The backup that stands in column 0x7472 is written where AtlasDB looks for it, and stays there as well."""
    number = cells.manual
    changes = [(LIVE, cells.live, INVALID), (BACKUP, cells.backup, number), (MANUAL, number, number)]
    return batch(keyspace, changes)


def batch(keyspace: str, changes: list) -> str:
    """The conditional batch that makes ``changes``, triples of column, expected value (None: no row) and new value."""
    lines = [_statement(keyspace, *change) for change in changes]
    if len(lines) == 1:
        return lines[0]
    return "\n".join(["BEGIN UNLOGGED BATCH", *lines, "APPLY BATCH;"])


def _statement(keyspace: str, column: bytes, expected: bytes | None, new: bytes) -> str:
    table = table_name(keyspace)
    if expected is None:
        return (
            f"INSERT INTO {table} (key, column1, column2, value)"
            f" VALUES ({_hex(PARTITION)}, {_hex(column)}, {_COLUMN2}, {_hex(new)}) IF NOT EXISTS;"
        )
    return (
        f"UPDATE {table} SET value={_hex(new)} WHERE key={_hex(PARTITION)} AND column1={_hex(column)}"
        f" AND column2={_COLUMN2} IF value={_hex(expected)};"
    )


def selection(keyspace: str) -> str:
    """The statement that reads the partition."""
    return f"SELECT column1, column2, value, ttl(value) FROM {table_name(keyspace)} WHERE key={_hex(PARTITION)};"


def table_name(keyspace: str) -> str:
    """The table with its keyspace, both quoted: the one may have upper case, the other begins with an underscore."""
    return f'"{keyspace}"."{TABLE}"'


def _hex(value: bytes) -> str:
    return f"0x{value.hex().upper()}"
