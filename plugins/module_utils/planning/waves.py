# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In which order the services move, and how many at a time."""

from __future__ import annotations

from .service import MOVES

NO_HOST = "all:!all"


def waves(services: dict, per_wave: list) -> dict:
    """The hosts in the order of the play, whole services together, and the size of each batch in hosts.

    ``services`` are plans by name; ``per_wave`` counts services, and its last number holds for all later waves, as with
    Ansible's serial. Raises ValueError for a wave of no service.
    """
    sizes = [int(number) for number in per_wave]
    if not sizes or min(sizes) < 1:
        raise ValueError(f"timelock_waves must be numbers of services from 1 up, not {per_wave}.")
    moving = [plan["nodes"] for plan in services.values() if plan["todo"] in MOVES]
    batches = []
    position = 0
    while position < len(moving):
        count = sizes[min(len(batches), len(sizes) - 1)]
        batches.append(sum(len(nodes) for nodes in moving[position : position + count]))
        position += count
    order = [node for nodes in moving for node in nodes]
    return {"order": order or [NO_HOST], "sizes": batches or [1]}
