# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets playbooks/*.yml find the collection in the checkout that they lie in, and says how to use them.

Ansible looks for collections beside a playbook first, so a link there needs no configuration of the user's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from checkout import BUILD, ROOT


def link(place: Path, target: str) -> None:
    """Make the link, or replace the one that is there, in one step."""
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_name(f".{place.name}-{os.getpid()}")
    new.symlink_to(target)
    new.replace(place)


def main() -> None:
    link(ROOT / "playbooks/collections/ansible_collections/atlasdb/timelock", "../../../..")
    link(BUILD / "python", Path(sys.prefix).name)
    print("Ready. In this folder:  source .build/python/bin/activate")
    print("Then:                   ansible-playbook -i INVENTORY playbooks/plan.yml")


if __name__ == "__main__":
    main()
