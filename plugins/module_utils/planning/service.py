# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of one service: what it is, what speaks against its handover, and what would be done."""

from __future__ import annotations

from ..bound import ACTIVE, INVALIDATED
from ..identity import later_identity
from ..refusal import Refusal
from . import nodes as node_checks
from .sight import Sight

MIGRATE = "migrate"
NOTHING = "nothing"
REFUSED = "refused"


def contradiction(state: dict, record: dict | None) -> Refusal | None:
    """Why the bound of ``state`` (a result of timestamp_info) cannot be the largest number issued, or None.

    Everything else that is known must be at or below it: what the store holds besides, and every number on record. The
    fresh timestamps of TimeLock are above a backup, and that is right; they are not above a bound that is live.
    """
    number = state["bound"] if state["state"] == ACTIVE else state["backup"]
    if number is None:
        return None
    for source in state["corroboration"]:
        if int(source["number"]) > number:
            found = f"{source['source']} has {source['number']}, above the bound {number}."
            return Refusal("bound-contradicted", found)
    numbers = (record or {}).get("numbers") or {}
    counted = numbers.values() if state["state"] == ACTIVE else [numbers.get("bound", 0)]
    on_record = max([0] + [int(value) for value in counted])
    if number < on_record:
        return Refusal("bound-below-record", f"The bound is {number}, and {on_record} is on record.")
    return None


class ServicePlanner:
    """Weighs what was read of one service.

    ``nodes`` are its nodes with their looks, ``store`` the results of timestamp_info and kvs_sessions_info in one (or
    ``{"refusal": ...}``, or None where no configuration said where it is), ``timelock`` that of timelock_info.
    """

    def __init__(self, name: str, nodes: list, store: dict | None, timelock: dict, settings: dict):
        self.name = name
        self.nodes = nodes
        self.store = store
        self.timelock = timelock
        self.settings = settings
        self.refusals: list = []
        self.notes: list = []

    @property
    def record(self) -> dict:
        return (self.store or {}).get("record") or {}

    @property
    def resuming(self) -> bool:
        """Whether a run that did not finish is on record."""
        return bool(self.record.get("unfinished"))

    def modes(self) -> list:
        return [node["look"]["config"]["mode"] for node in self.nodes if (node["look"] or {}).get("config")]

    def plan(self) -> dict:
        """The plan, as a dictionary that holds no secret."""
        self._weigh()
        todo = REFUSED if self.refusals else self._todo()
        config = next((node["look"]["config"] for node in self.nodes if (node["look"] or {}).get("config")), {})
        store = self.store or {}
        return {
            "service": self.name,
            "nodes": self._names(),
            "coordinator": self.nodes[0]["name"],
            "namespace": config.get("namespace"),
            "modes": {node["name"]: ((node["look"] or {}).get("config") or {}).get("mode") for node in self.nodes},
            "store": store.get("state"),
            "bound": store.get("bound"),
            "backup": store.get("backup"),
            "corroboration": store.get("corroboration") or [],
            "identity": store.get("identity"),
            "timelock": self._timelock_words(config.get("namespace")),
            "proofs": self._proofs(),
            "sessions_seen": self._sessions_seen(),
            "view": store.get("view"),
            "nodes_to_stop": self._nodes_to_stop(),
            "digests": {node["name"]: (node["look"] or {}).get("digest") for node in self.nodes},
            "todo": todo,
            "resuming": self.resuming,
            "record": self.record or None,
            "refusals": [refusal.result() for refusal in self.refusals],
            "drifted": [refusal.result() for refusal in self._drifted()],
            "notes": self.notes,
            "diffs": {
                node["name"]: (node["look"] or {}).get("planned", {}).get("diff", "")
                for node in self.nodes
                if todo == MIGRATE
            },
        }

    def _drifted(self) -> list:
        """An active store beside such nodes is one that somebody took back by hand: refusals say that."""
        if len(self.modes()) < len(self.nodes) or self.resuming or (self.store or {}).get("state") != INVALIDATED:
            return []
        return node_checks.drifted(self.nodes)

    def _weigh(self) -> None:
        self.refusals += self.settings["inventory_refusals"]
        invalidated = (self.store or {}).get("state") == INVALIDATED
        for node in self.nodes:
            self.refusals += node_checks.node_refusals(node, self.resuming, invalidated)
        if len(self.modes()) < len(self.nodes):
            return
        self.refusals += node_checks.disagreement(self.nodes)
        self.refusals += node_checks.other_timelock(self.nodes, self.settings["servers"])
        if self.store is None:
            return
        if "sessions" in self.store:
            self._weigh_sessions()
        if "refusal" in self.store:
            self.refusals.append(self.store["refusal"])
            return
        self._weigh_store()
        self._weigh_modes()
        self._weigh_timelock()

    def _weigh_store(self) -> None:
        store, record = self.store, self.record
        identity = store["identity"]
        if store["code"]:
            self.refusals.append(Refusal(store["code"], store["reason"]))
        if store["missing_rights"]:
            self.refusals.append(
                Refusal("kvs-denied", "The login lacks rights.", f"Run: {'; '.join(store['missing_rights'])}.")
            )
        wrong = contradiction(store, record)
        if wrong:
            self.refusals.append(wrong)
        if self.resuming:
            try:
                later_identity(record["identity"], identity)
            except Refusal as refusal:
                self.refusals.append(refusal)
        if self.resuming and sorted(record["nodes"]) != sorted(self._names()):
            found = f"On record are {', '.join(record['nodes'])}: the group has other members now."
            self.refusals.append(Refusal("inventory-changed", found))
        holder = record.get("holder")
        if holder and holder["run_id"] != self.settings["take_over"] and not self.settings["holder_gone"](holder):
            self.refusals.append(
                Refusal(
                    "operator-locked",
                    f"{self.name} is held by run {holder['run_id']} of {holder['user']} on {holder['host']}"
                    f" since {holder['since']}.",
                )
            )

    def _weigh_modes(self) -> None:
        modes = self.modes()
        if self.store["state"] != ACTIVE or "timelock" not in modes:
            return
        switched = [node["name"] for node in self.nodes if node["look"]["config"]["mode"] == "timelock"]
        if len(switched) == len(self.nodes):
            self.refusals.append(
                Refusal("store-reactivated", f"All nodes of {self.name} are on TimeLock, and its store is active.")
            )
        else:
            found = f"{', '.join(switched)} are configured for TimeLock, and the store is still active."
            self.refusals.append(Refusal("config-mixed-active", found))

    def _weigh_sessions(self) -> None:
        """Whoever has a session must be seen, and each node that runs now and will be stopped be among them."""
        serving = [node["name"] for node in self.nodes if node["look"]["config"]["mode"] in node_checks.EMBEDDED_MODES]
        for refusal, may_be_accepted in self._sight().refusals(serving, self._nodes_to_stop()):
            if may_be_accepted and self.settings["accept_unproven"]:
                self.notes.append(f"accepted unproven ({self.settings['accept_unproven']}): {refusal.found}")
            else:
                self.refusals.append(refusal)

    def _sight(self) -> Sight:
        return Sight(self.nodes, self.store, self.settings["known_clients"], self.settings["other_clients"])

    def _weigh_timelock(self) -> None:
        self.refusals += self.timelock["refusals"]
        if self.timelock["refusals"]:
            return
        namespace = self.nodes[0]["look"]["config"]["namespace"]
        listed = namespace in self.timelock["namespaces"]
        own = self.record.get("namespace") == namespace
        all_switched = set(self.modes()) == {"timelock"}
        if self.store["state"] == INVALIDATED and not listed:
            found = f"The store of {self.name} is invalidated at {self.store['backup']}; TimeLock has no {namespace}."
            self.refusals.append(Refusal("timelock-behind-backup", found))
        elif listed and not own and not all_switched and not self.settings["adopt_namespace"]:
            self.refusals.append(
                Refusal(
                    "timelock-namespace-used",
                    f"TimeLock has a namespace {namespace} already, and no record says that it belongs to {self.name}.",
                )
            )

    def _todo(self) -> str:
        if self.store["state"] == INVALIDATED and set(self.modes()) == {"timelock"} and not self.resuming:
            return NOTHING
        return MIGRATE

    def _timelock_words(self, namespace: str | None) -> str:
        if self.timelock["refusals"]:
            return "unusable"
        return "listed" if namespace in self.timelock["namespaces"] else "free"

    def _nodes_to_stop(self) -> list:
        """All but those that an unfinished run, or the service's own migrator, has put on TimeLock."""
        return [name for name, mode in zip(self._names(), self.modes()) if mode != "timelock"]

    def _names(self) -> list:
        return [node["name"] for node in self.nodes]

    def _sessions_seen(self) -> list:
        """The nodes of which the store shows a session, or showed one before an unfinished run stopped them."""
        earlier = self.record.get("sessions_seen", []) if self.resuming else []
        now = [name for name, proof in self._proofs().items() if proof["sessions"]]
        return [name for name in self._names() if name in now or name in earlier]

    def _proofs(self) -> dict:
        """For each node, which probes see it now; ``sessions`` is the store's view."""
        if "sessions" not in (self.store or {}) or len(self.modes()) < len(self.nodes):
            return {}
        sight = self._sight()
        blind = {*sight.blind(), *sight.doubtful()}
        return {
            node["name"]: {
                "process": node["look"]["probe"]["process"]["running"],
                "sessions": node["look"]["probe"]["process"]["running"] and node["name"] not in blind,
            }
            for node in self.nodes
        }
