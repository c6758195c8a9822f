# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a service on TimeLock that is to have another namespace there."""

from __future__ import annotations

from ..bound import ACTIVE, INVALIDATED
from ..refusal import Refusal
from . import nodes as node_checks
from .asked import OWN_NAMESPACES
from .service import NOTHING, RENAME, ServicePlanner

_OF_A_NAMESPACE = ("namespace", "timelock_client")
"""What nodes differ in while some are renamed already."""


def wrong_request(target: str | None, playing: list) -> Refusal | None:
    """What speaks against renaming to ``target`` the services ``playing``, before any is looked at, or None."""
    if not target:
        return Refusal("rename-unclear", "timelock_rename_to, the new namespace, is not set.")
    if len(playing) > 1:
        return Refusal("rename-unclear", f"{', '.join(playing)} cannot all have the namespace {target}.")
    return None


class RenamePlanner(ServicePlanner):
    """Weighs what was read of one service; see ServicePlanner. ``settings`` has ``rename_to`` as well, and of the other
    services their ``namespaces`` by name."""

    direction = RENAME

    @property
    def target(self) -> str:
        """The namespace that the service is to have."""
        return self.settings["rename_to"]

    @property
    def former(self) -> str | None:
        """The one that it leaves; None where it has left it."""
        if self.unfinished == RENAME:
            return self.record["renamed_from"]
        return next((name for name in self._namespaces().values() if name != self.target), None)

    def plan(self) -> dict:
        return {**super().plan(), "namespace": self.target, "renamed_from": self.former}

    def _todo(self) -> str:
        return RENAME if self.former or self.resuming else NOTHING

    def _nodes_to_stop(self) -> list:
        """All: what was renamed may have been started, and whoever is left must be seen to be gone by one look."""
        return self._names()

    def _node_refusals(self, node: dict) -> list:
        return node_checks.node_refusals(node, self._goes_on_with_held(), self.resuming, reverse=True)

    def _goes_on_with_held(self) -> bool:
        return self.resuming

    def _serving(self) -> list:
        return self._on_timelock()

    def _disagreement(self) -> list:
        if self.unfinished != RENAME:
            return node_checks.disagreement(self._read())
        found = node_checks.disagreement(self._read(), _OF_A_NAMESPACE)
        for node, name in self._namespaces().items():
            if name not in (self.former, self.target):
                words = f"{node} has the namespace {name}, and is to leave {self.former} for {self.target}."
                found.append(Refusal("config-nodes-disagree", words))
        return found

    def _weigh_fence(self) -> None:
        """The service keeps its login."""

    def _fence(self) -> dict | None:
        return self.record.get("fence")

    def _needs_rights(self) -> bool:
        return self._todo() == RENAME

    def _of_another_way(self) -> Refusal | None:
        if self.unfinished != RENAME:
            return super()._of_another_way()
        if self.record.get("rename_to") == self.target:
            return None
        found = f"A rename of {self.name} to {self.record.get('rename_to')} began, and did not end: end that first."
        return Refusal("rename-unfinished", found)

    def _weigh_modes(self) -> None:
        """Whether every node is on TimeLock; a held one by the file that is kept."""
        embedded = self._embedded()
        if self.store["state"] != INVALIDATED or embedded:
            found = f"The store of {self.name} is {self.store['state']}"
            found += f", and {', '.join(embedded)} not configured for TimeLock." if embedded else "."
            self.refusals.append(Refusal("rename-not-migrated", found, self._way_on(embedded)))

    def _way_on(self, embedded: list) -> str | None:
        """What lets a rename go on that did not end; no other playbook takes its service meanwhile."""
        if self.unfinished != RENAME:
            return None
        ways = []
        if embedded:
            file = f"the file for TimeLock again, with the namespace {self.former}"
            ways.append(f"Give {', '.join(embedded)} {file}, and do not start it.")
        if self.store["state"] == ACTIVE:
            ways.append(_INVALIDATE_IT_AGAIN)
        elif self.store["state"] != INVALIDATED:
            ways.append("Mend the store, as is said of it.")
        return " ".join([*ways, "Then run rename_namespace.yml again."])

    def _weigh_timelock(self) -> None:
        self.refusals += self._timelock_refusals()
        shared = [name for name, namespace in self.settings["namespaces"].items() if namespace == self.target]
        unseen = [name for name, namespace in self.settings["namespaces"].items() if namespace is None]
        if unseen and self._todo() != NOTHING:
            self.notes.append(
                f"{self.target} was not compared with the namespaces of {len(unseen)} services that nobody looked at: "
                "see in a status of all services that it is none of theirs"
            )
        if shared:
            found = f"{self.target} is the namespace of {', '.join(shared)}."
            self.refusals.append(Refusal("inventory-namespace-shared", found))
        if self.timelock["refusals"] or self._todo() == NOTHING:
            return
        listed = self.timelock["namespaces"]
        own = self.target in [self.record.get(key) for key in OWN_NAMESPACES] and self._same_cluster()
        if self.former and self.former not in listed:
            found = f"TimeLock has no namespace {self.former}: what it gave out cannot be asked of it."
            self.refusals.append(Refusal("timelock-behind-backup", found, self._after_a_loss()))
        elif self._behind():
            self.refusals.append(self._behind())
        elif self.target in listed and not own and not self.settings["adopt_namespace"]:
            found = f"TimeLock has a namespace {self.target} already, and no record says that it is {self.name}'s."
            self.refusals.append(Refusal("timelock-namespace-used", found))


_INVALIDATE_IT_AGAIN = (
    "While no node has an old configuration, raise its bound, and invalidate it again: see 'Somebody restored a "
    "backup' in the runbook."
)
