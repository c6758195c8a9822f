# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of a run: a line of JSON before and after every effect, and one for every look at store and TimeLock,
added as it happens and never changed."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import socket
import time
from collections.abc import Iterator
from datetime import datetime, timezone

from .cluster_sessions import words

EFFECTS = {
    "handover_record": "record",
    "client_config": "configure",
    "node_offline": "stop",
    "kvs_login": "fence",
    "timelock_fast_forward": "fast-forward",
    "timestamp_invalidate": "invalidate",
    "timestamp_restore": "restore",
    "node_online": "start",
}
"""Every module that a playbook changes anything with outside the controller, and what that is called in a journal."""

LOOKS = {
    "fleet_plan": "plan",
    "timestamp_info": "store",
    "kvs_sessions_info": "sessions",
    "timelock_info": "timelock",
}
"""Every module that looks at a store or at TimeLock in a handover, and what that is called in a journal."""

BEGUN = "begun"
SEEN = "seen"
CHANGED = "changed"
UNCHANGED = "unchanged"
REFUSED = "refused"
UNKNOWN = "unknown"
"""The ends of an effect. Unknown: no answer, or one without a code, which may have come after anything."""

_TOLD = ("code", "found", "before", "after", "epoch", "fresh_timestamp", "started", "ended", "accepted_unproven")
_TOLD_OF_A_LOOK = (
    "code", "found", "state", "store", "bound", "backup", "corroboration", "fresh_timestamp", "leader", "unseen",
)  # fmt: skip
_TOLD_OF_A_PROOF = ("kind", "node", "seen_before", "detail", "fresh_timestamp", "listening", "health", "timelock")

_TURN_SECONDS = 2.0

_SHORT = ("time", "step", "node", "effect", "came", "code")


def entry(effect: str, who: dict, result: dict | None = None) -> dict:
    """A line on ``effect`` of the run, service, node and step in ``who``: begun, or ended with a ``result``."""
    line = {**_line(who), "effect": effect, "came": BEGUN if result is None else _end(result)}
    if result is None:
        return line
    told = {key: result[key] for key in _TOLD if result.get(key) is not None}
    diff, seen = result.get("diff"), result.get("seen")
    if isinstance(diff, dict) and isinstance(diff.get("after"), dict):
        told["after"] = diff["after"]
    if isinstance(seen, dict):
        told["before"] = {**{key: seen.get(key) for key in ("listening", "connected")}, "pids": _pids(seen)}
    return {**line, **told, **_proofs(result)}


def look_entry(look: str, who: dict, result: dict, seconds: float) -> dict:
    """A line on a ``look`` that took so many ``seconds``: what it saw, or why it saw nothing."""
    seen = (result.get("services") or {}).get(who["service"]) or {} if look == LOOKS["fleet_plan"] else result
    came = SEEN if _end(result) in (CHANGED, UNCHANGED) else _end(result)
    told = {key: seen[key] for key in _TOLD_OF_A_LOOK if seen.get(key) is not None}
    if result.get("sessions"):
        told["sessions"] = words(result["sessions"])
    return {**_line(who), "look": look, "took": round(seconds, 3), "came": came, **told, **_proofs(result)}


def _line(who: dict) -> dict:
    return {**who, "by": f"{getpass.getuser()}@{socket.gethostname()}"}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")


def _end(result: dict) -> str:
    if result.get("failed") or result.get("unreachable"):
        return REFUSED if result.get("code") and not result.get("fate_unknown") else UNKNOWN
    return CHANGED if result.get("changed") else UNCHANGED


def _proofs(result: dict) -> dict:
    given = [*(result.get("proofs") or [result.get("proof")]), result.get("timelock_proof")]
    proofs = [_proof(proof) for proof in given if proof]
    return {"proofs": proofs} if proofs else {}


def _proof(proof: dict) -> dict:
    told = {key: proof[key] for key in _TOLD_OF_A_PROOF if proof.get(key) is not None}
    if "pids" in proof:
        told["pids"] = _pids(proof)
    if "taken" in proof:
        told["taken"] = _iso(proof["taken"]["wall"])
    return told


def _pids(seen: dict) -> list:
    return [process["pid"] for process in seen.get("pids") or []]


def append(path: str, line: dict) -> None:
    """Add ``line`` to the journal with the time, in one piece, behind all that is there, and so that what is of an
    effect outlives a crash of the machine. Raises OSError.
    """
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        with _in_turn(descriptor):
            text = json.dumps({"time": _iso(time.time()), **line}, default=str)
            os.write(descriptor, f"{text}\n".encode())
        if "effect" in line:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _in_turn(descriptor: int) -> Iterator[None]:
    """Alone, so that lines stand in the order of their times; out of turn where a suspended writer does not let go, or
    the file system has no locks."""
    deadline = time.monotonic() + _TURN_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.001)
                continue
        except OSError:
            pass
        break
    yield
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def read(path: str) -> list:
    """The lines of a journal, none where there is no file; what a crash or a full disk has cut off is left out.

    Raises OSError.
    """
    lines = []
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for text in file:
                with contextlib.suppress(ValueError):
                    lines.append(json.loads(text))
    except FileNotFoundError:
        return []
    return lines


def short(lines: list, service: str) -> list:
    """What a run did to ``service``, an item an effect, in their order; BEGUN is one of which no end was written."""
    effects: list = []
    for line in lines:
        if line["service"] != service or "effect" not in line:
            continue
        told = {key: line[key] for key in _SHORT if key in line}
        if line["came"] != BEGUN:
            begun = [one for one in effects if _same(one, told) and one["came"] == BEGUN]
            effects = [one for one in effects if one not in begun]
        effects.append(told)
    return effects


def _same(one: dict, other: dict) -> bool:
    return all(one[key] == other[key] for key in ("step", "node", "effect"))
