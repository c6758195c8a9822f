# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection's ``kvs`` options out of AtlasDB's ``keyValueService`` block."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .documents import Mapping
from .values import mapping_of, text_of

DEFAULT_PORT = 5432
OVERRIDES = (
    "hosts",
    "port",
    "user",
    "password",
    "database",
    "table_prefix",
    "ca_path",
    "client_cert",
    "client_key",
    "validate_certs",
)
"""What may be given in place of what the file says; ``host`` too, for a single one."""

NOT_BUILT = ("cassandra", "oracle")

_NAMES = {"hosts": "host", "user": "dbLogin", "password": "dbPassword", "database": "dbName"}
_PORT = re.compile(r"[0-9]{1,5}\Z")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}")
_VERIFYING = {
    "verify-ca": True,
    "verify-full": True,
    "disable": False,
    "allow": False,
    "prefer": False,
    "require": False,
}


@dataclass(frozen=True)
class StoreAddress:
    """``kvs`` as the modules take it, None where ``problems`` say why."""

    kvs: dict | None
    problems: list


def store_address(block: Mapping, runtime: Mapping | None, overrides: dict) -> StoreAddress:
    """Where the store of a ``keyValueService`` block is (facts: DbKeyValueServiceConfig.java,
    PostgresConnectionConfig.java).

    ``runtime`` is the runtime configuration's ``keyValueService``, whose ``dbPassword`` wins since 0.321.3
    (DbKeyValueServiceRuntimeConfig.java). Raises Refusal ``config-invalid`` for values of a wrong kind.
    """
    kind = text_of(block, "type", "keyValueService")
    if kind in NOT_BUILT:
        return _unsupported(f"The key-value service type {kind} is not built yet.")
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
    return _postgres(connection, ddl, runtime, overrides)


def _unsupported(found: str) -> StoreAddress:
    return StoreAddress(None, [("config-store-unsupported", found)])


def _postgres(connection: Mapping, ddl: Mapping | None, runtime: Mapping | None, overrides: dict) -> StoreAddress:
    unknown = sorted(set(overrides) - set(OVERRIDES) - {"host"})
    if unknown:
        return StoreAddress(
            None, [("config-invalid", f"No option of the key-value service is called {', '.join(unknown)}.")]
        )
    parameters = mapping_of(connection, "connectionParameters", "connection.connectionParameters")
    wandering = _search_path(parameters) if parameters else None
    if wandering:
        return _unsupported(
            f"connectionParameters sets {wandering}: the timestamp table is not where the login itself finds it."
        )
    password = text_of(runtime, "dbPassword", "the runtime keyValueService") if runtime else None
    host = text_of(connection, "host", "connection")
    kvs = {
        "hosts": [host] if host is not None else None,
        "port": text_of(connection, "port", "connection") or DEFAULT_PORT,
        "user": text_of(connection, "dbLogin", "connection"),
        "password": password if password is not None else text_of(connection, "dbPassword", "connection"),
        "database": text_of(connection, "dbName", "connection"),
        "table_prefix": (text_of(ddl, "tablePrefix", "ddl") if ddl else None) or "",
        **(_tls(parameters) if parameters else {}),
    }
    given = {"hosts" if key == "host" else key: value for key, value in overrides.items() if value is not None}
    problems = _encrypted({key: value for key, value in kvs.items() if key not in given})
    kvs.update(given)
    if isinstance(kvs["hosts"], str):
        kvs["hosts"] = [kvs["hosts"]]
    problems += _missing(kvs)
    return StoreAddress(None if problems else {"type": "postgres", **kvs, "port": int(kvs["port"])}, problems)


def _encrypted(said: dict) -> list:
    """What the file says by placeholders, which only the service itself can resolve."""
    texts = {key: " ".join(value) if isinstance(value, list) else str(value) for key, value in said.items()}
    return [
        ("config-secret-encrypted", f"{_NAMES.get(key, key)} of the key-value service is encrypted or a placeholder.")
        for key, text in texts.items()
        if _PLACEHOLDER.search(text)
    ]


def _missing(kvs: dict) -> list:
    problems = [
        ("config-invalid", f"keyValueService.connection has no {name}.")
        for key, name in _NAMES.items()
        if kvs[key] in (None, "", [], [""])
    ]
    port = str(kvs["port"])
    if not (_PORT.match(port) and 0 < int(port) < 65536) and not _PLACEHOLDER.search(port):
        problems.append(("config-invalid", f"The port {port} of the key-value service is not one."))
    return problems


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
