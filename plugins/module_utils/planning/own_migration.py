# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The migration that a client does itself at its first start on TimeLock: which clients do, and whether one has.

Sources: AtlasDB TimeLockMigrator.java, DbAtlasDbFactory.java (wired in at 0.253.2), AtlasDbFactory.java (what a store
without one says), CassandraTimestampBackupRunner.java.
"""

from __future__ import annotations

from ..bound import ACTIVE
from ..client_config.versions import parse_version
from ..refusal import Refusal

MANUAL, AUTOMATED = "manual", "automated"
RELATIONAL_SINCE = (0, 253, 2)
BACKUP_TOLD_SINCE = (0, 65, 2)
"""Before, Cassandra's clients wrote another number into their log than the one that they had kept."""

_NOT_DONE = "doesn't yet support automated migration"
_FORWARDED = "Now fast forwarding the timestamp"
_BACKUP = "[BACKUP]"


def begun(record: dict | None) -> bool:
    """Whether a run that did not finish, by the service's ``record``, has started a node that migrates itself.

    One that goes back from there stops that node, and leaves a store that its client's migration refuses.
    """
    if not record or record.get("direction", "migrate") != "migrate":
        return False
    return bool(record.get("unfinished") and record.get("own_migration"))


def unsuitable(migration: str, config: dict) -> Refusal | None:
    """Why a service with ``config`` (of a look at a node) cannot be left to migrate itself, or None."""
    if migration not in (MANUAL, AUTOMATED):
        return Refusal("migration-unsuitable", f"timelock_migration is {migration!r}, neither manual nor automated.")
    if migration == MANUAL or config["shared"]["store"] != "relational":
        return None
    try:
        suits = parse_version(config["version"]) >= RELATIONAL_SINCE
    except Refusal as refusal:
        return refusal
    found = f"AtlasDB {config['version']} on a relational store: its own migration does nothing before 0.253.2."
    return None if suits else Refusal("migration-unsuitable", found)


def require_done(store: dict, ts: int) -> None:
    """Refuse ``migration-not-done`` where the client that was started has left the store active."""
    if store["state"] == ACTIVE:
        found = f"The client was started on TimeLock, and has left its store active, at {store['bound']}; TS is {ts}."
        raise Refusal("migration-not-done", found)


def said_since(lines: list, before: list) -> list:
    """Of the ``lines`` of a log those that were not there ``before``; each comes with its number and a colon, as
    ``grep -n`` has it, and goes without.

    A log that was rotated meanwhile has other lines by these numbers, since each tells the time.
    """
    known = set(before)
    return [line.partition(":")[2] for line in lines if line not in known]


def require_told(lines: list, version: str, store: str, ts: int) -> None:
    """Refuse ``migration-not-done`` unless the client's log ``lines`` say that it has migrated, from ``ts``."""
    said = [line for line in lines if line.strip()]
    wrong = [line for line in said if _NOT_DONE in line]
    if wrong:
        raise Refusal("migration-not-done", f"The client's log says: {wrong[-1].strip()[:300]}.")
    if not any(_FORWARDED in line for line in said):
        raise Refusal("migration-not-done", "The client's log does not say that it has fast-forwarded TimeLock.")
    if store != "cassandra" or parse_version(version) < BACKUP_TOLD_SINCE:
        return
    if not any(_BACKUP in line and str(ts) in line for line in said):
        raise Refusal("migration-not-done", f"The client's log does not say that it has kept {ts} as its backup.")
