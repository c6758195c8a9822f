# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this collection writes down on a TimeLock server. Runs there: standard library, Python 3.8."""

from __future__ import annotations

import hashlib
import json
import os

NAME = "cluster.json"
"""In the server's root: beside its data, and not in it."""

SERVING = "serving"


def read(root: str) -> dict | None:
    """What was written last. Raises ValueError where that cannot be read, since nothing may be guessed then."""
    path = os.path.join(root, NAME)
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
    except FileNotFoundError:
        return None
    except ValueError:
        record = {}
    if not isinstance(record, dict) or not {"state", "cluster", "members", "version"} <= set(record):
        raise ValueError(f"{path} is not what this collection wrote: how far the server has come is unknown.")
    return record


def renewed(before: dict | None, wanted: dict) -> dict:
    """The record that ``wanted`` (the module's options) leads to; what is known of the last start stays."""
    after = {**(before or {}), **{key: wanted[key] for key in ("state", "cluster", "members", "version")}}
    if wanted["state"] == SERVING:
        after.update(fresh=wanted["fresh"], files=fingerprints(wanted["files"]))
    return after


def public(record: dict | None) -> dict | None:
    """The record without hashes, by which a short password in a file could be guessed."""
    return record and {key: value for key, value in record.items() if key != "files"}


def write(root: str, record: dict) -> None:
    """Durably, and whole or not at all."""
    path = os.path.join(root, NAME)
    partial = f"{path}.partial"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(record, file, indent=2, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    folder = os.open(root, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def changed(record: dict | None, files: list[str]) -> list[str]:
    """Those of ``files`` that are not as they were at the last start, and those that belonged to it and do no more."""
    now, before = fingerprints(files), (record or {}).get("files") or {}
    return sorted(path for path in {*now, *before} if now.get(path) != before.get(path))


def fingerprints(files: list[str]) -> dict:
    """The hash of each file; None where there is none."""
    return {path: _fingerprint(path) for path in files}


def _fingerprint(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return None
