# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python of the tests' controllers: ansible-playbook as it is, which does not do again what the run before did.

Molecule and the demo go without it.
"""

from __future__ import annotations

from lab import compiled


def environment() -> dict[str, str]:
    """What an ansible-playbook is to find in its environment."""
    return compiled.environment("controller_python")
