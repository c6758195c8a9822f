# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of where a namespace of TimeLock is, for the run and the key-value service that it is taken for."""

from __future__ import annotations

from .client import TimeLock

PROVED_FOR = {
    "service": {"type": "str"},
    "run_id": {"type": "str"},
    "epoch": {"type": "int"},
    "kvs_identity": {"type": "dict"},
}


def proved_for(params: dict) -> dict:
    """What a proof is to name, none where none is wanted. Raises ValueError for some but not all of it."""
    given = {name: params[name] for name in PROVED_FOR if params[name] is not None}
    if given and len(given) < len(PROVED_FOR):
        raise ValueError(f"A proof needs all of {', '.join(PROVED_FOR)}; given were only {', '.join(given)}.")
    return given


def proof_of(timelock: TimeLock, namespace: str, given: dict, fresh: int | None, taken: dict | None) -> dict | None:
    """The proof, or None where none was wanted or nothing was asked. ``taken``: the stamp of before ``fresh`` was."""
    if not given or fresh is None:
        return None
    return {
        "kind": "timelock",
        **given,
        "servers": timelock.urls,
        "namespace": namespace,
        "fresh_timestamp": fresh,
        "taken": taken,
    }
