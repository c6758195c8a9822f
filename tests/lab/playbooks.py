# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the collection's playbooks on a lab, as its user would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CALLBACKS = Path(__file__).resolve().parent / "callback"


def command(inventory: Path, playbook: str, *arguments: str) -> list[str]:
    """The command line: ansible-playbook -i INVENTORY playbooks/PLAYBOOK."""
    program = str(Path(sys.executable).parent / "ansible-playbook")
    return [program, "-i", str(inventory), f"playbooks/{playbook}", *arguments]


def environment(**more: str) -> dict[str, str]:
    """The environment of a run: that of this process, without what only Python's own tests need."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | more


def run_in_steps(inventory: Path, playbook: str, *arguments: str) -> int:
    """Run a playbook with its steps printed as they happen; its exit code."""
    settings = environment(ANSIBLE_STDOUT_CALLBACK="atlasdb.timelock.progress")
    return subprocess.run(command(inventory, playbook, *arguments), cwd=ROOT, env=settings, check=False).returncode
