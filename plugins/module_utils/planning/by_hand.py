# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A migration that somebody did by hand, half or whole: recognised by what it left, explained, and what repairs it.

AtlasDB's document for a manual migration puts the backup into a column in which AtlasDB never looks
(manual-migration.rst, 0.40.0 to 0.1175.0), so that no client starts afterwards. And each of its steps can be the last.
"""

from __future__ import annotations

from ..bound import ACTIVE, INVALIDATED
from ..node.switching import PUT_BACK, REVERSED

BACKUP = "backup"
"""The backup is to be brought to where AtlasDB looks for it, and the rest of the handover done."""

REST = "rest"
"""The store was invalidated and no client brought to TimeLock: the rest of the handover is to be done."""

MISPLACED = "bound-manual-backup"

DO = "Start nothing. Where no client ever ran on TimeLock, repair.yml does the rest of what was begun by hand."


def repair_of(store: dict, record: dict, nodes: list, left_embedded: bool) -> str | None:
    """What there is to repair: BACKUP, REST or None. An unfinished repair on record is what it was begun as.

    A service that a run has brought to TimeLock, by its ``record``, is not one that somebody left half-way: unless a
    later run ``left_embedded`` it. Nor is one whose clients wrote down timestamps above the backup: those are of
    TimeLock.
    """
    if record.get("unfinished") and record.get("repair"):
        return record["repair"]
    if store["code"] == MISPLACED:
        return BACKUP
    if store["state"] != INVALIDATED or store["code"]:
        return None
    if any(int(one["number"]) > store["backup"] for one in store["corroboration"]):
        return None
    switched = any(node["look"]["config"]["mode"] == "timelock" for node in nodes)
    return REST if not switched and no_run_switched(record, nodes, left_embedded) else None


def no_run_switched(record: dict, nodes: list, left_embedded: bool) -> bool:
    """Whether no run has brought the service to TimeLock, or one ``left_embedded`` it last: by its ``record``, and by
    what was done last to the file of each node.
    """
    if record.get("namespace") and not left_embedded:
        return False
    unused = (None, REVERSED, PUT_BACK) if left_embedded else (None,)
    return all((node["look"]["probe"].get("switched") or {}).get("how") in unused for node in nodes)


def explained(store: dict, repair: str | None, namespace: str, listed: bool) -> str | None:
    """What was done by hand, as a sentence, or None."""
    if repair == BACKUP and store["code"] == MISPLACED:
        return (
            f"migrated by hand, as AtlasDB's document says: that puts the backup, {store['backup']}, where AtlasDB does"
            " not look, and no node starts on TimeLock. repair.yml brings it there, and does the rest."
        )
    if repair == REST:
        known = f"has a namespace {namespace}" if listed else f"has no namespace {namespace}"
        return (
            f"invalidated by hand at {store['backup']}, no node is configured for TimeLock, and TimeLock {known}."
            " repair.yml does the rest."
        )
    manual = [one["number"] for one in store["corroboration"] if "0x7472" in one["source"]]
    if store["state"] == ACTIVE and manual:
        return (
            f"a migration by hand was begun: a backup, {manual[0]}, stands in column 0x7472, and the store is active."
            " Nothing has come of it; migrate.yml does not need it."
        )
    return None
