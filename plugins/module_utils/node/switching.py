# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lies in the configuration's place afterwards: the staged file, or the kept one again."""

from __future__ import annotations

import os

from ansible_collections.atlasdb.timelock.plugins.module_utils.node import disk, hold, staging
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.epoch import Run
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.names import Beside
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.node import Node
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

SWITCHED = "switched"
REVERSED = "reversed"
PUT_BACK = "put back"
_KEYS = ("how", "sha256", "hold_sha256", "service", "epoch", "run_id", "boot_id", "ticks", "was_running")


def read_record(beside: Beside) -> dict | None:
    """What was done last: ``how`` (switched to TimeLock, reversed from it, put back), ``sha256`` of what lies there
    since, ``boot_id`` and ``ticks`` of that moment (clock ticks after boot), ``hold_sha256`` of the hold that it ended,
    ``was_running`` and ``seen`` of before that hold, ``embedded`` (hashes of the files before the last switch to
    TimeLock), and the run; None if nothing ever was."""
    return disk.read_json(beside.switched, _KEYS)


def is_done(beside: Beside, record: dict | None, how: tuple[str, ...], marker: dict | None) -> bool:
    """Whether one of ``how`` was done last and is what lies there now. With a ``marker``: whether it was done since
    that hold began."""
    if record is None or record["how"] not in how:
        return False
    if marker is not None and record["hold_sha256"] != marker["hold_sha256"]:
        return False
    current = disk.read(beside.path)
    return current is not None and disk.sha256(current) == record["sha256"]


def since(node: Node) -> int:
    """The moment since which the node has what it is to run with, in ticks of this boot: before everything if it was an
    earlier one.

    That of its switch. Files that are not what was switched in came there when they were last changed.
    """
    record = read_record(node.install)
    if is_done(node.install, record, (SWITCHED, REVERSED, PUT_BACK), None):
        return record["ticks"] if record["boot_id"] == node.processes.boot_id() else 0
    files = [beside.path for beside in (node.install, node.runtime) if beside is not None]
    return node.processes.ticks_at(max(map(disk.changed_at, files)))


def plan_switch(node: Node, marker: dict | None) -> tuple[dict, dict | None]:
    """Look whether the staged files can be switched in; their notes. Raises Refusal if not."""
    if marker is None:
        raise Refusal("proof-missing", f"The node is not held: there is no {node.install.marker}.", hold.AGAIN)
    hold.require_intact(node.install, marker)
    hold.read_kept(node.install, marker["sha256"])
    about = staging.require_staged(node.install)
    if about["source_sha256"] != marker["sha256"]:
        raise Refusal(
            "config-changed",
            f"What is staged beside {node.install.path} was made from {about['source_sha256'][:16]}, but the node is "
            f"held with {marker['sha256'][:16]} (SHA-256).",
        )
    return about, _plan_runtime(node, about)


def _plan_runtime(node: Node, about: dict) -> dict | None:
    """The note of the runtime file that is still to be switched in; None if there is none."""
    wanted = about["with_runtime"]
    if wanted is None:
        return None
    if node.runtime is None:
        raise Refusal("config-changed", f"What is staged beside {node.install.path} needs a runtime file.")
    current = disk.read(node.runtime.path)
    if current is not None and disk.sha256(current) == wanted:
        return None
    runtime = staging.require_staged(node.runtime)
    if runtime["sha256"] != wanted:
        raise Refusal("config-changed", f"What is staged beside {node.runtime.path} belongs to something else.")
    staging.require_source_unchanged(node.runtime, None)
    return runtime


def switch(node: Node, run: Run, marker: dict, about: dict, runtime: dict | None) -> None:
    """Switch in what was planned: the runtime file first, since nothing reads it while the node is held."""
    if runtime is not None:
        old = disk.read(node.runtime.path)
        hold.keep(node.runtime, old, disk.Ownership.of(node.runtime.path))
        new = disk.read(node.runtime.staged)
        with disk.prepared(node.runtime.next, new, disk.Ownership.of(node.runtime.path)):
            disk.move(node.runtime.next, node.runtime.path)
    new = disk.read(node.install.staged)
    with disk.prepared(node.install.next, new, hold.original_ownership(node.install, marker)):
        _record(node, run, REVERSED if about.get("embedded") else SWITCHED, about, marker)
        disk.move(node.install.next, node.install.path)


def put_back(node: Node, run: Run, marker: dict) -> None:
    """The kept file replaces the hold, and the kept runtime file the new one if that was switched in already."""
    original = hold.read_kept(node.install, marker["sha256"])
    runtime = staging.read_about(node.runtime) if node.runtime is not None else None
    if runtime is not None and runtime["sha256"] != runtime["source_sha256"]:
        current = disk.read(node.runtime.path)
        if current is not None and disk.sha256(current) == runtime["sha256"]:
            old = hold.read_kept(node.runtime, runtime["source_sha256"])
            kept = disk.Ownership.of(node.runtime.kept(runtime["source_sha256"]))
            with disk.prepared(node.runtime.next, old, kept):
                disk.move(node.runtime.next, node.runtime.path)
    with disk.prepared(node.install.next, original, hold.original_ownership(node.install, marker)):
        _record(node, run, PUT_BACK, {"sha256": marker["sha256"]}, marker)
        disk.move(node.install.next, node.install.path)


def _record(node: Node, run: Run, how: str, about: dict, marker: dict) -> None:
    if how == SWITCHED and not about.get("from_timelock"):
        runtime = staging.read_about(node.runtime) if node.runtime is not None else None
        embedded = {"install": marker["sha256"], "runtime": runtime["source_sha256"] if runtime else None}
    else:
        embedded = (read_record(node.install) or {}).get("embedded")
    disk.write_json(
        node.install.switched,
        {
            "how": how, "sha256": about["sha256"], "hold_sha256": marker["hold_sha256"],
            "was_running": marker["was_running"], "seen": marker["seen"], "embedded": embedded,
            "service": run.service, "epoch": run.epoch, "run_id": run.run_id,
            "boot_id": node.processes.boot_id(), "ticks": node.processes.now(),
        },
    )  # fmt: skip


def is_clear(node: Node) -> bool:
    """Whether nothing is there that only a handover needs."""
    names = [node.install.marker, node.install.staged, node.install.staged_about]
    if node.runtime is not None:
        names += [node.runtime.staged, node.runtime.staged_about]
    return not any(os.path.lexists(name) for name in names)


def clear(node: Node) -> bool:
    """Remove what only a handover needs; whether there was any. The marker goes last: until then a rerun comes here
    again."""
    runtime = staging.unstage(node.runtime) if node.runtime is not None else False
    install = staging.unstage(node.install)
    barrier = node.manager.remove_barrier()
    return disk.discard(node.install.marker) or runtime or install or barrier
