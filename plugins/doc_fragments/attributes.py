# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules that talk to a store have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Used as C(extends_documentation_fragment: atlasdb.timelock.attributes)."""

    DOCUMENTATION = r"""
attributes:
  action:
    description:
      - Runs in the controller's own process when the task runs on the controller, which saves a process.
        Delegated to another host, or with C(become), it runs there as a module.
    support: full
  platform:
    description: Where it can run.
    platforms: posix
    support: full
"""
