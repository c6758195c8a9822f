# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the steps of a handover are called."""

from __future__ import annotations

from ..planning import service

HANDOVER = {
    "prepare": "Prepare",
    "stop": "Hold, stop, prove offline",
    "read": "Read TS",
    "fast_forward": "Fast-forward TimeLock to TS",
    "invalidate": "Invalidate the old timestamp service",
    "read_back": "Read back",
    "restart_first": "Configure, and restart one node",
    "restart_others": "Configure and restart the other nodes",
    "report": "Report",
}
"""In their order, by the name of their task file."""

REVERSE = {
    "prepare": "Prepare",
    "quiet_stop": HANDOVER["stop"],
    "reverse_configure": "Configure for embedded timestamps",
    "reverse_restore": "Make the bound live, above TimeLock",
    "reverse_start_first": "Start one node",
    "reverse_start_others": "Start the other nodes",
    "reverse_report": "Open the store, and report",
}
"""The same of the way back."""

RENAME = {
    "prepare": HANDOVER["prepare"],
    "quiet_stop": HANDOVER["stop"],
    "rename_read": "Take the last timestamp of the old namespace",
    "fast_forward": "Fast-forward TimeLock to TS",
    "rename_read_back": "Read back",
    "restart_first": HANDOVER["restart_first"],
    "restart_others": HANDOVER["restart_others"],
    "rename_report": "Report",
}
"""The same of a rename."""

AUTOMATED = {
    **{step: HANDOVER[step] for step in ("prepare", "stop", "read", "fast_forward")},
    "own_migration": "Configure, restart one node, and see how it has migrated",
    **{step: HANDOVER[step] for step in ("restart_others", "report")},
}
"""The same where it is the client's own migration that invalidates."""

PUT_BACK = "put_back"

SHORT = {
    "prepare": "Prepare",
    "stop": "Hold and stop",
    "read": "Read TS",
    "fast_forward": "Fast-forward",
    "invalidate": "Invalidate",
    "read_back": "Read back",
    "restart_first": "Restart one",
    "restart_others": "Restart others",
    "report": "Report",
    "quiet_stop": "Hold and stop",
    "own_migration": "Own migration",
    "reverse_configure": "Configure",
    "reverse_restore": "Restore",
    "reverse_start_first": "Start one",
    "reverse_start_others": "Start others",
    "reverse_report": "Open, report",
    "rename_read": "Read the last",
    "rename_read_back": "Read back",
    "rename_report": "Report",
    PUT_BACK: "Put back",
}
"""Where there is little room."""


def sequence(todo: str, reached: list) -> dict:
    """The steps by which a service went with which its plan had this ``todo``, and which came to those ``reached``."""
    own = "own_migration" in reached
    return {service.REVERSE: REVERSE, service.RENAME: RENAME}.get(todo, AUTOMATED if own else HANDOVER)


def title(step: str, steps: dict | None = None) -> str:
    """The title of a step, with its number among ``steps``; by default those of a handover."""
    steps = HANDOVER if steps is None else steps
    if step not in steps:
        return SHORT.get(step, step)
    return f"{list(steps).index(step) + 1}/{len(steps)} {steps[step]}"
