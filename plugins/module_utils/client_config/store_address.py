# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's ``kvs`` options out of AtlasDB's ``keyValueService`` block."""

from __future__ import annotations

from .cassandra_address import cassandra_address
from .documents import Mapping
from .postgres_address import postgres_address
from .stated import StoreAddress
from .values import mapping_of, text_of

NOT_BUILT = ("oracle",)


def store_address(block: Mapping, runtime: Mapping | None, namespace: str | None, overrides: dict) -> StoreAddress:
    """Where the store of a ``keyValueService`` block is (facts: CassandraKeyValueServiceConfig.java,
    DbKeyValueServiceConfig.java).

    ``runtime`` is the runtime configuration's ``keyValueService``, ``namespace`` the client's own. Raises Refusal
    ``config-invalid`` for values of a wrong kind.
    """
    kind = text_of(block, "type", "keyValueService")
    if kind == "cassandra":
        return cassandra_address(block, runtime, namespace, overrides)
    if kind != "relational":
        return _unsupported(f"The key-value service type is {kind}.")
    connection = mapping_of(block, "connection", "keyValueService.connection")
    if connection is None:
        return StoreAddress(None, [("config-invalid", "keyValueService has no connection.")])
    ddl = mapping_of(block, "ddl", "keyValueService.ddl")
    database_kind = text_of(connection, "type", "connection")
    ddl_kind = text_of(ddl, "type", "ddl") if ddl else None
    if ddl_kind not in (None, database_kind):
        return StoreAddress(
            None, [("config-invalid", f"ddl is for {ddl_kind}, but connection is for {database_kind}.")]
        )
    if database_kind in NOT_BUILT:
        return _unsupported(f"The database type {database_kind} is not built yet.")
    if database_kind != "postgres":
        return _unsupported(f"The database type is {database_kind}.")
    return postgres_address(connection, ddl, runtime, overrides)


def _unsupported(found: str) -> StoreAddress:
    return StoreAddress(None, [("config-store-unsupported", found)])
