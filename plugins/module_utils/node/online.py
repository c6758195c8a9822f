# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start a node again, and see that it serves."""

from __future__ import annotations

import time

from ansible_collections.atlasdb.timelock.plugins.module_utils.node import disk, hold, staging, switching
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.command import Command
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.epoch import Run
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.health import health
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.node import Node
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.probe import Look
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.sockets import resolve
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

_FIRST_POLL_SECONDS = 0.02
_LAST_POLL_SECONDS = 0.25
# A look is not free, and a service that has taken long so far may take a tenth longer to be seen.
_POLL_SHARE = 0.1
# So long may a service be without a process after its start command has ended, before it counts as ended.
_GONE_SECONDS = 5.0
_DONE = (switching.SWITCHED, switching.REVERSED)


def require_handover(handover: dict, run: Run) -> None:
    """Raise Refusal proof-missing unless the handover that was read back is of this very run."""
    if not handover or str(handover.get("epoch")) != str(run.epoch) or handover.get("run_id") != run.run_id:
        raise Refusal(
            "proof-missing",
            f"Run {run.run_id} with epoch {run.epoch} may only switch in the new configuration after its own handover, "
            f"and this is one of run {handover.get('run_id')} with epoch {handover.get('epoch')}.",
        )


def switch_in(node: Node, run: Run, effects: bool, looked_at: dict | None = None) -> bool:
    """Put the staged files in place; whether that was still to do. ``effects``: False to look only, and refuse the
    same.

    Nothing is to do where files for TimeLock lie there already, whoever put them there: those ``looked_at``, by their
    hashes.
    """
    marker = hold.read_marker(node.install)
    if marker is None and looked_at is not None:
        _require_as_looked_at(node, looked_at)
        return _clear(node, effects)
    record = switching.read_record(node.install)
    if switching.is_done(node.install, record, _DONE, marker) and not _another_is_staged(node, record):
        return _clear(node, effects)
    about, runtime = switching.plan_switch(node, marker)
    _require_gone(node, marker)
    if effects:
        switching.switch(node, run, marker, about, runtime)
        switching.clear(node)
    return True


def put_back(node: Node, run: Run, effects: bool, kept: bool = False) -> bool:
    """Put the kept file back in place; whether that was still to do. Nothing to do on a node that is not held.

    With ``kept`` it may be one for TimeLock: what was switched in before the node was held.
    """
    marker = hold.read_marker(node.install)
    record = switching.read_record(node.install)
    switched = switching.is_done(node.install, record, (switching.SWITCHED,), marker)
    if switched if not kept else marker and switching.is_done(node.install, record, _DONE, marker):
        raise Refusal(
            "config-mixed-active",
            f"{node.install.path} is the new configuration, switched in by run {record['run_id']}.",
            "Run migrate.yml again if the store is invalidated. If not, stop the service and find out why it is here.",
        )
    if marker is None:
        current = disk.read(node.install.path)
        if current is not None and hold.is_hold(current):
            raise Refusal("hold-impossible", f"{node.install.path} is a hold, but {node.install.marker} is gone.")
        return _clear(node, effects)
    current = disk.read(node.install.path)
    if current is None or disk.sha256(current) not in (marker["sha256"], marker["hold_sha256"]):
        raise Refusal("hold-impossible", f"{node.install.path} has been rewritten while the node was held.")
    if not switching.is_done(node.install, record, (switching.PUT_BACK,), marker):
        never_held = disk.sha256(current) == marker["sha256"] and node.probe.look(marker["seen"]).running
        if not never_held:
            _require_gone(node, marker)
        if effects and not never_held:
            switching.put_back(node, run, marker)
    if effects:
        switching.clear(node)
    return True


def prove_configured(node: Node) -> dict:
    """The proof that what was switched in lies there, and that nothing of before lives. Raises Refusal. Changes
    nothing."""
    record = switching.read_record(node.install)
    if hold.read_marker(node.install) or not switching.is_done(node.install, record, _DONE, None):
        raise Refusal("proof-missing", f"{node.install.path} is not what was switched in.", hold.AGAIN)
    Starting(node, []).is_needed()
    detail = f"{node.install.path} is what run {record['run_id']} switched in, and no older process lives"
    return {"kind": "configured", "how": record["how"], "seen_before": record["was_running"], "detail": detail}


def _require_as_looked_at(node: Node, looked_at: dict) -> None:
    """Raise Refusal config-changed unless the files are those in which somebody has read that they are for TimeLock."""
    for beside, sha256 in ((node.install, looked_at["install"]), (node.runtime, looked_at["runtime"])):
        current = disk.read(beside.path) if beside is not None else None
        if (disk.sha256(current) if current is not None else None) != sha256:
            path = (beside or node.install).path
            raise Refusal("config-changed", f"{path} is not what it was when this run looked at it.", hold.AGAIN)


def _another_is_staged(node: Node, record: dict) -> bool:
    about = staging.read_about(node.install)
    return about is not None and about["sha256"] != record["sha256"]


def _clear(node: Node, effects: bool) -> bool:
    return switching.clear(node) if effects else not switching.is_clear(node)


def _require_gone(node: Node, marker: dict) -> None:
    look = node.probe.look(marker["seen"])
    if look.running:
        raise Refusal(
            "node-still-running",
            f"Process {', '.join(map(str, look.pids))} of {node.service.name} is alive, but the node is held; its "
            f"manager says: {look.state.words}.",
        )


def wants_start(node: Node, state: str) -> bool:
    """Whether the service is to run now: a node that was put back only if it ran before it was held."""
    record = switching.read_record(node.install)
    if state == "timelock":
        return True
    return switching.is_done(node.install, record, (switching.PUT_BACK,), None) and record["was_running"]


class Starting:
    """A node whose service is to serve.

    ``endpoints``: ``host:port`` of TimeLock, to one of which it must hold a connection; empty to ask for none.
    """

    def __init__(self, node: Node, endpoints: list[str]):
        self._node = node
        self._endpoints = endpoints
        self._since = switching.since(node)

    def is_needed(self) -> bool:
        """Whether the service does not run. Raises Refusal node-still-running if it runs since before the switch."""
        look = self._node.probe.look(None)
        old = self._older(look)
        if old:
            raise Refusal(
                "node-still-running",
                f"Process {', '.join(map(str, old))} of {self._node.service.name} is older than its configuration.",
                "It may run as it did before: stop it by hand, see that it is gone, then run again, which starts it.",
            )
        return not look.running

    def _older(self, look: Look) -> list[int]:
        return [process.pid for process in look.processes if process.start < self._since]

    def start(self) -> Command:
        """Begin the start. The command must be ended by ``await_service``."""
        manager = self._node.manager
        return Command(manager.start, manager.folder, keep_words=manager.start_ends)

    def await_service(self, command: Command | None) -> tuple[dict, float]:
        """Wait until the service serves; the proof, and the moment (time.monotonic) before the look that it rests on.

        Raises Refusal node-unhealthy, or node-not-on-timelock if that alone is missing.
        """
        began = last_alive = time.monotonic()
        deadline = began + self._node.service.start_timeout
        outcome = None
        while True:
            looked_at = time.monotonic()
            look = self._node.probe.look(None)
            outcome = outcome or (command.poll(0) if command else None)
            if look.running or look.state.coming or (command and outcome is None):
                last_alive = looked_at
            given_up = looked_at > min(deadline, last_alive + _GONE_SECONDS)
            answer = health(self._node.service.health_url) if look.running else None
            well = look.running and (answer is None or answer["ok"])
            # The kernel's sockets cost more to look at than anything else here.
            if well or given_up:
                proof, missing = self._prove(look, answer)
                if missing is None:
                    if command:
                        command.leave()
                    return proof, looked_at
            if given_up:
                if command and look.running:
                    command.leave()
                raise self._refuse(missing, look, outcome)
            pause = (time.monotonic() - began) * _POLL_SHARE
            time.sleep(min(max(pause, _FIRST_POLL_SECONDS), _LAST_POLL_SECONDS))

    def _prove(self, look: Look, answer: dict | None) -> tuple[dict, tuple[str, str] | None]:
        seen = self._node.probe.sight(look)
        listening = seen["listening_own"]
        proof = {"kind": "serving", "since_ticks": self._since, "pids": seen["pids"], "listening": listening}
        if not look.running:
            return proof, ("node-unhealthy", "it has no process")
        if self._older(look):
            return proof, ("node-unhealthy", "its process is older than its configuration")
        closed = sorted(set(self._node.service.ports) - set(listening))
        if closed:
            return proof, ("node-unhealthy", f"it does not listen on port {', '.join(map(str, closed))}")
        proof["health"] = answer
        if answer is not None and not answer["ok"]:
            return proof, ("node-unhealthy", answer["detail"])
        if self._endpoints:
            addresses = resolve(self._endpoints)
            proof["timelock"] = sorted({socket["remote"] for socket in seen["sockets"]} & addresses)
            if not proof["timelock"]:
                return proof, ("node-not-on-timelock", f"it holds no connection to any of {', '.join(self._endpoints)}")
        return proof, None

    def _refuse(self, missing: tuple[str, str], look: Look, outcome: object) -> Refusal:
        code, what = missing
        ended = f" The start command: {outcome}." if outcome is not None else ""
        said = f"Its manager says: {look.state.words}.{ended}"
        return Refusal(code, f"{self._node.service.name} was to serve, but {what}. {said}")
