# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the collection keeps its own files: beside the configuration file that they are about."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Beside:
    """The names beside the configuration file ``path`` (absolute)."""

    path: str

    @property
    def folder(self) -> str:
        return os.path.dirname(self.path)

    @property
    def _prefix(self) -> str:
        return os.path.join(self.folder, f".{os.path.basename(self.path)}.timelock-")

    @property
    def lock(self) -> str:
        """Locked while a module with effects works; never removed, since a lock on a removed file guards nothing."""
        return self._prefix + "lock"

    @property
    def epoch(self) -> str:
        """The highest epoch that this node has obeyed."""
        return self._prefix + "epoch"

    @property
    def marker(self) -> str:
        """There while the node is held."""
        return self._prefix + "held"

    @property
    def switched(self) -> str:
        """The record of the last time that a file was switched in, or put back."""
        return self._prefix + "switched"

    @property
    def staged(self) -> str:
        return self._prefix + "staged"

    @property
    def staged_about(self) -> str:
        return self._prefix + "staged.json"

    @property
    def next(self) -> str:
        """What is about to be renamed over the configuration file."""
        return self._prefix + "next"

    def kept(self, sha256: str) -> str:
        """The original with this hash."""
        return self._prefix + "kept-" + sha256[:16]

    @staticmethod
    def unfinished(target: str) -> str:
        """What is written before it is renamed to ``target``."""
        return target + ".new"

    def leftovers(self) -> list[str]:
        """What a killed module may have left half written."""
        return sorted(glob.glob(glob.escape(self._prefix) + "*.new") + glob.glob(glob.escape(self.next)))
