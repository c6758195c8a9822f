# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AtlasDB's backup of the bound, which invalidates it: read, classify, one conditional batch.

Source: CassandraTimestampBackupRunner (AtlasDB 0.905.0).
"""

from __future__ import annotations

from cassandra.cluster import Session

from lab.node.cassandra_row import (
    BOUND_BYTES,
    INVALIDATED,
    OLD_TS,
    TS,
    both,
    compare_and_set,
    decode,
    encode,
    execute,
)
from lab.node.failures import IllegalState, SafeIllegalState
from lab.node.log import log
from lab.node.store import INITIAL_BOUND

SELECT = 'SELECT column1, value FROM "_timestamp" WHERE key=0x7473;'


def run(session: Session) -> int:
    """The bound that is backed up after it, by this call or an earlier one.

    Raises IllegalState where bound and backup can both be read, or neither, or another client did something else
    meanwhile.
    """
    cells = _read(session)
    bound, backup = cells.get(TS), cells.get(OLD_TS)
    bound_is_readable = bound is None or _is_valid(bound)
    backup_is_readable = backup is not None and _is_valid(backup)
    if bound_is_readable and backup_is_readable:
        raise SafeIllegalState(
            "We had both backup and active timestamp bounds readable! This is unexpected. Please contact support."
        )
    if backup_is_readable:
        _say(f"[BACKUP] Didn't backup, because there is already a valid backup of {decode(backup)}.")
        return decode(backup)
    if not bound_is_readable:
        raise SafeIllegalState(
            "We had an unreadable active timestamp bound with no backup! This is unexpected. Please contact support."
        )
    value = encode(INITIAL_BOUND) if bound is None else bound
    _change(session, {TS: (bound, INVALIDATED), OLD_TS: (backup, value)})
    _say(f"[BACKUP] Backed up the value {decode(value)}")
    return decode(value)


def _read(session: Session) -> dict[bytes, bytes]:
    cells: dict[bytes, bytes] = {}
    for row in session.execute(SELECT).current_rows:
        if row["column1"] in cells:
            raise IllegalState(f"Duplicate key {row['column1']!r}")
        cells[row["column1"]] = row["value"]
    return cells


def _is_valid(value: bytes) -> bool:
    return len(value) == BOUND_BYTES


def _change(session: Session, changes: dict[bytes, tuple[bytes | None, bytes]]) -> None:
    """Each column from what is expected to a new value, all or none; that another client did the same will do."""
    statements = [compare_and_set(column, expected, new) for column, (expected, new) in changes.items()]
    applied, found = execute(session, both(statements))
    incongruent = [column for column, (_expected, new) in changes.items() if found.get(column) != new]
    if not applied and incongruent:
        raise IllegalState(
            "[BACKUP/RESTORE] Observed incongruent state of the world; the following incongruencies were observed:"
            f" {incongruent}"
        )


def _say(message: str) -> None:
    log("INFO", "com.palantir.atlasdb.keyvalue.cassandra.CassandraTimestampBackupRunner", message)
