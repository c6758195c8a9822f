# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TimeLock client of a node, and the automated migration at each start.

Sources: TimeLockMigrator, TimestampCorroboratingTimelockService (AtlasDB 0.905.0), and the requests that a real
TimeLock saw from the real client.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Callable

from lab.node.failures import AtlasFailure, ClocksWentBackwards, DependencyFailure, RemoteFailure
from lab.node.limits import TIMELOCK_CONTACT_SECONDS
from lab.node.log import log
from lab.node.service_http import Answer, Server

MANAGEMENT_AGENT = "TimestampManagementRpcClient/7.45.0 dialogue/3.78.0"
CONJURE_AGENT = "ConjureTimelockService/0.0.0 dialogue/3.78.0"
TIMELOCK_AGENT = "TimelockRpcClient/7.45.0 dialogue/3.78.0"
RETRY_PAUSE = 0.05


class TimeLockClient:
    """Asks the servers for one namespace; a redirect names the leader's base URL, and the same path is sent there."""

    def __init__(self, name: str, namespace: str, servers: list[Server]):
        self._agent = f"{name}/1.0.0 atlasdb-http-client/2.0 "
        self._namespace = namespace
        self._servers = servers
        self._preferred = random.choice(servers) if servers else None

    def ping(self) -> None:
        """Raises DependencyFailure unless a leader answers."""
        try:
            self._ask("GET", f"/{self._namespace}/timestamp-management/ping", MANAGEMENT_AGENT)
        except AtlasFailure as error:
            raise DependencyFailure(f"Could not contact the TimeLock Server. <- {error}") from error

    def fast_forward(self, timestamp: int) -> None:
        path = f"/{self._namespace}/timestamp-management/fast-forward?currentTimestamp={timestamp}"
        self._ask("POST", path, MANAGEMENT_AGENT)

    def current_time(self) -> None:
        self._ask("POST", f"/{self._namespace}/timelock/current-time-millis", TIMELOCK_AGENT)

    def fresh(self, count: int) -> tuple[int, int]:
        """Up to `count` timestamps: lowest and highest."""
        if count == 1:
            timestamp = int(self._ask("POST", f"/tl/ts1/{self._namespace}", CONJURE_AGENT).body)
            return timestamp, timestamp
        answer = json.loads(self._ask("POST", f"/tl/t2/{self._namespace}", CONJURE_AGENT, str(count).encode()).body)
        return answer["start"], answer["start"] + answer["count"] - 1

    def _ask(self, method: str, path: str, agent: str, body: bytes | None = None) -> Answer:
        """Raises DependencyFailure when no server answers in time, RemoteFailure for an error in the answer."""
        headers = {"User-Agent": self._agent + agent, "Authorization": "Bearer omitted"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        deadline = time.monotonic() + TIMELOCK_CONTACT_SECONDS
        trouble = "Service not configured (no URIs)"
        while self._preferred is not None:
            server = self._preferred
            try:
                answer = server.ask(method, path, headers, body)
            except (OSError, http.client.HTTPException) as error:
                trouble = f"{server.base_url}: {error!r}"
                self._preferred = self._other_than(server)
            else:
                if answer.status in (200, 204):
                    return answer
                trouble = f"{server.base_url}: Response status: {answer.status}"
                if answer.status == 308:
                    self._preferred = self._named(answer.location) or self._other_than(server)
                elif answer.status == 503:
                    self._preferred = self._other_than(server)
                else:
                    raise RemoteFailure(f"Response status: {answer.status}")
            if time.monotonic() > deadline:
                break
            time.sleep(RETRY_PAUSE)
        raise DependencyFailure(trouble)

    def _named(self, location: str | None) -> Server | None:
        wanted = (location or "").rstrip("/")
        return next((server for server in self._servers if server.base_url == wanted), None)

    def _other_than(self, server: Server) -> Server:
        return self._servers[(self._servers.index(server) + 1) % len(self._servers)]


class TimeLockTimestamps:
    """Timestamps from TimeLock. Creating it migrates the store, as every start of a client on TimeLock does."""

    mode = "timelock"

    def __init__(self, client: TimeLockClient, backup_and_invalidate: Callable[[], int]):
        """Raises AtlasFailure; when the fast-forward fails the store is left invalidated, as the real client does."""
        self._client = client
        self._lock = threading.Lock()
        self._highest = -1
        self._trouble: str | None = None
        client.ping()
        bound = backup_and_invalidate()
        log("INFO", "com.palantir.atlasdb.factory.startup.TimeLockMigrator", "Now fast forwarding the timestamp"
            " on TimeLock Server, possibly as part of a TimeLock migration. If you are already using TimeLock, DO NOT"
            f" PANIC if this number is less than what you expect a current timestamp to be. | {bound}")  # fmt: skip
        client.fast_forward(bound)
        client.fresh(1)
        client.current_time()
        client.current_time()
        client.fresh(1)

    def fresh(self, count: int) -> tuple[int, int]:
        """Timestamps above all that this process had before it asked, else ClocksWentBackwards."""
        with self._lock:
            bound = self._highest
        try:
            lower, upper = self._client.fresh(count)
        except AtlasFailure as error:
            self._trouble = str(error)
            raise
        self._trouble = None
        with self._lock:
            self._highest = max(self._highest, upper)
        if lower <= bound:
            log("ERROR", "com.palantir.atlasdb.transaction.impl.TimestampCorroboratingTimelockService", "It appears"
                f" that clocks went backwards!: bounds were {bound}, fresh timestamp of {lower}.")  # fmt: skip
            raise ClocksWentBackwards(bound, lower, upper)
        return lower, upper

    def health(self) -> str | None:
        """What went wrong with the last request, or None."""
        return self._trouble
