# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The leader block: one node of the service leads and issues, the others ask it over HTTP.

Real nodes elect their leader by Paxos among themselves. Here it is whoever holds the lock on a file in the folder
that the nodes of a service share: the kernel gives it up with the process. So a leader that is paused keeps its
leadership, where the real one would lose it; and it needs no others, unless the file QUORUM wants them to elect it.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from lab.layout import QUORUM
from lab.node.embedded import EmbeddedTimestamps
from lab.node.failures import AtlasFailure
from lab.node.limits import LEADERSHIP_RETRY_PAUSE
from lab.node.log import log
from lab.node.service_http import Server

RETRY_PAUSE = 0.02
FORWARDED_WAIT_SECONDS = 4.0


class NotLeader(AtlasFailure):
    """Another node leads, or this one does and cannot read its bound."""

    java_class = "com.palantir.leader.NotCurrentLeaderException"


class LeaderTimestamps:
    """Says that it is initialised at once, whatever the store is; a request waits for a leader that can issue.

    On a store that was invalidated a leader never gets its bound, and requests hang without an exception, as seen
    with the real client. A new leader reads the bound again.
    """

    mode = "leader"

    def __init__(
        self, create_embedded: Callable[[], EmbeddedTimestamps], shared: Path, local_server: str, others: list[str],
        quorum: int,
    ):  # fmt: skip
        self._create_embedded = create_embedded
        self._others = [Server(url) for url in others]
        self._quorum = quorum
        self._shared = shared
        self._local_server = local_server
        self._leading = False
        self._delegate: EmbeddedTimestamps | None = None
        self._delegate_is_there = threading.Event()
        self._leader: Server | None = None
        shared.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=self._campaign, daemon=True).start()

    def _campaign(self) -> None:
        lock = os.open(self._shared / "leader.lock", os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(lock, fcntl.LOCK_EX)
        while (self._shared / QUORUM).exists() and not self._has_quorum():
            time.sleep(RETRY_PAUSE)
        self._leading = True
        partial = self._shared / f".leader-{os.getpid()}"
        partial.write_text(self._local_server)
        partial.rename(self._shared / "leader")
        log("INFO", "com.palantir.leader.PaxosLeaderElectionService", "Successfully became leader!")
        while self._delegate is None:
            try:
                self._delegate = self._create_embedded()
            except AtlasFailure as error:
                log("ERROR", "com.palantir.leader.proxy.LeadershipStateManager", f"problem creating delegate | {error}")
                time.sleep(LEADERSHIP_RETRY_PAUSE)
        self._delegate_is_there.set()

    def _has_quorum(self) -> bool:
        return 1 + sum(_votes(other) for other in self._others) >= self._quorum

    def fresh(self, count: int) -> tuple[int, int]:
        while not self._leading:
            answer = self._ask_leader("POST", f"/leader/fresh-timestamps?number={count}")
            if answer is not None:
                return answer["lower"], answer["upper"]
            time.sleep(RETRY_PAUSE)
        self._delegate_is_there.wait()
        return self._delegate.fresh(count)

    def fresh_as_leader(self, count: int) -> tuple[int, int]:
        """What another node of the service asks of its leader. Raises NotLeader after a while without a bound."""
        if not self._leading or not self._delegate_is_there.wait(FORWARDED_WAIT_SECONDS):
            raise NotLeader("not the leader, or not ready to lead")
        return self._delegate.fresh(count)

    def _ask_leader(self, method: str, path: str) -> dict | None:
        """The leader's answer; None if there is none now. Raises AtlasFailure with what the leader failed with."""
        try:
            url = (self._shared / "leader").read_text()
            if self._leader is None or self._leader.base_url != url:
                self._leader = Server(url)
            answer = self._leader.ask(method, path, {})
        except (OSError, http.client.HTTPException):
            return None
        if answer.status == 500:
            raise AtlasFailure(answer.body.decode(errors="replace"))
        return json.loads(answer.body) if answer.status == 200 else None

    def health(self) -> str | None:
        if not self._leading:
            return None if self._ask_leader("GET", "/leader/health") else "the leader does not serve"
        return self.health_as_leader()

    def health_as_leader(self) -> str | None:
        """Why this node cannot serve as leader, or None."""
        if self._delegate is None:
            return "no leader, or a leader that cannot read its bound"
        return self._delegate.health()


def _votes(other: Server) -> bool:
    """Whether another node is up, and has a leader block."""
    try:
        return other.ask("GET", "/leader/health", {}).status != 404
    except (OSError, http.client.HTTPException):
        return False
