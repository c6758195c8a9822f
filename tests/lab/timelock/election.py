# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who leads, and the proof of it.

A leader holds an epoch that a majority of the nodes promised to follow; a node follows the highest epoch it promised.
Taking over reads the bounds of a majority. A bound counts once a majority stored it under the leader's epoch, and no
answer leaves a leader before a majority confirmed, after the request came in, that it still follows that epoch. Two
majorities share a node, so whatever an older leader has issued lies below what a newer one issues.
"""
from __future__ import annotations

import asyncio
import random
import uuid

from lab.timelock.errors import NotLeading
from lab.timelock.peers import Unreachable
from lab.timelock.series import Series

LOOK_TIMEOUT = 0.5
LOYALTY = 0.25  # for so long after its vote, or after hearing from a leader, a node elects no other
RPC_TIMEOUT = 2.0
PING_INTERVAL = 0.15
LONGEST_NAME = 255


class Election:
    """One node's part in the vote: acceptor for every candidate, and, once joined, a candidate itself."""

    def __init__(self, index, store, peers, leader_timeout, no_quorum_wait):
        self.index = index
        self.store = store
        self.peers = peers  # index -> Peer, without this node
        self.size = len(peers) + 1
        self.quorum = self.size // 2 + 1
        self.leader_timeout = leader_timeout
        self.no_quorum_wait = no_quorum_wait
        self.leadership = None
        self.leader = None  # index of the last leader heard of
        self._loyal_to = None
        self._loyal_until = 0.0
        self._highest_seen = store.promised
        self._joined = asyncio.Event()
        self._lost = asyncio.Event()

    @property
    def claims_to_lead(self):
        """What /leader/ping says: a leader that lost its quorum goes on saying true until it hears of another."""
        return self.leader == self.index

    def join(self):
        """Stand for election from now on (TimeLock does so at its first namespaced request)."""
        self._joined.set()

    def answer(self, message):
        """Answer a message of another node."""
        return getattr(self, "_on_" + message["op"])(message)

    def _on_ping(self, message):
        return {"leading": self.leadership is not None}

    def _on_prepare(self, message):
        contested = self._loyal_to != message["candidate"] and _now() < self._loyal_until
        if self.leadership is not None or contested or message["epoch"] <= self.store.promised:
            return self._rejection()
        self.store.promise(message["epoch"])
        self._be_loyal(message["candidate"])
        return {"ok": True, "bounds": self.store.bounds}

    def _on_accept(self, message):
        if message["epoch"] < self.store.promised:
            return self._rejection()
        self.store.raise_bound(message["namespace"], message["bound"])
        return {"ok": True}

    def _on_confirm(self, message):
        return {"ok": True} if message["epoch"] >= self.store.promised else self._rejection()

    def _on_learn(self, message):
        if message["epoch"] < self.store.promised:
            return self._rejection()
        self.lose()
        self.leader = message["leader"]
        self._be_loyal(self.leader)
        return {"ok": True}

    def _rejection(self):
        return {"ok": False, "promised": self.store.promised}

    def _be_loyal(self, index):
        self._loyal_to = index
        self._loyal_until = _now() + LOYALTY

    def follow_nobody(self):
        """Stop issuing and claiming: others follow a newer leader, which has not been heard of yet."""
        self.leader = None
        self.lose()

    def lose(self):
        """Stop issuing; the claim to lead stays until another leader is heard of."""
        self.leadership = None
        self._lost.set()

    async def ask_majority(self, message, timeout=RPC_TIMEOUT):
        """Put the message to all nodes, this one included; return (agreed answers, highest refusing promise).

        Returns as soon as a majority agreed, or no majority can any more.
        """
        own = self.answer(message)
        agreed = [own] if own["ok"] else []
        refusal = 0 if own["ok"] else own["promised"]
        pending = {asyncio.ensure_future(peer.call(message, timeout)) for peer in self.peers.values()}
        while pending and len(agreed) < self.quorum and len(agreed) + len(pending) >= self.quorum:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.exception() is not None:
                    continue
                answer = task.result()
                if answer["ok"]:
                    agreed.append(answer)
                else:
                    refusal = max(refusal, answer["promised"])
        for task in pending:
            task.add_done_callback(lambda late: late.exception())
        return agreed, refusal

    async def run(self):
        """Keep a leader: watch the one there is, or stand for it."""
        await self._joined.wait()
        while True:
            if self.leadership is not None:
                self._lost.clear()
                await self._lost.wait()
            elif self.leader not in (None, self.index) and await self._leads(self.leader, self.leader_timeout):
                self._be_loyal(self.leader)
                await asyncio.sleep(PING_INTERVAL)
            else:
                await asyncio.sleep(random.uniform(0.02, 0.2))
                await self._stand()
                if self.leadership is None:
                    await asyncio.sleep(random.uniform(0.05, 0.3))

    async def _leads(self, index, timeout):
        try:
            return (await self.peers[index].call({"op": "ping"}, timeout))["leading"]
        except Unreachable:
            return None

    async def _stand(self):
        indexes = list(self.peers)
        looks = await asyncio.gather(*(self._leads(index, LOOK_TIMEOUT) for index in indexes))
        for index, leads in zip(indexes, looks, strict=True):
            if leads:
                self.leader = index
                return
        if 1 + sum(leads is not None for leads in looks) < self.quorum:
            return
        epoch = (max(self._highest_seen, self.store.promised) // self.size + 1) * self.size + self.index
        message = {"op": "prepare", "epoch": epoch, "candidate": self.index}
        asked = await asyncio.gather(
            *(peer.call(message, LOOK_TIMEOUT) for peer in self.peers.values()), return_exceptions=True)
        answers = [answer for answer in asked if not isinstance(answer, Unreachable)]
        self._highest_seen = max([epoch, *(answer.get("promised", 0) for answer in answers)])
        # A node that promised somebody a higher epoch would refuse this leader for all of its term: try a higher one.
        if len(answers) + 1 < self.quorum or not all(answer["ok"] for answer in answers):
            return
        # The own vote comes last: a candidate without the votes of others stays with the leader that they have.
        answers.append(self._on_prepare(message))
        if not answers[-1]["ok"]:
            return
        bounds = {}
        for answer in answers:
            for namespace, bound in answer["bounds"].items():
                bounds[namespace] = max(bound, bounds.get(namespace, 0))
        self.leader = self.index
        self.leadership = Leadership(self, epoch, bounds)
        for peer in self.peers.values():
            telling = asyncio.ensure_future(
                peer.call({"op": "learn", "epoch": epoch, "leader": self.index}, self.leader_timeout))
            telling.add_done_callback(lambda told: told.exception())


def _now():
    return asyncio.get_running_loop().time()


class Leadership:
    """One term of one leader: its epoch, and the numbers it holds in memory for each namespace."""

    def __init__(self, election, epoch, bounds):
        self.id = str(uuid.uuid4())
        self._election = election
        self._epoch = epoch
        self._bounds = bounds
        self._series = {}
        self._round = None
        self._next_round = None

    async def series(self, namespace):
        """Return the namespace's Series; a new namespace is stored with the bound 0 first."""
        if namespace not in self._series:
            if len(namespace) > LONGEST_NAME:
                raise NotLeading("a file name of the log would be too long")
            if namespace not in self._bounds:
                await self._store_bound(namespace, 0)
                self._bounds.setdefault(namespace, 0)
            self._series.setdefault(namespace, Series(self._bounds[namespace], namespace, self._store_bound))
        return self._series[namespace]

    async def confirm(self):
        """Return once a majority, asked after this call began, still follows this leader; else raise NotLeading."""
        if self._next_round is None:
            self._next_round = asyncio.ensure_future(self._confirm_after(self._round))
        await asyncio.shield(self._next_round)

    async def _confirm_after(self, previous):
        if previous is not None:
            await asyncio.wait([previous])
        self._round, self._next_round = self._next_round, None
        await self._agree({"op": "confirm", "epoch": self._epoch})

    async def _store_bound(self, namespace, bound):
        await self._agree({"op": "accept", "epoch": self._epoch, "namespace": namespace, "bound": bound})

    async def _agree(self, message):
        deadline = _now() + self._election.no_quorum_wait
        while self._election.leadership is self:
            agreed, refusal = await self._election.ask_majority(message)
            if len(agreed) >= self._election.quorum:
                return
            if self._election.leadership is not self:
                break
            if refusal:
                self._election.follow_nobody()
            elif _now() >= deadline:
                self._election.lose()
            else:
                await asyncio.sleep(0.05)
        raise NotLeading("the leadership was lost")
