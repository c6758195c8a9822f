# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an effect depends on, handed to it as an argument: proofs, their age, and whether they are enough.

A proof is a dictionary, so that it can travel as an Ansible variable. All have ``kind``, ``service``, ``run_id``,
``epoch`` and ``taken`` (a stamp of the controller); ``hold``, ``process``, ``kvs_sockets``,
``configured`` and ``serving`` have ``node``,
``sessions`` and ``timelock`` have ``kvs_identity``, ``timelock`` has ``namespace``, ``servers`` and
``fresh_timestamp``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from .identity import later_identity
from .refusal import Refusal

NODE_KINDS = ("hold", "process")
SERVICE_KIND = "sessions"
UNCONNECTED = "kvs_sockets"
"""That nobody on a node's host is connected to the key-value service, where that does not tell it itself."""

CONFIGURED = "configured"
"""That what was staged lies in the place of a node's configuration, and that no older process of it lives."""

SERVING = "serving"
"""That a node serves, by a process that is younger than its configuration."""


@dataclass(frozen=True)
class Guard:
    """The lock that an effect must still hold when it happens: which run, and its epoch."""

    run_id: str
    epoch: int


def _boot_clock() -> float:
    """Seconds on a clock that counts through suspend and cannot be set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def boot_id() -> str:
    """What distinguishes one boot of this machine from the next; empty where the system does not say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as source:
            return source.read().strip()
    except OSError:
        return ""


def stamp_now() -> dict:
    """The controller's time, on both clocks."""
    return {"wall": time.time(), "boot": _boot_clock(), "boot_id": boot_id()}


def later_stamp(stamp: dict, seconds: float) -> dict:
    """``stamp`` moved ``seconds`` on: what began then had by its own clock taken so long when it looked."""
    return {**stamp, "wall": stamp["wall"] + seconds, "boot": stamp["boot"] + seconds}


def since(stamp: dict) -> float | None:
    """Seconds since ``stamp``, by the clock that cannot be set; None where the machine started anew since."""
    seconds = _boot_clock() - stamp["boot"]
    return None if stamp["boot_id"] != boot_id() or seconds < 0 else seconds


def age(taken: dict) -> float:
    """Seconds since the stamp ``taken``, by the larger of the two clocks; negative where either ran backwards."""
    differences = (time.time() - taken["wall"], _boot_clock() - taken["boot"])
    if taken.get("boot_id") != boot_id() or min(differences) < 0:
        return -1.0
    return max(differences)


def guard_of(proofs: list) -> Guard | None:
    """The lock under which ``proofs`` were all taken, or None where there is none of them.

    Raises Refusal: ``operator-lock-lost`` where several runs took them, ``proof-missing`` where one names none.
    """
    guards = set()
    for proof in proofs:
        try:
            guards.add(Guard(str(proof["run_id"]), int(proof["epoch"])))
        except (KeyError, TypeError, ValueError):
            raise Refusal("proof-missing", f"{_name(proof)} does not say by which run it was taken.") from None
    if len(guards) > 1:
        runs = ", ".join(sorted(f"{guard.run_id} (epoch {guard.epoch})" for guard in guards))
        raise Refusal("operator-lock-lost", f"The proofs belong to several runs: {runs}.")
    return guards.pop() if guards else None


def _name(proof: dict) -> str:
    return f"The proof '{proof.get('kind')}' of {proof.get('node') or 'the service'}"


def _check_age(proof: dict, max_age: float) -> None:
    try:
        seconds = age(proof["taken"])
    except (KeyError, TypeError):
        raise Refusal("proof-missing", f"{_name(proof)} does not say when it was taken.") from None
    if seconds < 0:
        raise Refusal("proof-missing", f"{_name(proof)} is from another machine or boot, or a clock went back since.")
    if seconds > max_age:
        raise Refusal("proof-missing", f"{_name(proof)} is {seconds:.0f} s old; at most {max_age:.0f} s are accepted.")


def require_offline(nodes: list, proofs: list, identity: dict, max_age: float, waived: bool) -> None:
    """Refuse unless every one of ``nodes`` is proved held and gone, and then nobody had a session at the store.

    The latter is proved for the service by ``sessions``, or by ``kvs_sockets`` of each of ``nodes``. Where ``waived``
    is set a proof may be missing; one that is there is checked all the same.
    Raises Refusal: ``proof-missing`` for a node or kind without a proof, a stale one, one that never saw its node, or
    sessions looked for before the last node was held; ``kvs-identity`` for sessions looked for elsewhere.
    """
    if not nodes and not waived:
        raise Refusal("proof-missing", "No node is named, so none is proved offline.")
    given = [(proof.get("kind"), proof.get("node")) for proof in proofs]
    wanted = [(kind, node) for node in nodes for kind in NODE_KINDS]
    by_nodes = nodes and (SERVICE_KIND, None) not in given and any(kind == UNCONNECTED for kind, _node in given)
    wanted += [(UNCONNECTED, node) for node in nodes] if by_nodes else [(SERVICE_KIND, None)]
    held_at: dict = {}
    for kind, node in wanted:
        found = [proof for proof in proofs if proof.get("kind") == kind and (node is None or proof.get("node") == node)]
        if not found:
            if waived:
                continue
            raise Refusal("proof-missing", f"{_name({'kind': kind, 'node': node})} is missing.")
        proof = found[-1]
        if kind != "hold" and not proof.get("seen_before") and not waived:
            raise Refusal("proof-missing", f"{_name(proof)} counts for nothing: the same probe never saw it present.")
        _check_age(proof, max_age)
        taken = proof["taken"]["boot"]
        if kind == "hold":
            held_at[node] = taken
        if kind == UNCONNECTED and taken < held_at.get(node, taken):
            raise Refusal("proof-missing", f"{_name(proof)} is older than its hold: look again.")
        if kind == SERVICE_KIND:
            later_identity(proof.get("kvs_identity") or {}, identity)
            if held_at and taken < max(held_at.values()):
                raise Refusal("proof-missing", f"{_name(proof)} is older than the last hold: look again.")


def require_each(kind: str, nodes: list, proofs: list, max_age: float, waived: bool) -> None:
    """Refuse with ``proof-missing`` unless each of ``nodes`` has a young proof of ``kind`` among ``proofs``."""
    for node in nodes:
        found = [proof for proof in proofs if proof.get("kind") == kind and proof.get("node") == node]
        if found:
            _check_age(found[-1], max_age)
        elif not waived:
            raise Refusal("proof-missing", f"{_name({'kind': kind, 'node': node})} is missing.")


def require_timelock(proof: dict | None, identity: dict, above: int, max_age: float) -> None:
    """Refuse unless TimeLock is proved to be above ``above``.

    Raises Refusal: ``proof-missing``, ``timelock-behind`` where the fresh timestamp is not above it, or
    ``kvs-identity`` where TimeLock was fast-forwarded for another key-value service.
    """
    if not proof:
        raise Refusal("proof-missing", "There is no proof that TimeLock is above the bound.")
    try:
        fresh = int(proof["fresh_timestamp"])
    except (KeyError, TypeError, ValueError):
        raise Refusal("proof-missing", "The proof of TimeLock has no fresh timestamp.") from None
    if fresh <= above:
        raise Refusal("timelock-behind", f"TimeLock's fresh timestamp {fresh} is not above the bound {above}.")
    _check_age(proof, max_age)
    later_identity(proof.get("kvs_identity") or {}, identity)
