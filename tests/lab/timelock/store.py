# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one node keeps on disk: the highest epoch it promised to follow, and a bound for every namespace."""
from __future__ import annotations

import sqlite3


class Store:
    """Durable when a method returns: every change is committed with a full sync of the disk."""

    def __init__(self, path):
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE IF NOT EXISTS promise (only INTEGER PRIMARY KEY, epoch INTEGER NOT NULL)")
        self._database.execute("CREATE TABLE IF NOT EXISTS bound (namespace TEXT PRIMARY KEY, value INTEGER NOT NULL)")
        self._database.execute("INSERT OR IGNORE INTO promise VALUES (0, 0)")
        self.promised = self._database.execute("SELECT epoch FROM promise").fetchone()[0]
        self.bounds = dict(self._database.execute("SELECT namespace, value FROM bound ORDER BY rowid"))

    def promise(self, epoch):
        """Follow nobody with a lower epoch from now on."""
        self._database.execute("UPDATE promise SET epoch = ?", (epoch,))
        self.promised = epoch

    def raise_bound(self, namespace, value):
        """Keep the namespace, with a bound of at least this value; a bound never falls."""
        if self.bounds.get(namespace, -1) >= value:
            return
        self._database.execute("INSERT OR REPLACE INTO bound VALUES (?, ?)", (namespace, value))
        self.bounds[namespace] = value
