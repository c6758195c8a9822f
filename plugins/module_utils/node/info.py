# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What there is to know of a node. Nothing here writes."""

from __future__ import annotations

import base64
import os
import platform
import stat

from ansible_collections.atlasdb.timelock.plugins.module_utils.node import disk, hold, plain_file, staging, switching
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.epoch import read_epoch
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.health import health
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.jar_version import atlasdb_version
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.names import Beside
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.node import Node
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.probe import Look
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal


def look(node: Node, library_paths: list[str], required_files: list[str]) -> dict:
    """The result of node_info. Raises Refusal where it cannot look."""
    marker = hold.read_marker(node.install)
    seen = node.probe.look(marker["seen"] if marker else None)
    record = switching.read_record(node.install)
    kept = hold.read_kept(node.install, marker["sha256"]) if marker else None
    folders = library_paths
    if not folders and node.service.manager == "sls":
        folders = [os.path.join(node.service.unit, "service", "lib")]
    return {
        "files": {
            "install": _file(node.install),
            "runtime": _file(node.runtime) if node.runtime is not None else None,
        },
        "kept_content_b64": base64.b64encode(kept).decode() if kept is not None else None,
        "embedded": _embedded(node),
        "hold": marker,
        "hold_intact": marker is not None and _holds(node, marker, seen),
        "hold_undone": marker is not None and hold.is_original(node.install, marker),
        "staged": staging.read_about(node.install),
        "switched": record,
        "as_switched": switching.is_done(node.install, record, (switching.SWITCHED,), None),
        "epoch": read_epoch(node.install),
        "process": {
            **node.probe.describe(seen),
            "running": seen.running,
            "connected_others": node.probe.connected_others(seen),
            "older_than_file": node.probe.is_older(seen, disk.changed_at(node.install.path)),
        },
        "manager_state": seen.state.words,
        "health": health(node.service.health_url),
        "atlasdb_version": atlasdb_version(folders),
        "missing_files": [path for path in required_files if not os.path.isfile(path)],
        "python": platform.python_version(),
    }


def _holds(node: Node, marker: dict, seen: Look) -> bool:
    """Whether the hold lies there unchanged; or was cut short before it was put there, while the service of before
    runs."""
    if hold.is_intact(node.install, marker):
        return True
    return hold.is_original(node.install, marker) and bool(node.probe.of_before(seen.processes, marker["seen"]))


def _embedded(node: Node) -> dict | None:
    """The files that the node had before its last switch to TimeLock, as far as they are kept; None if none was."""
    record = switching.read_record(node.install)
    if not record or not record.get("embedded"):
        return None
    found = {}
    for name, beside in (("install", node.install), ("runtime", node.runtime)):
        sha256 = record["embedded"][name]
        content = disk.read(beside.kept(sha256)) if beside is not None and sha256 else None
        found[f"{name}_b64"] = base64.b64encode(content).decode() if content is not None else None
    return found


def _file(beside: Beside) -> dict:
    path = beside.path
    found = {
        "path": path, "exists": False, "error": None, "content_b64": None, "sha256": None, "mode": None, "uid": None,
        "gid": None, "is_symlink": os.path.islink(path), "is_mount": plain_file.is_mount(path),
        "writable": {"ok": False, "detail": ""},
    }  # fmt: skip
    try:
        content = disk.read(path)
        status = os.stat(path) if content is not None else None
    except (Refusal, OSError) as error:
        return {**found, "exists": os.path.lexists(path), "error": getattr(error, "found", str(error))}
    if content is None or status is None:
        return {**found, "error": f"{path} does not exist."}
    why_not = plain_file.why_not_writable(path)
    return {
        **found,
        "exists": True,
        "content_b64": base64.b64encode(content).decode(),
        "sha256": disk.sha256(content),
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "uid": status.st_uid,
        "gid": status.st_gid,
        "writable": {"ok": why_not is None, "detail": why_not or ""},
    }
