# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of one service: what it is, what speaks against its handover, and what would be done."""

from __future__ import annotations

import re

from ..bound import ACTIVE, INVALIDATED
from ..identity import later_identity
from ..refusal import Refusal
from ..timelock.servers import in_common
from . import by_hand, fence, own_migration
from . import nodes as node_checks
from .asked import holder_of_another
from .numbers import behind, contradiction, never_held, of_left_namespace
from .sight import Sight

MIGRATE = "migrate"
REVERSE = "reverse"
RENAME = "rename"
NOTHING = "nothing"
NEW = "new"
REFUSED = "refused"
LEFT_ALONE = "left alone"
MOVES = (MIGRATE, REVERSE, RENAME)
"""What is done to a service, where anything is."""

MIGRATED = "migrated"
RENAMED = "renamed"
"""What a record says of a service that was brought to TimeLock, or to another namespace there."""

REVERSED = "reversed"
"""What it says of one that went back."""

PUT_BACK = "put back: the service runs as before"
"""How it begins what it says of one that a run could not take further."""

ACCEPTED = "accepted unproven"
"""How a note begins that says what was accepted without a proof, and why."""

DOWN = "node-unhealthy-before"
"""What is said of a node that was not seen to serve."""

_UNSOUND = ("bound-", "store-reactivated", "config-mixed-active", "timelock-behind", "kvs-identity")
_NOT_YET = (
    "Do not start it before the rest is mended that is refused here: it could begin on what is there as if it were its"
    " own."
)

_UNFINISHED = {
    MIGRATE: ("rename-not-migrated", "A migration of {} began", "Run migrate.yml again, which ends it. Then rename."),
    REVERSE: ("reverse-unfinished", "The way back of {} to its embedded timestamps began", None),
    RENAME: ("rename-unfinished", "A rename of the namespace of {} began", None),
}


def of_another_way(began: str | None, direction: str, name: str) -> Refusal | None:
    """What speaks against a run in ``direction``, where one that ``began`` in another, if any, did not end.

    From the middle of a migration there is a way back.
    """
    if began in (None, direction) or (began, direction) == (MIGRATE, REVERSE):
        return None
    code, found, do = _UNFINISHED[began]
    return Refusal(code, f"{found.format(name)}, and did not end.", do)


class ServicePlanner:
    """Weighs what was read of one service.

    ``nodes`` are its nodes with their looks, ``store`` the results of timestamp_info and kvs_sessions_info in one (or
    ``{"refusal": ...}``, or None where no configuration said where it is), ``timelock`` that of timelock_info.
    """

    direction = MIGRATE

    def __init__(self, name: str, nodes: list, store: dict | None, timelock: dict, settings: dict):
        self.name = name
        self.nodes = nodes
        self.store = store
        self.timelock = timelock
        self.settings = settings
        self.refusals: list = []
        self.notes: list = []
        self.accepted: list = []
        self.repair: str | None = None

    @property
    def record(self) -> dict:
        return (self.store or {}).get("record") or {}

    @property
    def resuming(self) -> bool:
        """Whether a run that did not finish is on record."""
        return bool(self.record.get("unfinished"))

    @property
    def repairing(self) -> str | None:
        """What is to be repaired, where that was asked for."""
        return self.repair if self.settings["repair"] else None

    @property
    def own_begun(self) -> bool:
        """Whether an unfinished run has started a node that migrates itself, and may do so at any time."""
        return own_migration.begun(self.record)

    @property
    def unfinished(self) -> str | None:
        """Where a run was to take the service that did not finish: MIGRATE, REVERSE or RENAME."""
        return self.record.get("direction", MIGRATE) if self.resuming else None

    @property
    def reversing(self) -> bool:
        """Whether a way back that did not finish is on record."""
        return self.unfinished == REVERSE

    @property
    def whole(self) -> bool:
        """Whether the configuration of every node was read."""
        return len(self._read()) == len(self.nodes)

    def modes(self) -> list:
        return [node["look"]["config"]["mode"] for node in self._read()]

    def _read(self) -> list:
        """The nodes whose configuration was read."""
        return [node for node in self.nodes if node_checks.config_of(node)]

    def _namespace(self) -> str | None:
        """The namespace, by the first node whose configuration was read."""
        return next((node["look"]["config"]["namespace"] for node in self._read()), None)

    def plan(self) -> dict:
        """The plan, as a dictionary that holds no secret."""
        self._weigh()
        if self.settings["repair"] and not self.repair and "state" in (self.store or {}):
            self.refusals = []
        todo = REFUSED if self.refusals else self._todo()
        config = next(map(node_checks.config_of, self._read()), {})
        store = self.store or {}
        return {
            "service": self.name,
            "nodes": self._names(),
            "coordinator": self.nodes[0]["name"],
            "namespace": config.get("namespace"),
            "renamed_from": None,
            "renamed": self._renamed(),
            "highest_issued": None,
            "modes": {node["name"]: node_checks.config_of(node).get("mode") for node in self.nodes},
            "store": store.get("state"),
            "bound": store.get("bound"),
            "backup": store.get("backup"),
            "embedded": self._embedded(),
            "live": store.get("state") == ACTIVE or bool(store.get("guarded")),
            "corroboration": store.get("corroboration") or [],
            "identity": store.get("identity"),
            "trust": store.get("trust"),
            "timelock": self._timelock_words(config.get("namespace")),
            "fresh_timestamp": self._fresh_timestamp(config.get("namespace")),
            "up": {node["name"]: node_checks.is_up(node) for node in self.nodes},
            "proofs": self._proofs(),
            "sessions_seen": self._sessions_seen(),
            "view": store.get("view"),
            "known_clients": self._known_clients(),
            "nodes_to_stop": self._nodes_to_stop(),
            "digests": {node["name"]: (node["look"] or {}).get("digest") for node in self.nodes},
            "todo": todo,
            "version": config.get("version"),
            "migration": self.nodes[0]["migration"],
            "own_begun": self.own_begun,
            "migrated": self._is_migrated(),
            "on_another_timelock": self._is_on_another_timelock(),
            "uses_timelock": self._uses_timelock(),
            "repair": self.repair,
            "repairing": self.repairing,
            "fence": self._fence() if todo in MOVES else None,
            "resuming": self.resuming,
            "record": self.record or None,
            "refusals": [refusal.result() for refusal in self.refusals],
            "drifted": [refusal.result() for refusal in self._drifted()],
            "notes": self.notes,
            "diffs": {
                node["name"]: (node["look"] or {}).get("planned", {}).get("diff", "")
                for node in self.nodes
                if todo in (*MOVES, NEW)
            },
        }

    @property
    def _run_is_at_it(self) -> bool:
        """Whether a run that lives has the service: nodes may have been looked at before it stopped them, and the store
        after. One of another controller, of which nobody can say whether it lives, is only taken for it while it is
        young."""
        holder = holder_of_another(self.record, self.settings["take_over"], self.settings["holder_gone"])
        return bool(holder) and self.settings["is_young"](holder)

    def _drifted(self) -> list:
        """An active store beside such nodes is one that somebody took back by hand: refusals say that, as of any bound
        that is live. What was accepted of it must not be all the same. Of a store that cannot be read, or tells
        nothing, nodes say by themselves what must not be."""
        store = self.store or {}
        if store.get("state") == ACTIVE or store.get("guarded"):
            return self.accepted + self._on_a_copy_of_before()
        if store.get("state") != INVALIDATED or self.reversing:
            return [] if self._run_is_at_it else node_checks.on_both_sides(self.nodes)
        found = []
        if not self._run_is_at_it:
            found = node_checks.old_running(self.nodes) + node_checks.on_two_namespaces(self.nodes)
        if not self.whole or self.resuming:
            return found
        return found + node_checks.drifted(self.nodes)

    def _on_a_copy_of_before(self) -> list:
        """Nodes that a run has brought to TimeLock, and that serve again on a store which has forgotten that run."""
        if self._run_is_at_it or not self._forgotten_runs():
            return []
        return node_checks.drifted([node for node in self._read() if node_checks.runs_old(node)], _COPY_OF_BEFORE)

    def _weigh(self) -> None:
        self.refusals += self.settings["inventory_refusals"]
        for node in self.nodes:
            self.refusals += self._node_refusals(node)
        self.notes += node_checks.waiting_to_be_held(self.nodes)
        store = self.store or {}
        if self._read():
            self._weigh_configurations()
        if self.whole and "sessions" in store:
            self._weigh_sessions()
        if "refusal" in store:
            self.refusals.append(store["refusal"])
        if "state" in store:
            self._weigh_state()
        else:
            self.refusals += self._timelock_refusals()
        self._hold_back()

    def _weigh_configurations(self) -> None:
        """What the configurations that were read say against each other and the inventory."""
        read = self._read()
        self.refusals += self._disagreement()
        self.refusals += node_checks.other_timelock(read, self.settings["servers"])
        if not self.resuming:
            self.refusals += node_checks.on_left_namespace(read, self.record)
            self.refusals += node_checks.on_other_namespace(read, self.record)
        self._weigh_migration(read[0])

    def _weigh_migration(self, node: dict) -> None:
        """Whether the client on ``node`` can be left to migrate its service, where that is what would be done."""
        done = "state" in (self.store or {}) and not self._needs_rights()
        if self.direction == MIGRATE and not self.settings["repair"] and not done:
            unsuitable = own_migration.unsuitable(node["migration"], node["look"]["config"])
            self.refusals += [unsuitable] if unsuitable else []

    def _weigh_state(self) -> None:
        """What the store says, and TimeLock. Some of it is said of a service only that was seen as a whole."""
        if self.whole:
            self.repair = by_hand.repair_of(self.store, self.record, self.nodes, self._left_embedded())
        self._weigh_store()
        if self.whole:
            self._weigh_repair()
        self._weigh_modes()
        self._weigh_timelock()
        if self.whole and "fence" in self.store:
            self._weigh_fence()

    def _timelock_refusals(self) -> list:
        """What speaks against TimeLock, whichever state the store is in, and was not said yet: of one that is not the
        service's the inventory tells it."""
        return [one for one in self.timelock["refusals"] if one not in self.refusals]

    def _disagreement(self) -> list:
        return node_checks.disagreement(self._read())

    def _node_refusals(self, node: dict) -> list:
        """In the middle of a way back or a rename it is for that run to start a node, and nobody is told to."""
        may_be_down = (self.store or {}).get("state") == INVALIDATED or self.own_begun
        # Nobody knows of a store that could not be read whether it has the run on record.
        may_be_held = self._goes_on_with_held() or "refusal" in (self.store or {})
        found = node_checks.node_refusals(node, may_be_held, may_be_down)
        elsewhere = self.unfinished in (REVERSE, RENAME)
        return [one for one in found if not (elsewhere and one.code == DOWN)]

    def _hold_back(self) -> None:
        """Nobody is told to start a node on a store that was not read, or of which it is said what must not be."""
        unsound = "state" not in (self.store or {}) or any(one.code.startswith(_UNSOUND) for one in self.refusals)
        if unsound:
            self.refusals = [Refusal(DOWN, one.found, _NOT_YET) if one.code == DOWN else one for one in self.refusals]

    def _store_refusal(self) -> Refusal | None:
        """What speaks against the state of the store by itself."""
        return self._of_another_way() or self._odd_state()

    def _of_another_way(self) -> Refusal | None:
        """A run of another playbook did not finish, and must first."""
        return of_another_way(self.unfinished, self.direction, self.name)

    def _odd_state(self) -> Refusal | None:
        code = self.store["code"]
        if not code or (self.repairing and code == by_hand.MISPLACED) or self._began_on_timelock():
            return None
        taken_back = self.store.get("guarded") and not self.unfinished and not self._on_timelock()
        return Refusal(code, self.store["reason"], _OPEN_IT if taken_back else None)

    def _needs_rights(self) -> bool:
        return not self._is_done()

    def _contradiction(self) -> Refusal | None:
        fresh = self._fresh_timestamp(self._namespace())
        # A bound that only looks like one of a way back is live, and below nothing that is known.
        live = {"state": ACTIVE} if self.store.get("guarded") and not self.reversing else {}
        return contradiction({**self.store, **live}, self.record, fresh, self._has_lost_its_invalidation())

    def _weigh_store(self) -> None:
        store, record = self.store, self.record
        of_state = self._store_refusal()
        if self._began_on_timelock():
            self.notes.append("its store never held a bound: it began on TimeLock")
        taken_back = record.get("outcome") in (MIGRATED, RENAMED) and not (self.resuming or self._on_timelock())
        if store["state"] == ACTIVE and taken_back:
            self.notes.append(_TAKEN_BACK)
        if of_state:
            self.refusals.append(of_state)
        if store["missing_rights"] and self._needs_rights():
            self.refusals.append(
                Refusal("kvs-denied", "The login lacks rights.", f"Run: {'; '.join(store['missing_rights'])}.")
            )
        wrong = self._contradiction()
        if wrong and wrong.code == "bound-below-record" and (self._is_done() or self.unfinished == RENAME):
            self.notes.append(f"{wrong.found} The store was put back to an older state; its nodes are on TimeLock.")
        elif wrong:
            self.refusals.append(wrong)
        self._weigh_identity()
        if self.resuming:
            self._weigh_group(record["nodes"])
        holder = holder_of_another(record, self.settings["take_over"], self.settings["holder_gone"])
        if holder:
            self.refusals.append(
                Refusal(
                    "operator-locked",
                    f"{self.name} is held by run {holder['run_id']} of {holder['user']} on {holder['host']}"
                    f" since {holder['since']}.",
                )
            )

    def _weigh_group(self, before: list) -> None:
        """Nodes may be gone since an unfinished migration invalidated the store: all were down by then, and the old
        configuration of one that comes back finds nothing there to serve from. At any other time one that is missing
        may run, and who says that it does not names it."""
        now = self._names()
        if sorted(before) == sorted(now):
            return
        gone = [name for name in before if name not in now]
        invalidated = self.store["state"] == INVALIDATED and self._is_at_ts(self.store["backup"])
        only_gone = len(gone) + len(now) == len(before)
        if invalidated and self.direction == MIGRATE and only_gone:
            self.notes.append(
                f"{', '.join(gone)}: on record, and not in the group any more. It was down when the store was "
                "invalidated; should it come back, put it into the group again and run migrate.yml before it starts"
            )
        elif only_gone and self._is_vouched_for(gone):
            self.notes.append(
                f"{ACCEPTED} ({self.settings['accept_unproven']}): {', '.join(gone)}: on record, and not in the group "
                "any more. Should it come back, it must not start before its configuration is that of the others"
            )
        else:
            found = f"On record are {', '.join(before)}: the group has other members now."
            self.refusals.append(Refusal("inventory-changed", found))

    def _is_vouched_for(self, gone: list) -> bool:
        """Whether the reason for going without proofs names each of these nodes: one that was given for something else
        says nothing of them."""
        reason = self.settings["accept_unproven"] or ""
        return all(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", reason) for name in gone)

    def _is_at_ts(self, number: int | None) -> bool:
        """Whether ``number``, of the store, is the TS of a migration that did not finish."""
        ts = (self.record.get("numbers") or {}).get("bound")
        return self.unfinished == MIGRATE and None not in (ts, number) and int(ts) == int(number)

    def _weigh_identity(self) -> None:
        """Of a key-value service that is not what it was its operator says whether all is there that was there."""
        if not self._goes_on_with_held():
            self.refusals += node_checks.held_by_no_run(self._read(), self.record)
        refusal = self._other_kvs() or self._forgotten_runs()
        if refusal and self.settings["accept_identity"]:
            self.notes.append(f"{ACCEPTED} ({self.settings['accept_identity']}): {refusal.found}")
        elif refusal and self._is_done():
            self.notes.append(refusal.found)
        elif refusal and refusal.code not in (one.code for one in self.refusals):
            self.refusals.append(refusal)

    def _goes_on_with_held(self) -> bool:
        """Whether nodes that are held are to be expected: a migration takes any to TimeLock that was left behind."""
        invalidated = (self.store or {}).get("state") == INVALIDATED
        return self.resuming or bool(self.settings["accept_identity"]) or invalidated

    def _other_kvs(self) -> Refusal | None:
        """A run that did not finish has written down which key-value service it began with."""
        if not self.resuming:
            return None
        try:
            later_identity(self.record["identity"], self.store["identity"])
        except Refusal as refusal:
            return refusal
        return None

    def _forgotten_runs(self) -> Refusal | None:
        """A node obeys a run whose epoch is on record. A record that is behind was lost, or came back with an older
        copy of its store, and so may the bound have."""
        on_record = self.record.get("epoch", 0)
        obeyed = {node["name"]: node_checks.obeyed_epoch(node) for node in self._read()}
        ahead = [name for name, epoch in obeyed.items() if epoch > on_record]
        if not ahead:
            return None
        found = (
            f"{', '.join(ahead)} obeyed a run with epoch {max(obeyed.values())}, and the store knows of "
            f"{f'none after epoch {on_record}' if on_record else 'none'}: what runs wrote there was lost, or it is an "
            "older copy."
        )
        return Refusal("kvs-identity", found)

    def _left_embedded(self) -> bool:
        """Whether the last run on record left the service with its embedded timestamps, taken back or put back."""
        outcome, way = self.record.get("outcome") or "", self.record.get("direction", MIGRATE)
        return not self.resuming and (outcome == REVERSED or (outcome.startswith(PUT_BACK) and way == MIGRATE))

    def _weigh_repair(self) -> None:
        """That a node is gone is proved by a probe that saw it before. Nodes that cannot start are seen by none."""
        namespace = self._namespace()
        done = by_hand.explained(self.store, self.repair, namespace, namespace in self.timelock["namespaces"])
        self.notes += [done] if done else []
        unseen = [node["name"] for node in self.nodes if not node_checks.process_of(node).get("running")]
        anew = self.repairing == by_hand.REST and not self.resuming
        if anew or (self.repairing == by_hand.BACKUP and self.store["code"] == by_hand.MISPLACED):
            self._weigh_unseen(unseen)

    def _weigh_unseen(self, unseen: list) -> None:
        if not unseen:
            return
        found = f"{', '.join(unseen)} do not run, so no probe can be seen to see them."
        if self.settings["accept_unproven"]:
            self.notes.append(f"{ACCEPTED} ({self.settings['accept_unproven']}): {found}")
        else:
            do = "Make sure that no process of the service is left anywhere, and say so with timelock_accept_unproven."
            self.refusals.append(Refusal("proof-missing", found, do))

    def _weigh_modes(self) -> None:
        if self.store["state"] == INVALIDATED:
            self.refusals += node_checks.not_restarted(self._read(), self.settings["servers"], self._is_done())
        if self.store["state"] == ACTIVE and self.own_begun:
            self._weigh_own_begun()
        elif self.store["state"] == ACTIVE and self._on_timelock():
            self._weigh_mixed()
        elif self.store.get("guarded") and self._on_timelock() and not self._run_is_at_it:
            self.refusals.append(self._live_beside_timelock())

    def _weigh_own_begun(self) -> None:
        """A node that is on TimeLock, or may be at any time, and beside which none may have its old configuration."""
        self.notes.append(_MAY_MIGRATE)
        running = [node["name"] for node in self.nodes if node_checks.runs_old(node)]
        if running and not self._run_is_at_it:
            found = f"{', '.join(running)} runs with its old configuration, beside a node that may be on TimeLock."
            self.refusals.append(Refusal("config-mixed-active", found, _STOP_IT))
        self._weigh_unseen([name for name in self._serving() if name not in running])

    def _weigh_mixed(self) -> None:
        unaware = node_checks.unaware(self._read(), self.settings["servers"])
        running = [node["name"] for node in self._read() if node_checks.process_of(node).get("running")]
        idle = running == unaware and self._no_run_switched()
        self.refusals += [self._not_restarted(unaware, idle)] if unaware else []
        lost = self._has_lost_its_invalidation()
        refusal = self._active_under_timelock(unaware, idle, lost)
        if refusal and lost and self.settings["accept_unproven"]:
            self.notes.append(f"{ACCEPTED} ({self.settings['accept_unproven']}): {refusal.found}")
            self.accepted.append(refusal)
        elif refusal:
            self.refusals.append(refusal)

    def _active_under_timelock(self, unaware: list, idle: bool, lost: bool) -> Refusal | None:
        """What a store is that is active under nodes with files for TimeLock, and may have ``lost`` its invalidation.

        Nodes that are ``unaware`` of their files use it as ever, and one that is down may never have started with its
        own: where no other runs, and no run has brought them there (``idle``), nothing tells that somebody has
        reactivated it.
        """
        switched = self._on_timelock()
        everywhere = len(switched) == len(self.nodes) or (self.unfinished == RENAME and not self._embedded())
        do = _AGAIN_WITHOUT_PROOF if lost else None
        if not everywhere or (unaware and self._no_run_switched() and not idle):
            found = f"{', '.join(switched)} are configured for TimeLock, and the store is still active."
            return Refusal("config-mixed-active", found, do)
        if idle and unaware:
            return None
        if idle and not self.record.get("namespace") and self._is_unknown_to_timelock():
            found = f"All nodes of {self.name} are down, and set up for TimeLock, which has no {self._namespace()}; and"
            return Refusal("migration-by-hand", f"{found} the store is active: a migration by hand was begun.")
        found = f"All nodes of {self.name} are on TimeLock, and its store is active."
        return Refusal("store-reactivated", found, _WHETHER_IT_SERVED if idle else do)

    def _not_restarted(self, names: list, idle: bool) -> Refusal:
        """What nodes are that run as before their file for TimeLock came there, with the store active. Such a process
        may go on where TimeLock has given out nothing to the service, nor does now."""
        found = f"{', '.join(names)} started before its file for TimeLock came there, and has no connection to it"
        if not self._no_run_switched():
            return Refusal("node-on-old-service", f"{found}.", _DOWN_UNTIL_INVALIDATED)
        found += ": its timestamps are embedded still."
        do = _GIVE_BACK if idle and self._is_unknown_to_timelock() else f"Stop it. {_WHETHER_IT_SERVED}"
        return Refusal("node-on-old-service", found, do)

    def _no_run_switched(self) -> bool:
        """Whether no run that is known of has brought the service to TimeLock, or left it there."""
        return by_hand.no_run_switched(self.record, self._read(), self._left_embedded())

    def _is_unknown_to_timelock(self) -> bool:
        """Whether the TimeLock that the nodes name has no such namespace, so that it never gave them a timestamp."""
        known = set(self._namespaces().values()) & set(self.timelock["namespaces"])
        return self.whole and not (self.timelock["refusals"] or known or self._is_on_another_timelock())

    def _has_lost_its_invalidation(self) -> bool:
        """Whether the store is as an unfinished migration found it, although nodes are on TimeLock, and no node that
        could use it runs: a failover has lost what was written since, or a copy of before was put there."""
        if not self.whole or not self._on_timelock() or not self._is_at_ts(self.store["bound"]):
            return False
        others = [node for node in self.nodes if node["look"]["config"]["mode"] != "timelock"]
        return not any(node_checks.process_of(node).get("running") for node in others)

    def _live_beside_timelock(self) -> Refusal:
        found = f"The bound of {self.name} is live, and {', '.join(self._on_timelock())} configured for TimeLock."
        return Refusal("config-mixed-active", found)

    def _weigh_sessions(self) -> None:
        """Whoever has a session must be seen, and each node that runs now and will be stopped be among them."""
        for refusal, may_be_accepted in self._sight().refusals(self._serving(), self._nodes_to_stop()):
            if may_be_accepted and self.settings["accept_unproven"]:
                self.notes.append(f"{ACCEPTED} ({self.settings['accept_unproven']}): {refusal.found}")
            else:
                self.refusals.append(refusal)

    def _weigh_fence(self) -> None:
        if not self._needs_rights():
            self.notes += fence.weakened(self.store, self.record)
            return
        self.refusals += fence.forward(self.name, self.nodes, self.store, self.record)
        self.notes += fence.notes(self.nodes, self.store)

    def _fence(self) -> dict | None:
        """Which login is shut out, and which one stands in its place; None where none is."""
        look = (self.store or {}).get("fence") or {}
        return {"old": look["old"], "new": look["new"]} if look.get("new") else None

    def _serving(self) -> list:
        """The nodes that are to be seen now, and will be stopped."""
        return [node["name"] for node in self._read() if node["look"]["config"]["mode"] in node_checks.EMBEDDED_MODES]

    def _sight(self) -> Sight:
        known, others = self.settings["known_clients"], self.settings["other_clients"]
        return Sight(self.nodes, self.store, known, others, self._unidentified())

    def _unidentified(self) -> list:
        """The services that may be this one under another name. It was weighed before an unfinished run invalidated the
        store; and where a service leaves TimeLock or its namespace, its counter shows whether others take from it."""
        weighed = self.resuming and (self.store or {}).get("state") == INVALIDATED
        return [] if weighed or self.direction != MIGRATE else self.settings["unidentified"]

    def _known_clients(self) -> list:
        """Whose sessions are not this service's, as far as that is known or was accepted."""
        doubtful = [] if self.settings["accept_unproven"] else self._unidentified()
        others = self.settings["other_clients"]
        known = (addresses for name, addresses in others.items() if name not in doubtful)
        return sorted({*self.settings["known_clients"]}.union(*known))

    def _weigh_timelock(self) -> None:
        self.refusals += self._timelock_refusals()
        if self.timelock["refusals"]:
            return
        namespace = self._namespace()
        listed = namespace in self.timelock["namespaces"]
        own = self.record.get("namespace") == namespace and self._same_cluster()
        all_switched = set(self.modes()) == {"timelock"}
        wrong = self._behind()
        if self.store["state"] == INVALIDATED and not listed and not self.repairing:
            found = f"The store of {self.name} is invalidated at {self.store['backup']}; TimeLock has no {namespace}."
            do = by_hand.DO if self.repair else self._after_a_loss()
            self.refusals.append(Refusal("timelock-behind-backup", found, do))
        elif wrong:
            self.refusals.append(wrong)
        elif listed and not own and (self.resuming or not all_switched) and not self.settings["adopt_namespace"]:
            self.refusals.append(
                Refusal("timelock-namespace-used", f"TimeLock has a namespace {namespace} already, {self._not_own()}.")
            )

    def _same_cluster(self) -> bool:
        """Whether the namespace on record is one of the TimeLock that is listed: a namespace of that name on another is
        not the service's. Servers are replaced one by one, so that one in common is enough."""
        return bool(in_common(self.record.get("servers") or [], self.settings["servers"]))

    def _not_own(self) -> str:
        """In words, why a namespace that TimeLock has is not the service's."""
        if self.record.get("namespace") == self._namespace():
            servers = ", ".join(self.record.get("servers") or ["not named"])
            return f"and the one on record is on other servers: {servers}"
        return f"and no record says that it belongs to {self.name}"

    def _behind(self) -> Refusal | None:
        """What a fresh timestamp says against TimeLock, where one was asked for."""
        namespace = self._namespace()
        fresh = self._asked(namespace)
        if not isinstance(fresh, int):
            return fresh
        unused = self.repair and not self._uses_timelock()
        wrong = behind(*self._known_of(namespace), fresh, bool(self.repairing and unused))
        return Refusal(wrong.code, wrong.found, by_hand.DO) if wrong and unused else wrong

    def _uses_timelock(self) -> bool:
        """Whether a node runs that may have a timestamp from TimeLock at any time."""
        return any(map(node_checks.runs_on_timelock, self.nodes))

    def _known_of(self, namespace: str) -> tuple:
        """What store and record tell how far it has got. In the middle of a rename a number on record is one of the
        namespace that is left."""
        if namespace == self._renaming_to():
            return self.store, None
        witnesses = of_left_namespace(self.store["corroboration"], self._renamed())
        return {**self.store, "corroboration": witnesses}, self.record

    def _asked(self, namespace: str | None) -> int | Refusal | None:
        """The next timestamp of ``namespace``, or why TimeLock gave none; None where it was not asked."""
        return self.timelock.get("fresh", {}).get(namespace)

    def _fresh_timestamp(self, namespace: str | None) -> int | None:
        fresh = self._asked(namespace)
        return fresh if isinstance(fresh, int) else None

    def _todo(self) -> str:
        if self.settings["repair"]:
            return MIGRATE if self.repair else LEFT_ALONE
        return NOTHING if self._is_done() else MIGRATE

    def _began_on_timelock(self) -> bool:
        """Whether the store is as a client leaves it that never had an embedded timestamp service.

        A way back or a rename that did not end has begun only where it was so.
        """
        never = never_held(self.store) and (self._is_done() or self.unfinished in (REVERSE, RENAME))
        return never or self._never_had_a_table()

    def _never_had_a_table(self) -> bool:
        """The same of a client that makes none on TimeLock (PostgreSQL, before 0.253.2), or that took its timestamps
        from another service before."""
        absent = self.store["code"] == "bound-absent" and not self.store["empty_table"]
        unknown = self.direction == MIGRATE and not self.record.get("namespace")
        listed = self._namespace() in self.timelock["namespaces"]
        return absent and unknown and listed and self.whole and set(self.modes()) == {"timelock"}

    def _is_done(self) -> bool:
        """Whether the service is on TimeLock, whoever has brought it there."""
        invalidated = self.store["state"] == INVALIDATED and set(self.modes()) == {"timelock"} and not self.resuming
        return invalidated or self._never_had_a_table()

    def _is_migrated(self) -> bool:
        """The same, whatever is to be done with it, and where its store could not be read."""
        return "state" in (self.store or {}) and self._is_done()

    def _is_on_another_timelock(self) -> bool:
        """Whether a node has its timestamps from a counter that nobody knows to be the service's."""
        read = self._read()
        strange = not self.resuming and node_checks.on_other_namespace(read, self.record)
        return bool(strange) or node_checks.is_on_another_timelock(read, self.settings["servers"])

    def _timelock_words(self, namespace: str | None) -> str:
        if self.timelock["refusals"] or isinstance(self._asked(namespace), Refusal):
            return "unusable"
        return "listed" if namespace in self.timelock["namespaces"] else "free"

    def _nodes_to_stop(self) -> list:
        """All but those that an unfinished run, or the service's own migrator, has put on TimeLock.

        Nodes cannot be on TimeLock while the backup stands where none of them looks for it, and may try to start; nor
        is one that was to migrate itself, and has not.
        """
        store = self.store or {}
        if store.get("code") == by_hand.MISPLACED or (self.own_begun and store.get("state") == ACTIVE):
            return self._names()
        return [name for name, mode in zip(self._names(), self.modes()) if mode != "timelock"]

    def _namespaces(self) -> dict:
        return {node["name"]: node["look"]["config"]["namespace"] for node in self._read()}

    def _renaming_to(self) -> str | None:
        """The namespace to which a rename that did not end takes the service."""
        return self.record.get("rename_to") if self.unfinished == RENAME else None

    def _after_a_loss(self) -> str | None:
        """What to do where TimeLock was lost amid a rename."""
        if self.unfinished != RENAME:
            return None
        return (
            "Start nothing. On a TimeLock at the same addresses, restored or new, bring the namespace "
            f"{self.record['renamed_from']} above every timestamp that either namespace ever gave out, with "
            "timelock_fast_forward: see 'TimeLock is lost' in the runbook for that number. Then run "
            f"rename_namespace.yml again, to {self._renaming_to()}."
        )

    def _renamed(self) -> list:
        """The nodes that have it already."""
        return [name for name, namespace in self._namespaces().items() if namespace == self._renaming_to()]

    def _on_timelock(self) -> list:
        """The nodes whose file is one for TimeLock."""
        return [node["name"] for node in self._read() if node["look"]["config"]["mode"] == "timelock"]

    def _embedded(self) -> list:
        """The nodes whose own configuration, the kept one where they are held, is for embedded timestamps."""
        return [node["name"] for node in self._read() if node["look"]["config"]["shared"]["mode"] != "timelock"]

    def _names(self) -> list:
        return [node["name"] for node in self.nodes]

    def _sessions_seen(self) -> list:
        """The nodes of which the store shows a session, or showed one before an unfinished run stopped them."""
        earlier = self.record.get("sessions_seen", []) if self.resuming else []
        now = [name for name, proof in self._proofs().items() if proof["sessions"]]
        return [name for name in self._names() if name in now or name in earlier]

    def _proofs(self) -> dict:
        """For each node, which probes see it now; ``sessions`` is the store's view."""
        if "sessions" not in (self.store or {}) or not self.whole:
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


_AGAIN_WITHOUT_PROOF = (
    "Start nothing. Its bound is TS, as on record: nobody has taken from it since. Where no process of a node is left "
    "anywhere that is not on TimeLock, run migrate.yml again with timelock_accept_unproven and that as its reason."
)
_DOWN_UNTIL_INVALIDATED = (
    "Stop it now: it may issue timestamps from memory. Start it, with the file that it has, once the store is "
    "invalidated again."
)
_GIVE_BACK = (
    "Restart none: it would begin on TimeLock, beside a store that is active. Give each the file that it had before, "
    "with which its process goes on, start what is down, and plan again."
)
_WHETHER_IT_SERVED = (
    "Learn from the nodes' logs whether one has ever served on TimeLock, if only by a proxy. Where none has, and none "
    "runs, give each the file that it had before, start them, and plan again. Where one has, see store-reactivated in "
    "docs/refusals.md."
)
_OPEN_IT = (
    "So a service is left that somebody took back by hand: its embedded timestamps go on from the live bound, and "
    "nothing migrates it. See this code in docs/refusals.md for what takes that backup away."
)
_MAY_MIGRATE = (
    "a node was started to migrate itself, and may do so at any time: no other may have its old configuration, so"
    " release none by hand. migrate.yml ends it."
)
_TAKEN_BACK = (
    "on record it is on TimeLock, and somebody has taken it back since, by hand: nobody here knows whether its bound"
    " was brought above all that TimeLock gave out (see 'Back to embedded timestamps' in the runbook)"
)
_COPY_OF_BEFORE = (
    "Stop it now: the store is a copy of before it, and what TimeLock gave out is not in it. See 'Somebody restored a"
    " backup' in the runbook."
)
_STOP_IT = (
    "Stop it now, and see that its process is gone. Then run migrate.yml, with timelock_accept_unproven: see this code"
    " in docs/refusals.md."
)
