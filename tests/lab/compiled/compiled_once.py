# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code objects, each compiled once and kept in the folder of LAB_COMPILED; for the sitecustomize of a Python."""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import sys

# What this process starts is to have a Python as it is.
os.environ.pop("PYTHONPATH", None)
FOLDER = os.environ.pop("LAB_COMPILED", "")


def key_of(*facts: object) -> str:
    """The name under which code is kept that depends on these facts, and on the Python."""
    digest = hashlib.sha256()
    for fact in facts:
        digest.update(fact if isinstance(fact, bytes) else repr(fact).encode())
        digest.update(b"\0")
    return f"{digest.hexdigest()}.{sys.implementation.cache_tag}"


def kept(key: str) -> object:
    """The code, or None."""
    with contextlib.suppress(OSError, EOFError, ValueError, TypeError), open(os.path.join(FOLDER, key), "rb") as file:
        return marshal.load(file)
    return None


def keep(key: str, code: object) -> object:
    """Keeps the code, and returns it."""
    path = os.path.join(FOLDER, key)
    partial = f"{path}.{os.getpid()}"
    # A folder that is full or not there costs time, and nothing else.
    with contextlib.suppress(OSError):
        with open(partial, "wb") as file:
            marshal.dump(code, file)
        os.replace(partial, path)
    return code
