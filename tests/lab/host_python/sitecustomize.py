# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of what Python imports out of zip files, each source text is compiled once.

Ansible sends each module as a new zip with some hundred files, and nobody keeps what they compile to: a third of what a
call on one of the lab's hosts costs. Python imports this file by itself, by its name.
"""

from __future__ import annotations

import zipimport

from compiled_once import FOLDER, keep, kept, key_of

_compile = zipimport._compile_source


def _compiled(name: str, source: bytes) -> object:
    key = key_of(source)
    return kept(key) or keep(key, _compile(name, source))


if FOLDER:
    zipimport._compile_source = _compiled
