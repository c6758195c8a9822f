# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Of which namespaces a plan asks TimeLock for the counter, which consumes a timestamp."""

from __future__ import annotations

from collections.abc import Callable

from ..bound import INVALIDATED
from ..timelock.servers import in_common
from .inventory import services_of
from .nodes import config_of

OWN_NAMESPACES = ("namespace", "rename_to", "renamed_from")
"""Under what a record names namespaces that are the service's own."""


def holder_of_another(record: dict, take_over: str | None, holder_gone: Callable[[dict], bool]) -> dict | None:
    """Who holds the service of ``record``, where that keeps this run from it."""
    holder = record.get("holder")
    if not holder or holder["run_id"] == take_over or holder_gone(holder):
        return None
    return holder


def to_ask(
    nodes: list, stores: dict, servers: list, take_over: str | None, holder_gone: Callable[[dict], bool]
) -> list:
    """The namespaces that services of the ``nodes`` have as their own on ``servers`` (URLs), as ``stores`` (what was
    read of each service's store) or their configurations show.

    Not of a service that another run holds: it may be looking whether somebody takes timestamps.
    """
    found: set = set()
    for name, members in services_of(nodes).items():
        record = (stores.get(name) or {}).get("record") or {}
        if not holder_of_another(record, take_over, holder_gone):
            found |= _own(members, stores.get(name) or {}, record, servers)
    return sorted(found)


def _own(members: list, store: dict, record: dict, servers: list) -> set:
    configs = [config for config in map(config_of, members) if config]
    used = {config["namespace"] for config in configs}
    said = members[0]["adopt_namespace"] or "timelock" in [config["mode"] for config in configs]
    if record.get("namespace"):
        here = said or in_common(record.get("servers") or [], servers)
        return used & {record.get(key) for key in OWN_NAMESPACES} if here else set()
    return used if said or store.get("state") == INVALIDATED else set()
