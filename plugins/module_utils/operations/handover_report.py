# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep what a run planned and how it ended, as a file on the controller."""

from __future__ import annotations

import json
import os
import tempfile

from .. import journal

ARGUMENT_SPEC = {
    "directory": {"type": "path", "required": True},
    "run_id": {"type": "str", "required": True},
    "content": {"type": "dict", "required": True},
}


def handover_report(params: dict, check_mode: bool) -> dict:
    """Write the report of a run, whole or not at all; see the module's RETURN."""
    path = os.path.join(params["directory"], f"{params['run_id']}.json")
    if not check_mode:
        try:
            os.makedirs(params["directory"], mode=0o700, exist_ok=True)
            content = _with_effects(params["content"], journal.read(f"{path}l"))
            _replace(path, json.dumps(content, indent=4, sort_keys=True, default=str) + "\n")
        except OSError as error:
            return {"failed": True, "changed": False, "msg": f"{path}: {error.strerror}", "path": path}
    return {"changed": False, "path": path}


def _with_effects(content: dict, lines: list) -> dict:
    """``content``, each service with what the run's journal says that was done to it, if it did anything."""
    if not lines:
        return content
    services = content.get("services") or {}
    told = {name: {**end, "effects": journal.short(lines, name)} for name, end in services.items()}
    return {**content, "services": told}


def _replace(path: str, text: str) -> None:
    descriptor, partial = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError:
        os.unlink(partial)
        raise
