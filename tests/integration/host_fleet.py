# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services on hosts of their own as one test's fleet, driven over SSH by a user who is not root."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

import hosts_here
from fleet import Fleet
from lab.hosts.lab import HostLab


class HostFleet(Fleet):
    """As any fleet; its nodes are units of systemd on hosts."""

    def write(self, change: Callable[[dict], object] = lambda everything: None) -> None:
        everything = self.lab.inventory(self.services)
        change(everything)
        self.inventory.write_text(yaml.safe_dump({"all": everything}, sort_keys=False))


@contextlib.contextmanager
def host_fleet(folder: Path, services: dict[str, int], rate: float = 10, **more) -> Iterator[HostFleet]:
    """A fleet under load, with TimeLock on three hosts; what is in the block runs inside the hosts' network."""
    hosts_here.require()
    lab = HostLab.up(folder / "lab", services, **more)
    try:
        with lab.inside():
            made = HostFleet(lab, folder / "fleet", list(lab.services.values()))
            made.load(rate)
            made.await_more_timestamps(3)
            yield made
    finally:
        lab.down()
