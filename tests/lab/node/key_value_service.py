# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `keyValueService` block of a configuration: where a node keeps its data.

Sources: CassandraKeyValueServiceConfig, CassandraServersConfigs, DbKeyValueServiceConfig (AtlasDB 0.905.0), and the
release notes for what an older client's own migration does.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.node.failures import ConfigurationRefused

CASSANDRA_MIGRATION_SINCE = (0, 32, 0)
RELATIONAL_MIGRATION_SINCE = (0, 253, 2)
CQL_PORT = 9042

Host = tuple[str, int]


@dataclass(frozen=True)
class RelationalService:
    """`namespace` is the service's by this block alone; `invalidates`: whether the client migrates by itself."""

    connection: dict
    table_prefix: str
    namespace: str
    invalidates: bool
    kind: str = "relational"


@dataclass(frozen=True)
class CassandraService:
    """`thrift` and `cql` are the addresses that a client holds connections to; either may be empty.

    `keyspace` is the one in use, `namespace` the one that stands in this block, None where there is none. With `tls`
    it connects by `trust_store` and `key_store`.
    """

    thrift: tuple[Host, ...]
    cql: tuple[Host, ...]
    keyspace: str
    user: str
    password: str
    namespace: str | None
    invalidates: bool
    tls: bool = False
    trust_store: str = ""
    key_store: str = ""
    kind: str = "cassandra"

    @property
    def contact_points(self) -> tuple[Host, ...]:
        """Where CQL is spoken: at the usual port of the Thrift hosts unless the configuration says where."""
        return self.cql or tuple((host, CQL_PORT) for host, _port in self.thrift)


def interpret(
    block: dict, namespace: str | None, version: tuple[int, int, int]
) -> RelationalService | CassandraService:
    """What `block` means in a configuration with this `namespace`. Raises ConfigurationRefused."""
    kind = block.get("type")
    if kind == "relational" and "connection" in block:
        return RelationalService(
            connection=block["connection"],
            table_prefix=(block.get("ddl") or {}).get("tablePrefix", ""),
            namespace=block.get("namespace") or block["connection"]["dbName"],
            invalidates=version >= RELATIONAL_MIGRATION_SINCE,
        )
    if kind == "cassandra":
        return _cassandra(block, namespace, version)
    raise ConfigurationRefused(f"This service has no key-value service of type {kind}")


def _cassandra(block: dict, namespace: str | None, version: tuple[int, int, int]) -> CassandraService:
    keyspace = block.get("keyspace")
    if not keyspace and not namespace:
        raise ConfigurationRefused(
            "Either the atlas root-level namespace or the keyspace/dbName/sid config needs to be set."
        )
    servers = block.get("servers") or []
    cql_capable = isinstance(servers, dict)
    credentials = block.get("credentials") or {}
    ssl = block.get("sslConfiguration")
    return CassandraService(
        thrift=_hosts(servers.get("thriftHosts", []) if cql_capable else servers),
        cql=_hosts(servers.get("cqlHosts", []) if cql_capable else []),
        keyspace=keyspace or namespace,
        user=credentials.get("username", ""),
        password=credentials.get("password", ""),
        namespace=keyspace,
        invalidates=version >= CASSANDRA_MIGRATION_SINCE,
        tls=block.get("ssl", ssl is not None),
        trust_store=(ssl or {}).get("trustStorePath", ""),
        key_store=(ssl or {}).get("keyStorePath", ""),
    )


def _hosts(servers: list[str]) -> tuple[Host, ...]:
    pairs = [server.rpartition(":") for server in servers]
    return tuple((host, int(port)) for host, _colon, port in pairs)
