# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hold: what keeps a stopped node down, whoever tries to start it.

The configuration file is kept under another name, and in its place lies one that AtlasDB refuses: its only key is no
block of a configuration. The marker says so, and exists only while the node is held. At every moment the
configuration file exists, and is either the original or the hold.
"""

from __future__ import annotations

import json
import shlex
import time

from ansible_collections.atlasdb.timelock.plugins.module_utils.node import disk
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.epoch import (
    MIGRATE,
    RENAME,
    REPAIR,
    REVERSE,
    Run,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.names import Beside
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.plain_file import require_plain
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

FIRST_LINE = "# held by atlasdb.timelock"
AGAIN = "Run the playbook again."
_RESTORE = "Restore it from a backup."
_KEYS = (
    "service", "epoch", "run_id", "since", "operator", "kept", "sha256", "hold_sha256", "mode", "uid", "gid", "seen",
    "was_running", "playbook",
)  # fmt: skip
_STILL_ACTIVE = "status.yml says that the store of the service is still active"
_NOTHING_LOST = (
    "\n# and neither calls the service wrong, nor names kvs-identity, inventory-changed or a node that could not be"
    " looked at"
)
"""An unfinished run may have had a node on TimeLock, and the store lost its invalidation since."""
_AS_IT_WAS = {
    MIGRATE: f"{_STILL_ACTIVE}, and not that a node may migrate itself,{_NOTHING_LOST}",
    REPAIR: f"{_STILL_ACTIVE},{_NOTHING_LOST}",
    REVERSE: "status.yml says that the store of the service is still invalidated",
    RENAME: "no node of the service has its new namespace yet",
}
"""While what may a node still run with the file that it had before; by the playbook that holds it."""


def is_hold(data: bytes) -> bool:
    """Whether a configuration file is a hold, of any run."""
    return data.split(b"\n", 1)[0].rstrip() == FIRST_LINE.encode()


def render(beside: Beside, run: Run, since: str, sha256: str) -> bytes:
    """The file that lies in the configuration's place while the node is held."""
    kept = beside.kept(sha256)
    return f"""{FIRST_LINE}
# The service {json.dumps(run.service)} is being moved between its embedded timestamps and TimeLock. A node that
# started now could issue timestamps a second time, so this node must stay down.
# held since: {since}
# by: {json.dumps(run.operator)}, run {json.dumps(run.run_id)}, epoch {run.epoch}
# To release it: run {run.playbook} again, which goes on or puts everything back. (Where another one has gone on since,
# status.yml names it.)
# By hand, and only if {_AS_IT_WAS[run.playbook]}:
#   mv {shlex.quote(kept)} {shlex.quote(beside.path)} && rm {shlex.quote(beside.marker)}
atlasdb-timelock-held: {_quoted(kept)}
""".encode()


def _quoted(text: str) -> str:
    """As YAML: JSON's escapes, but that a character beyond 16 bits is one there, and not a pair."""
    escaped = (json.dumps(each)[1:-1] if ord(each) < 0x10000 else f"\\U{ord(each):08x}" for each in text)
    return f'"{"".join(escaped)}"'


def read_marker(beside: Beside) -> dict | None:
    """The marker of a held node; None if it is not held."""
    return disk.read_json(beside.marker, _KEYS)


def is_intact(beside: Beside, marker: dict) -> bool:
    """Whether the hold lies where the configuration was, unchanged."""
    current = disk.read(beside.path)
    return current is not None and disk.sha256(current) == marker["hold_sha256"]


def is_original(beside: Beside, marker: dict) -> bool:
    """Whether what lies where the configuration was is what lay there before the hold."""
    current = disk.read(beside.path)
    return current is not None and disk.sha256(current) == marker["sha256"]


def require_intact(beside: Beside, marker: dict | None) -> dict:
    """The marker. Raises Refusal proof-missing if the node is not held, hold-impossible if its hold was
    overwritten."""
    if marker is None:
        raise Refusal("proof-missing", f"The node is not held: there is no {beside.marker}.", AGAIN)
    if not is_intact(beside, marker):
        raise Refusal("hold-impossible", f"{beside.path} has been rewritten while the node was held.")
    return marker


def keep(beside: Beside, data: bytes, ownership: disk.Ownership) -> str:
    """Keep ``data`` by its hash; the name. Never overwrites: raises Refusal config-changed on other content there."""
    kept = beside.kept(disk.sha256(data))
    found = disk.read(kept)
    if found is None:
        disk.write(kept, data, ownership)
    elif found != data:
        raise Refusal("config-changed", f"{kept} was changed: its content is not the one that its name says.")
    return kept


def read_kept(beside: Beside, sha256: str) -> bytes:
    """The original with this hash. Raises Refusal config-missing, or config-changed if it was altered."""
    kept = beside.kept(sha256)
    data = disk.read(kept)
    if data is None:
        raise Refusal("config-missing", f"{kept}, the original of {beside.path}, is not there.", _RESTORE)
    if disk.sha256(data) != sha256:
        raise Refusal("config-changed", f"{kept}, the original of {beside.path}, was changed.", _RESTORE)
    return data


def original_ownership(beside: Beside, marker: dict) -> disk.Ownership:
    """Owner, mode and attributes that the configuration had when it was held."""
    attributes = disk.Ownership.of(beside.kept(marker["sha256"])).attributes
    return disk.Ownership(marker["mode"], marker["uid"], marker["gid"], attributes)


def take(beside: Beside, run: Run, seen: dict, was_running: bool) -> None:
    """Hold a node that is not held. Raises Refusal; the node is then not held."""
    require_plain(beside.path)
    original = disk.read(beside.path)
    if original is None:
        raise Refusal("config-missing", f"{beside.path} does not exist.")
    if is_hold(original):
        raise Refusal(
            "hold-impossible",
            f"{beside.path} is a hold, but its marker {beside.marker} is gone.",
            "Find out who removed it; the file names the original, and says when that may be put back.",
        )
    ownership = disk.Ownership.of(beside.path)
    sha256 = disk.sha256(original)
    keep(beside, original, ownership)
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    text = render(beside, run, since, sha256)
    marker = {
        "service": run.service, "epoch": run.epoch, "run_id": run.run_id, "since": since, "operator": run.operator,
        "kept": beside.kept(sha256), "sha256": sha256, "hold_sha256": disk.sha256(text), "mode": ownership.mode,
        "uid": ownership.uid, "gid": ownership.gid, "seen": seen, "was_running": was_running,
        "playbook": run.playbook,
    }  # fmt: skip
    with disk.prepared(beside.next, text, ownership):
        disk.write_json(beside.marker, marker)
        try:
            if disk.read(beside.path) != original:
                raise Refusal("config-changed", f"{beside.path} was changed at the very moment when it was to be held.")
            disk.move(beside.next, beside.path)
        except Refusal:
            if disk.read(beside.path) != text:
                disk.discard(beside.marker)
            raise


def retake(beside: Beside, marker: dict, also: str | None) -> bool:
    """Complete a hold that was cut short, or take back a switch that was: whether anything was done.

    The configuration may be the hold, the original, or the file with the hash ``also``; on anything else raises
    Refusal hold-impossible.
    """
    current = disk.read(beside.path)
    if current is not None and disk.sha256(current) == marker["hold_sha256"]:
        return False
    if current is None or disk.sha256(current) not in (marker["sha256"], also):
        raise Refusal("hold-impossible", f"{beside.path} has been rewritten while the node was held.")
    require_plain(beside.path)
    keep(beside, current, disk.Ownership.of(beside.path))
    run = Run(marker["service"], marker["epoch"], marker["run_id"], marker["operator"], marker["playbook"])
    text = render(beside, run, marker["since"], marker["sha256"])
    if disk.sha256(text) != marker["hold_sha256"]:
        disk.write_json(beside.marker, {**marker, "hold_sha256": disk.sha256(text)})
    with disk.prepared(beside.next, text, original_ownership(beside, marker)):
        disk.move(beside.next, beside.path)
    return True
