# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a DbKVS on PostgreSQL is, by its ``connection`` block (PostgresConnectionConfig.java)."""

from __future__ import annotations

from .documents import Mapping
from .stated import Options, StoreAddress
from .values import mapping_of, text_of

DEFAULT_PORT = 5432

OPTIONS = Options(
    kind="postgres",
    names=("hosts", "port", "user", "password", "database", "table_prefix"),
    needed={
        "hosts": ("keyValueService.connection", "host"),
        "user": ("keyValueService.connection", "dbLogin"),
        "password": ("keyValueService.connection", "dbPassword"),
        "database": ("keyValueService.connection", "dbName"),
    },
    ports=("port",),
)

_VERIFYING = {
    "verify-ca": True,
    "verify-full": True,
    "disable": False,
    "allow": False,
    "prefer": False,
    "require": False,
}


def postgres_address(
    connection: Mapping, ddl: Mapping | None, runtime: Mapping | None, overrides: dict
) -> StoreAddress:
    """``runtime`` is the runtime configuration's ``keyValueService``, whose ``dbPassword`` wins since 0.321.3
    (DbKeyValueServiceRuntimeConfig.java).
    """
    parameters = mapping_of(connection, "connectionParameters", "connection.connectionParameters")
    wandering = _search_path(parameters) if parameters else None
    if wandering:
        found = f"connectionParameters sets {wandering}: the timestamp table is not where the login itself finds it."
        return StoreAddress(None, [("config-store-unsupported", found)])
    password = text_of(runtime, "dbPassword", "the runtime keyValueService") if runtime else None
    host = text_of(connection, "host", "connection")
    said = {
        "hosts": [host] if host is not None else None,
        "port": text_of(connection, "port", "connection") or DEFAULT_PORT,
        "user": text_of(connection, "dbLogin", "connection"),
        "password": password if password is not None else text_of(connection, "dbPassword", "connection"),
        "database": text_of(connection, "dbName", "connection"),
        "table_prefix": (text_of(ddl, "tablePrefix", "ddl") if ddl else None) or "",
        **(_tls(parameters) if parameters else {}),
    }
    return OPTIONS.address(said, overrides)


def _search_path(parameters: Mapping) -> str | None:
    if text_of(parameters, "currentSchema", "connectionParameters") is not None:
        return "currentSchema"
    options = text_of(parameters, "options", "connectionParameters")
    return "options with a search_path" if options and "search_path" in options else None


def _tls(parameters: Mapping) -> dict:
    """TLS as the PostgreSQL JDBC driver is told; paths are the node's, and a key in DER form is none for other
    drivers.
    """
    told = {
        "ca_path": text_of(parameters, "sslrootcert", "connectionParameters"),
        "client_cert": text_of(parameters, "sslcert", "connectionParameters"),
        "client_key": text_of(parameters, "sslkey", "connectionParameters"),
        "validate_certs": _VERIFYING.get(text_of(parameters, "sslmode", "connectionParameters") or ""),
    }
    if (text_of(parameters, "sslfactory", "connectionParameters") or "").endswith("NonValidatingFactory"):
        told["validate_certs"] = False
    if told["validate_certs"] is None and text_of(parameters, "ssl", "connectionParameters") == "true":
        told["validate_certs"] = True
    return {key: value for key, value in told.items() if value is not None}
