# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The new configuration, laid beside the old one before the outage and bound to the hash of what it was made from."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.atlasdb.timelock.plugins.module_utils.node import disk
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.epoch import Run
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.names import Beside
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.plain_file import require_plain
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

_KEYS = ("source_sha256", "sha256", "epoch", "run_id", "mode", "uid", "gid", "with_runtime")


@dataclass(frozen=True)
class Source:
    """What a staged file is made from: the ``sha256`` of the configuration, or of the one kept while the node is
    held."""

    sha256: str
    ownership: disk.Ownership


def source_of(beside: Beside, marker: dict | None) -> Source:
    """The source that a staged file must be made from now. ``marker`` only for the file that is held."""
    if marker is not None:
        return Source(marker["sha256"], disk.Ownership(marker["mode"], marker["uid"], marker["gid"]))
    require_plain(beside.path)
    current = disk.read(beside.path)
    if current is None:
        raise Refusal("config-missing", f"{beside.path} does not exist.")
    return Source(disk.sha256(current), disk.Ownership.of(beside.path))


def read_about(beside: Beside) -> dict | None:
    """What is known of the staged file; None if nothing is staged."""
    return disk.read_json(beside.staged_about, _KEYS)


def plan(
    beside: Beside, run: Run, content: bytes, expected_source: str, marker: dict | None, with_runtime: str | None,
    embedded: bool = False, from_timelock: bool = False,
) -> dict:
    """What staging would note down. ``with_runtime``: hash of the runtime file that belongs to it, or None;
    ``embedded``: whether it is one for embedded timestamps; ``from_timelock``: whether its source is one for TimeLock.

    A file that was switched in already keeps its note: the note knows what to put back.

    Raises Refusal config-changed if the source is not ``expected_source``.
    """
    about = {"with_runtime": with_runtime, "embedded": embedded, "from_timelock": from_timelock}
    source = source_of(beside, marker)
    sha256 = disk.sha256(content)
    before = read_about(beside)
    if before is not None and before["sha256"] == source.sha256 == sha256 == expected_source:
        return {**before, "epoch": run.epoch, "run_id": run.run_id, **about}
    if source.sha256 != expected_source:
        raise Refusal(
            "config-changed",
            f"{beside.path} has changed: the new configuration was made from {expected_source[:16]}, "
            f"there is {source.sha256[:16]} now (SHA-256).",
        )
    return {
        "source_sha256": source.sha256, "sha256": sha256, "epoch": run.epoch, "run_id": run.run_id,
        "mode": source.ownership.mode, "uid": source.ownership.uid, "gid": source.ownership.gid,
        **about,
    }  # fmt: skip


def is_staged(beside: Beside, about: dict, content: bytes) -> bool:
    return read_about(beside) == about and disk.read(beside.staged) == content


def stage(beside: Beside, about: dict, content: bytes) -> None:
    """Lay the new file beside the old one. A file without its note counts as nothing staged."""
    disk.discard(beside.staged_about)
    disk.write(beside.staged, content, disk.private())
    disk.write_json(beside.staged_about, about)


def unstage(beside: Beside) -> bool:
    """Remove what is staged; whether anything was."""
    about = disk.discard(beside.staged_about)
    return disk.discard(beside.staged) or about


def require_source_unchanged(beside: Beside, marker: dict | None) -> None:
    """Raise Refusal config-changed if a file is staged and was made from something else than what is there now."""
    about = read_about(beside)
    if about is None:
        return
    source = source_of(beside, marker).sha256
    if source not in (about["source_sha256"], about["sha256"]):
        raise Refusal(
            "config-changed",
            f"{beside.path} has changed since the new configuration was staged: it was {about['source_sha256'][:16]} "
            f"then, and is {source[:16]} now (SHA-256).",
        )


def require_staged(beside: Beside) -> dict:
    """The note of the staged file. Raises Refusal config-changed if nothing is staged, or the file is damaged."""
    about = read_about(beside)
    if about is None:
        raise Refusal("config-changed", f"No new configuration is staged beside {beside.path}.")
    staged = disk.read(beside.staged)
    if staged is None or disk.sha256(staged) != about["sha256"]:
        raise Refusal("config-changed", f"{beside.staged} is not the file that was staged.")
    return about
