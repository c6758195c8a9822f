# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AtlasDB's timestamp row in Cassandra: one partition, the bound in the column `ts`, its backup in `oldTs`.

Sources: CassandraTimestampUtils and CassandraTimestampBoundStore (AtlasDB 0.905.0).
"""

from __future__ import annotations

from cassandra.cluster import Session

from lab.node.failures import IllegalArgument

TS = b"ts"
OLD_TS = b"oldTs"
INVALIDATED = b"\x00"
BOUND_BYTES = 8


def encode(bound: int) -> bytes:
    return bound.to_bytes(BOUND_BYTES, "big", signed=True)


def decode(value: bytes) -> int:
    """The first eight bytes, as PtBytes.toLong. Raises IllegalArgument for fewer."""
    if len(value) < BOUND_BYTES:
        raise IllegalArgument(f"array too small: {len(value)} < {BOUND_BYTES}")
    return int.from_bytes(value[:BOUND_BYTES], "big", signed=True)


def compare_and_set(column: bytes, expected: bytes | None, new: bytes) -> str:
    """The statement that changes a column from `expected`, None where it must not be there."""
    if expected is None:
        return (
            'INSERT INTO "_timestamp" (key, column1, column2, value)'
            f" VALUES ({_hex(TS)}, {_hex(column)}, -1, {_hex(new)}) IF NOT EXISTS;"
        )
    return (
        f'UPDATE "_timestamp" SET value={_hex(new)} WHERE key={_hex(TS)} AND column1={_hex(column)} AND column2=-1'
        f" IF value={_hex(expected)};"
    )


def both(statements: list[str]) -> str:
    return "\n".join(["BEGIN UNLOGGED BATCH", *statements, "APPLY BATCH;"])


def _hex(value: bytes) -> str:
    return f"0x{value.hex().upper()}"


def execute(session: Session, statement: str) -> tuple[bool, dict[bytes, bytes]]:
    """Run a conditional statement: whether it was applied, and the columns that it found if it was not."""
    rows = session.execute(statement).current_rows
    found = {row.get("column1", TS): row["value"] for row in rows if row.get("value") is not None}
    return rows[0]["[applied]"], found
