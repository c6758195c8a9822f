# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a CassandraKVS is, in every shape that its configuration has had (CassandraKeyValueServiceConfig.java,
CassandraServersConfigs.java).
"""

from __future__ import annotations

from ..refusal import Refusal
from .documents import Mapping, Sequence
from .stated import PLACEHOLDER, Options, StoreAddress
from .values import mapping_of, text_of, texts_of

CQL_PORT = "9042"
THRIFT_PORT = "9160"

OPTIONS = Options(
    kind="cassandra",
    names=("hosts", "port", "thrift_port", "user", "password", "service_login", "keyspace", "tls"),
    needed={"hosts": ("keyValueService", "servers"), "keyspace": ("keyValueService", "keyspace")},
    ports=("port", "thrift_port"),
)


def cassandra_address(block: Mapping, runtime: Mapping | None, namespace: str | None, overrides: dict) -> StoreAddress:
    """``runtime`` is the runtime configuration's ``keyValueService``, whose servers win; without a keyspace of its own
    the store's is the client's ``namespace`` (since 0.55.0).
    """
    servers = _servers(runtime, "the runtime keyValueService") if runtime else None
    hosts, port, thrift_port = servers or _servers(block, "keyValueService") or (None, CQL_PORT, THRIFT_PORT)
    credentials = mapping_of(block, "credentials", "keyValueService.credentials")
    user = text_of(credentials, "username", "credentials") if credentials else None
    password = text_of(credentials, "password", "credentials") if credentials else None
    said = {
        "hosts": hosts,
        "port": port,
        "thrift_port": thrift_port,
        "user": user,
        "password": password,
        "service_login": _in_the_open(user, password),
        "keyspace": text_of(block, "keyspace", "keyValueService")
        or text_of(block, "namespace", "keyValueService")
        or namespace,
        "tls": _tls(block),
    }
    return OPTIONS.address(said, overrides)


def _servers(block: Mapping, name: str) -> tuple | None:
    """Hosts, CQL port and Thrift port, None where the block names no servers."""
    found = block.get("servers")
    if found is None:
        return None
    if isinstance(found, Sequence):
        hosts, thrift = _split(texts_of(block, "servers", name), "servers")
        return hosts, CQL_PORT, thrift or THRIFT_PORT
    servers = mapping_of(block, "servers", "servers")
    kind = text_of(servers, "type", "servers")
    if kind not in (None, "thrift", "cqlCapable", "default"):
        raise Refusal("config-invalid", f"The type {kind} of servers in {name} is none that AtlasDB has.")
    if servers.get("hosts") is not None:
        return (
            texts_of(servers, "hosts", "servers"),
            text_of(servers, "cqlPort", "servers") or CQL_PORT,
            text_of(servers, "thriftPort", "servers") or THRIFT_PORT,
        )
    by_thrift, thrift = _split(texts_of(servers, "thriftHosts", "servers"), "thriftHosts")
    by_cql, cql = _split(texts_of(servers, "cqlHosts", "servers"), "cqlHosts")
    return by_cql or by_thrift, cql or CQL_PORT, thrift or THRIFT_PORT


def _split(entries: list, name: str) -> tuple:
    """The hosts of ``host:port`` entries, and the port that they share, None where none is written."""
    pairs = [
        entry.rpartition(":") if not entry.endswith("]") and ":" in entry else (entry, "", "") for entry in entries
    ]
    ports = {port for _host, _colon, port in pairs}
    if len(ports) > 1:
        raise Refusal("config-invalid", f"The entries of {name} have several ports: {', '.join(sorted(ports))}.")
    return [host.strip("[]") for host, _colon, _port in pairs], (ports.pop() if ports else None) or None


def _in_the_open(user: str | None, password: str | None) -> dict | None:
    """The service's own login, whichever the collection uses. One that is encrypted is known to the service alone."""
    if not user or not password or PLACEHOLDER.search(user + password):
        return None
    return {"username": user, "password": password}


def _tls(block: Mapping) -> bool:
    """Whether the client encrypts: ``ssl`` says so, else that there is an ``sslConfiguration``."""
    told = text_of(block, "ssl", "keyValueService")
    return told == "true" if told is not None else block.get("sslConfiguration") is not None
