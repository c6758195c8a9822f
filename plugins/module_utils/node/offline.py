# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hold, stop, prove: a node goes down and stays down."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from ansible_collections.atlasdb.timelock.plugins.module_utils.addresses import Endpoints
from ansible_collections.atlasdb.timelock.plugins.module_utils.node import hold, staging, switching
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.command import Command
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.epoch import Run
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.node import Node
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.probe import Look
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

_FIRST_POLL_SECONDS = 0.02
_LAST_POLL_SECONDS = 0.25
_KILLED_SECONDS = 10.0
# A socket goes with its process; this is for the kernel's tidying up.
_PORT_SECONDS = 3.0


def would_change(node: Node, stop: bool) -> bool:
    """Whether ``go_offline`` would hold or stop anything. Writes nothing; raises what it would refuse at once."""
    marker = hold.read_marker(node.install)
    _require_staged_fits(node, marker)
    look = node.probe.look(marker["seen"] if marker else None)
    would_hold = marker is None or not hold.is_intact(node.install, marker)
    return would_hold or (stop and (look.running or look.state.active))


def go_offline(node: Node, run: Run, progress: dict, stop: bool) -> None:
    """Hold the node if it is not held, and with ``stop`` stop its service if it runs and wait until it is gone.

    Call under the node's lock. ``progress`` tells what has been done, also when Refusal is raised: ``changed``,
    ``held``, ``seen`` (of before the hold) and ``noticed`` (sentences).
    """
    marker = hold.read_marker(node.install)
    _require_staged_fits(node, marker)
    look = node.probe.look(marker["seen"] if marker else None)
    if marker is None:
        seen, was_running = _seen_before(node, look)
        hold.take(node.install, run, seen, was_running)
        progress["changed"] = True
    else:
        seen = marker["seen"]
        _take_again(node, marker, look, progress)
    progress.update(held=True, seen=seen)
    if stop and (look.running or look.state.active):
        progress["changed"] = True
        _stop(node, seen)


def _seen_before(node: Node, look: Look) -> tuple[dict, bool]:
    """What is seen of the service now, and whether it runs. Of one that was held, given a new file and not started
    since: what was seen before that hold."""
    record = switching.read_record(node.install)
    done = (switching.SWITCHED, switching.REVERSED)
    if not look.running and record and record.get("seen") and switching.is_done(node.install, record, done, None):
        return record["seen"], record["was_running"]
    return node.probe.describe(look), look.running


def recall(node: Node, progress: dict) -> None:
    """Tell of a node that is held what ``go_offline`` told. Changes nothing."""
    marker = hold.read_marker(node.install)
    if marker is not None:
        progress.update(held=True, seen=marker["seen"])


def _require_staged_fits(node: Node, marker: dict | None) -> None:
    staging.require_source_unchanged(node.install, marker)
    if node.runtime is not None:
        staging.require_source_unchanged(node.runtime, None)


def _take_again(node: Node, marker: dict, look: Look, progress: dict) -> None:
    record = switching.read_record(node.install)
    switched = switching.is_done(node.install, record, (switching.SWITCHED, switching.REVERSED), marker)
    if hold.retake(node.install, marker, record["sha256"] if switched else None):
        progress["changed"] = True
        progress["noticed"].append("A hold that had been cut short, or taken back, was completed.")
    of_before = node.probe.of_before(look.processes, marker["seen"])
    late = [process.pid for process in look.processes if process not in of_before]
    if late:
        progress["noticed"].append(f"Process {_list(late)} had been started although the node was held.")


def _stop(node: Node, seen: dict) -> None:
    """Stop by the manager; what is left after half the time is asked to end, what is left in the end only killed
    where the inventory says so. What the manager says is only told when /proc does not agree that the service is
    gone.
    """
    service = node.service
    began = time.monotonic()
    command = Command(node.manager.stop, node.manager.folder, keep_words=True)
    if _is_gone(node, seen, command, began + service.stop_timeout / 2):
        return
    outcome = command.poll(0)
    if outcome is None or outcome.status is not None:
        _send(node, seen, signal.SIGTERM)
        if _is_gone(node, seen, command, began + service.stop_timeout):
            return
        outcome = command.poll(0)
        command.kill()
        if service.stop_kill:
            _send(node, seen, signal.SIGKILL)
            if _is_gone(node, seen, command, time.monotonic() + _KILLED_SECONDS):
                return
    said = f": {outcome}" if outcome else f" had not ended after {service.stop_timeout} s"
    raise _still_running(node, node.probe.look(seen), f" The stop command{said}.")


def _is_gone(node: Node, seen: dict, command: Command, deadline: float) -> bool:
    """Whether the stop command ends and the service is gone in time."""
    pause = _FIRST_POLL_SECONDS
    while time.monotonic() < deadline:
        outcome = command.poll(pause)
        if outcome is not None:
            look = node.probe.look(seen)
            if not look.running and not look.state.active:
                return True
            if outcome.status is None:
                break
            time.sleep(pause)
        pause = min(2 * pause, _LAST_POLL_SECONDS)
    return False


def _send(node: Node, seen: dict, number: signal.Signals) -> None:
    """To each process of the service that lives."""
    for process in node.probe.look(seen).processes:
        with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(process.pid, number)


def _still_running(node: Node, look: Look, more: str) -> Refusal:
    who = f"Process {_list(look.pids)} of {node.service.name} is" if look.pids else f"{node.service.name} may be"
    return Refusal("node-still-running", f"{who} alive; its manager says: {look.state.words}.{more}")


def prove(node: Node, store: Endpoints | None) -> list[dict]:
    """The proofs that the node is down and stays down. Raises Refusal. Changes nothing.

    With ``store``, where the key-value service is, that nobody on the host is connected to it either.
    """
    marker = hold.require_intact(node.install, hold.read_marker(node.install))
    seen = marker["seen"]
    look = node.probe.look(seen)
    if look.running:
        raise _still_running(node, look, "")
    deadline = time.monotonic() + _PORT_SECONDS
    while look.listening:
        if time.monotonic() > deadline:
            raise Refusal("port-still-open", f"Something listens on port {_list(look.listening)}.")
        time.sleep(_LAST_POLL_SECONDS)
        look = node.probe.look(seen)
    unconnected = [_prove_unconnected(node, store, seen)] if store else []
    hold.require_intact(node.install, marker)
    ports = f", nothing listens on {_list(node.service.ports)}" if node.service.ports else ""
    before = _list([process["pid"] for process in seen["pids"]])
    gone = f"process {before} is gone" if before else "no process was seen"
    return [
        {"kind": "hold", "detail": f"{node.install.path} is held since {marker['since']}"},
        {"kind": "process", "seen_before": bool(seen["pids"]), "detail": f"{gone}{ports}; {look.state.words}"},
        *unconnected,
    ]


def _prove_unconnected(node: Node, store: Endpoints, seen: dict) -> dict:
    deadline = time.monotonic() + _PORT_SECONDS
    left = node.probe.connected(store)
    while left:
        if time.monotonic() > deadline:
            counted = ", ".join(f"{left.count(remote)} to {remote}" for remote in dict.fromkeys(left))
            raise Refusal("kvs-session-open", f"The node's host still has connections to the store: {counted}.")
        time.sleep(_LAST_POLL_SECONDS)
        left = node.probe.connected(store)
    before = [remote for remote in seen.get("connected") or [] if remote in store]
    return {
        "kind": "kvs_sockets",
        "seen_before": bool(before),
        "detail": f"no connection to {store}; before the hold there was {', '.join(before) or 'none'}",
    }


def _list(numbers: list[int]) -> str:
    return ", ".join(str(number) for number in numbers)
