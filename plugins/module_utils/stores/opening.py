# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the options ``kvs`` to the store that they name."""

from __future__ import annotations

from ..refusal import Refusal
from .interface import Store
from .postgres import PostgresStore


def open_store(kvs: dict) -> Store:
    """The store that ``kvs`` describes (options of modules, see arguments.KVS), connected.

    Raises Refusal: ``config-store-unsupported`` for a type that is not built, else what the store itself refuses.
    """
    if kvs["type"] == "postgres":
        return PostgresStore(kvs)
    if kvs["type"] == "cassandra":
        # The driver takes a third of a second to import, which a fleet on PostgreSQL need not wait for.
        from .cassandra import CassandraStore

        return CassandraStore(kvs)
    raise Refusal("config-store-unsupported", f"The key-value service type {kvs['type']} is not built yet.")
