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


def script(python: str, **places: str) -> str:
    """What to name as ansible_python_interpreter; `places`: as compiled.environment takes them."""
    variables = compiled.environment("host_python", **places)
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    return SCRIPT.format(variables=words, python=shlex.quote(python))


def write(path: Path) -> None:
    """The same for our own Python, executable."""
    path.write_text(script(sys.executable))
    path.chmod(0o755)
