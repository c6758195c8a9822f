# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of the way back of one service: from TimeLock to its embedded timestamps."""

from __future__ import annotations

from ..bound import ACTIVE, INVALIDATED, out_of_range, parse_number
from ..client_config.versions import parse_version
from ..refusal import Refusal
from . import fence
from . import nodes as node_checks
from .numbers import issued
from .service import DOWN, NOTHING, REVERSE, REVERSED, ServicePlanner

ONE_NODE_ONLY = (0, 910, 0)
"""From here on a client refuses a leader block with more than one node (release notes 0.910.0)."""


class ReversePlanner(ServicePlanner):
    """Weighs what was read of one service that is to go back; see ServicePlanner."""

    direction = REVERSE

    @property
    def live(self) -> bool:
        """Whether the bound is live again: by a way back that did not end, or by somebody else."""
        store = self.store or {}
        return bool(store.get("guarded")) or store.get("state") == ACTIVE

    @property
    def lost(self) -> bool:
        """Whether TimeLock is said to be lost: what it gave out is known by the operator's word alone."""
        return self.settings["highest_issued"] is not None

    @property
    def done(self) -> bool:
        """Whether an earlier run has brought the service back, to where it still is."""
        ended = self.record.get("outcome") == REVERSED and not self.resuming
        return ended and self.store["state"] == ACTIVE and "timelock" not in self.modes()

    def plan(self) -> dict:
        return {**super().plan(), "highest_issued": self.settings["highest_issued"], "start_first": self._start_first()}

    def _quorum(self) -> int:
        """So many nodes must be up together before one of them leads and gives out timestamps."""
        return max(node_checks.config_of(node).get("quorum", 1) for node in self.nodes)

    def _start_first(self) -> list:
        """One node; or as many as elect a leader."""
        return self._names()[: self._quorum()]

    def _todo(self) -> str:
        return NOTHING if self.done else REVERSE

    def _nodes_to_stop(self) -> list:
        """All, until one serves on the live bound: what was configured may have been started, and must be proved gone
        again, also where the bound has to be raised before any node starts. With none that runs nobody uses it, whether
        it is guarded or open again."""
        running = any(node_checks.process_of(node).get("running") for node in self.nodes)
        return self._names() if not self.live or (self.reversing and not running) else []

    def _node_refusals(self, node: dict) -> list:
        """Without TimeLock its clients may be down, or not healthy."""
        found = node_checks.node_refusals(node, self._goes_on_with_held(), self.resuming or self.lost, reverse=True)
        return [one for one in found if not (self.lost and one.code == DOWN)]

    def _serving(self) -> list:
        return [] if self.live else self._on_timelock()

    def _weigh_fence(self) -> None:
        if self._fence() and not self.done:
            self.refusals += fence.back(self.name, self.store, self._fence())

    def _fence(self) -> dict | None:
        """What the handover has shut out, and is let in again."""
        return self.record.get("fence")

    def _contradiction(self) -> None:
        """TimeLock's own timestamps are above the backup, as they must be."""

    def _needs_rights(self) -> bool:
        return not self.done

    def _goes_on_with_held(self) -> bool:
        return self.resuming or self.lost

    def _of_another_way(self) -> Refusal | None:
        wrong = super()._of_another_way()
        return Refusal(wrong.code, wrong.found, self._after_a_loss()) if wrong and self.lost else wrong

    def _store_refusal(self) -> Refusal | None:
        if self.reversing:
            return None if self.store.get("guarded") else self._odd_state()
        return self._of_another_way() or self._odd_state()

    def _weigh_modes(self) -> None:
        switched = "timelock" in self.modes()
        if self.store["state"] == INVALIDATED:
            self._weigh_old_configuration()
        elif self.live and switched:
            self.refusals.append(self._live_beside_timelock())
        elif self.store["state"] == ACTIVE and self.whole and not (self.done or self.reversing):
            found = f"The store of {self.name} is active, and no node is on TimeLock."
            self.refusals.append(Refusal("reverse-not-migrated", found))

    def _weigh_old_configuration(self) -> None:
        """Several nodes need what elects their leader, which only the file of before the migration has."""
        if self._quorum() > len(self.nodes):
            self.notes.append(
                f"{len(self.nodes)} of {self._quorum()} nodes that elect a leader are there: none will serve before "
                "its leader block is changed, see 'A node is gone for good' in the runbook"
            )
        if len(self.nodes) == 1:
            return
        for node in self._read():
            config = node["look"]["config"]
            version = config.get("version")
            if version and parse_version(version) >= ONE_NODE_ONLY:
                found = f"{node['name']} has AtlasDB {version}, and {self.name} has {len(self.nodes)} nodes."
                self.refusals.append(Refusal("reverse-multi-node", found))
            elif config["shared"]["mode"] == "timelock" and not config["former"]:
                found = f"The file that {node['name']} had before it was switched to TimeLock is not kept."
                self.refusals.append(Refusal("config-missing", found, _NO_FORMER))

    def _weigh_timelock(self) -> None:
        if self.store["state"] == ACTIVE and not self.reversing:
            return
        if self.lost:
            self._weigh_that_it_is_lost()
            self._weigh_highest_issued()
            self._weigh_unseen(self._down())
            return
        self.refusals += self._timelock_refusals()
        if self.timelock["refusals"]:
            return
        namespace, wrong = self._namespace(), self._behind()
        if self.resuming and not self._same_cluster():
            found = f"The way back of {self.name} began with {', '.join(self.record.get('servers') or ['no server'])}."
            self.refusals.append(Refusal("config-other-timelock", found))
        elif namespace not in self.timelock["namespaces"]:
            found = f"TimeLock has no namespace {namespace}: what it gave out cannot be asked of it."
            self.refusals.append(Refusal("reverse-timelock-lost", found))
        elif wrong:
            self.refusals.append(wrong)

    def _timelock_refusals(self) -> list:
        return [] if self.lost else super()._timelock_refusals()

    def _behind(self) -> Refusal | None:
        """A TimeLock that is below what it gave out, or is to have given out, cannot tell where to go on."""
        wrong = super()._behind()
        if wrong and wrong.code == "timelock-behind-backup":
            return Refusal("reverse-timelock-lost", wrong.found)
        return wrong

    def _down(self) -> list:
        """The nodes that came down before any run held them, and are to be proved gone."""
        down = [node["name"] for node in self.nodes if not node_checks.process_of(node).get("running")]
        return [name for name in down if name in self._serving()]

    def _weigh_that_it_is_lost(self) -> None:
        """One that gives out timestamps of the namespace can be asked, and watched: no word stands in its place."""
        fresh = self._fresh_timestamp(self._namespace())
        if fresh is not None:
            found = f"TimeLock is said to be lost, and gives out timestamps of {self._namespace()}: {fresh}."
            self.refusals.append(Refusal("reverse-timelock-lost", found, _ASK_IT))

    def _weigh_highest_issued(self) -> None:
        """The operator's number must be one, and above everything that is known to have been given out."""
        try:
            number = parse_number(self.settings["highest_issued"], "timelock_highest_issued")
        except ValueError as error:
            found = f"TimeLock is said to be lost, and {error}."
            self.refusals.append(Refusal("reverse-timelock-lost", found, _NAME_IT))
            return
        problem = out_of_range(number)
        if problem:
            self.refusals.append(Refusal("bound-out-of-range", problem))
            return
        known = issued(self.store["backup"], self.store["corroboration"], self.record)
        known.append(("the bound", self.store["bound"] or 0))
        above = [f"{source} is {value}" for source, value in known if value >= number]
        if above and not self.live:
            found = f"timelock_highest_issued is {number}, and {', '.join(above)}."
            self.refusals.append(Refusal("reverse-timelock-lost", found, _NAME_IT))
        else:
            self.notes.append(f"accepted unproven (timelock_lost): TimeLock never gave out more than {number}")


_NAME_IT = "Set timelock_highest_issued to a number that no timestamp exceeds: see 'TimeLock is lost' in the runbook."
_ASK_IT = (
    "Leave out timelock_lost. Where it has lost data, bring it above your number first: see 'TimeLock is lost' in the"
    " runbook."
)
_NO_FORMER = "Several such nodes go back by way of one: see 'Back to embedded timestamps' in the runbook."
