# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python of the lab's hosts: the lab's own, which does not compile the same module again at every call."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from lab import compiled

# A module comes through a pipe, and what is not buffered is read letter by letter.
SCRIPT = """\
#!/bin/sh
unset PYTHONUNBUFFERED
{variables} exec {python} "$@"
"""


def write(script: Path) -> None:
    """An executable to name as ansible_python_interpreter."""
    variables = compiled.environment(Path(__file__).resolve().parent)
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    script.write_text(SCRIPT.format(variables=words, python=shlex.quote(sys.executable)))
    script.chmod(0o755)
