# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may act on a service: the lock in its record, whatever store the record is in."""

from __future__ import annotations

from ..proofs import Guard
from ..refusal import Refusal
from .interface import Record


class OperatorLocked(Refusal):
    """Another run has the lock: ``holder`` says which."""

    def __init__(self, found: str, holder: dict):
        super().__init__("operator-locked", found)
        self.holder = holder

    def result(self) -> dict:
        return {**super().result(), "holder": self.holder}


def describe(holder: dict | None) -> str:
    """Who holds the lock, as words."""
    if not holder:
        return "nobody"
    return (
        f"run {holder.get('run_id')} of {holder.get('user')} on {holder.get('host')}"
        f" (process {holder.get('pid')}) since {holder.get('since')}"
    )


def must_take(record: Record | None, service: str, run_id: str, take_over: str | None) -> bool:
    """Whether ``run_id`` has to take the lock: False where it has it already.

    Raises OperatorLocked where another run has it, unless ``take_over`` is that run.
    """
    holder = record.holder if record else None
    if not holder:
        return True
    if holder.get("run_id") == run_id:
        return False
    if holder.get("run_id") != take_over:
        raise OperatorLocked(f"{service} is held by {describe(holder)}.", holder)
    return True


def next_epoch(record: Record | None, above: int) -> int:
    """The epoch of who takes the lock now. A record that came back with an older copy of its store knows fewer than
    ``above``, the highest that anybody has obeyed.
    """
    return max(record.epoch if record else 0, above) + 1


def require_guard(record: Record | None, guard: Guard | None) -> None:
    """Refuse an effect unless ``guard`` has the lock; without a guard, while anybody has it."""
    holder = record.holder if record else None
    if guard is None:
        if holder:
            raise OperatorLocked(f"The service is held by {describe(holder)}.", holder)
        return
    if not holder or record.epoch != guard.epoch or holder.get("run_id") != guard.run_id:
        now = f"it is at epoch {record.epoch}" if record else "there is no record"
        raise Refusal(
            "operator-lock-lost",
            f"Run {guard.run_id} with epoch {guard.epoch} does not hold the service: {describe(holder)} does; {now}.",
        )


def released_by(guard: Guard) -> dict:
    """What stands in a record as ``released`` once ``guard`` has given the lock back."""
    return {"run_id": guard.run_id, "epoch": guard.epoch}


def noted(record: Record, guard: Guard, changes: dict, release: bool) -> Record:
    """``record`` with ``changes`` written into its document, by ``guard``. A number on record only grows."""
    document = record.document
    numbers = dict(document.get("numbers", {}))
    for name, number in changes.get("numbers", {}).items():
        numbers[name] = str(max(int(number), int(numbers.get(name, 0))))
    document = {**document, **changes, "numbers": numbers, "released": released_by(guard) if release else None}
    return Record(record.epoch, None if release else record.holder, document)
