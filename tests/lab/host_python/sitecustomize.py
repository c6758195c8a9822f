# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of what Python imports out of zip files, each source text is compiled once and kept in the folder of LAB_COMPILED.

Ansible sends each module as a new zip with some hundred files, and nobody keeps what they compile to: a third of what a
call on one of the lab's hosts costs. Python imports this file by itself, by its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import sys
import zipimport

# What this process starts is not on the lab's hosts.
os.environ.pop("PYTHONPATH", None)
_FOLDER = os.environ.pop("LAB_COMPILED", "")
_compile = zipimport._compile_source


def _compiled(name: str, source: bytes) -> object:
    key = hashlib.sha256(source).hexdigest()
    kept = os.path.join(_FOLDER, f"{key}.{sys.implementation.cache_tag}")
    with contextlib.suppress(OSError, EOFError, ValueError, TypeError), open(kept, "rb") as file:
        return marshal.load(file)
    code = _compile(name, source)
    partial = f"{kept}.{os.getpid()}"
    # A folder that is full or not there costs time, and nothing else.
    with contextlib.suppress(OSError):
        with open(partial, "wb") as file:
            marshal.dump(code, file)
        os.replace(partial, kept)
    return code


if _FOLDER:
    zipimport._compile_source = _compiled
