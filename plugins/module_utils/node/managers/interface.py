# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service manager is to the collection."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class State:
    """What a manager says, to be believed only as far as /proc agrees.

    ``words``: for people. ``main``: numbers of the processes that it calls the service's. ``others``: of those that
    it counts as belonging to them. ``active``: it would have something to stop. ``coming``: it is about to start the
    service by itself. ``pid_files``: when each was written (ns), by its name.
    """

    words: str
    main: set[int]
    others: set[int]
    active: bool
    coming: bool
    pid_files: dict[str, int] = field(default_factory=dict)


class Manager:
    """One service, as its manager sees it.

    ``start`` and ``stop`` are argument lists, run in ``folder``; ``start_ends`` says whether nothing of ``start``
    stays behind as part of the service, so that its words can be kept.
    """

    start: list[str]
    stop: list[str]
    folder = "/"
    start_ends = False

    def state(self, remembered: dict | None) -> State:
        """``remembered``: what was seen of the service earlier, or None. Raises Refusal probe-blind if it cannot
        look."""
        raise NotImplementedError

    def has_barrier(self, marker: str) -> bool:
        """Whether the manager itself would refuse to start the service while ``marker`` exists, or cannot be told
        to."""
        return True

    def install_barrier(self, marker: str) -> None:
        """Tell it to. Raises Refusal config-not-writable."""

    def remove_barrier(self) -> bool:
        """Take that back; whether there was anything to."""
        return False
