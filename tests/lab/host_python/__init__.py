# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python of the lab's hosts: the lab's own, which does not compile the same module again at every call."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

COMPILED = Path(__file__).resolve().parents[3] / ".build" / "compiled"

# A module comes through a pipe, and what is not buffered is read letter by letter.
SCRIPT = """\
#!/bin/sh
unset PYTHONUNBUFFERED
LAB_COMPILED={compiled} PYTHONPATH={here} exec {python} "$@"
"""


def write(script: Path) -> None:
    """An executable to name as ansible_python_interpreter."""
    COMPILED.mkdir(parents=True, exist_ok=True)
    paths = {"compiled": COMPILED, "here": Path(__file__).resolve().parent, "python": sys.executable}
    script.write_text(SCRIPT.format(**{name: shlex.quote(str(path)) for name, path in paths.items()}))
    script.chmod(0o755)
