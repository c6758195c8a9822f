# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a service of which the inventory says that it is new: there is nothing to hand over."""

from __future__ import annotations

from ..refusal import Refusal
from .nodes import EMBEDDED_MODES, process_of
from .service import DOWN, NEW, NOTHING, ServicePlanner

_EMPTY = ("bound-absent", "bound-unreadable")
"""Codes of a store that holds no number; the second is left by the first start of a client on TimeLock."""


class NewcomerPlanner(ServicePlanner):
    """Weighs what was read of one service that has never run, or on TimeLock alone; see ServicePlanner.

    One that has moved since, by a handover, is like any other.
    """

    def _todo(self) -> str:
        if self.settings["repair"] or self._is_done():
            return super()._todo()
        if set(self.modes()) == {"timelock"}:
            return NOTHING
        self.notes.append(
            "new, as the inventory says, and its store is empty: there is nothing to hand over. Give its nodes the"
            " configuration for TimeLock before their first start."
        )
        return NEW

    def _is_migrated(self) -> bool:
        return super()._is_migrated() or set(self.modes()) == {"timelock"}

    def _nodes_to_stop(self) -> list:
        return []

    def _node_refusals(self, node: dict) -> list:
        """It need not run."""
        return [refusal for refusal in super()._node_refusals(node) if refusal.code != DOWN]

    def _needs_rights(self) -> bool:
        return False

    def _odd_state(self) -> Refusal | None:
        if self._is_done():
            return super()._odd_state()
        speaks = self._data()
        if speaks:
            return Refusal("new-but-not-empty", f"{self.name} is said to be new, and {speaks}.")
        running = [node["name"] for node in self._read() if _embedded(node) and process_of(node).get("running")]
        if running:
            found = f"{self.name} is said to be new, and {', '.join(running)} runs on timestamps that this store lacks."
            return Refusal("bound-absent", found)
        return None

    def _data(self) -> str | None:
        """What is there, where a new service has nothing."""
        if self.record:
            return "an earlier handover of it is on record"
        if self.store["filled"]:
            return f"{self.store['filled']} has rows"
        if self.store["code"] not in _EMPTY:
            number = self.store["bound"] if self.store["bound"] is not None else self.store["backup"]
            return f"its timestamp table holds {'numbers' if number is None else number}"
        return None


def _embedded(node: dict) -> bool:
    return node["look"]["config"]["mode"] in EMBEDDED_MODES
