# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which namespaces TimeLock can serve, and which one a configuration means."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .documents import Mapping
from .values import mapping_of, text_of

RESERVED = ("leader", "tl", "lw", "lk", "leaderPaxos")
LONGEST = 100
OVERRIDE = "enableNonstandardAndPossiblyErrorProneTopologyAllowDifferentKvsAndTimelockNamespaces"

_LEGAL = re.compile(r"[a-zA-Z0-9_-]+\Z")


@dataclass(frozen=True)
class Namespace:
    """``name`` is what the client asks TimeLock for, None where nothing says; ``explicit`` that ``namespace`` is
    written down.
    """

    name: str | None
    explicit: bool
    problems: list


def why_illegal(name: str) -> str | None:
    """Why TimeLock cannot serve ``name``, as a sentence, or None. Source: TimelockNamespaces.java, 0.1175.0."""
    if not _LEGAL.match(name):
        return f"The namespace {name!r} holds other characters than letters, digits, _ and -."
    if len(name) > LONGEST:
        return f"The namespace {name} is {len(name)} characters long."
    if name in RESERVED:
        return f"The namespace {name} is one that TimeLock keeps for itself."
    return None


def store_namespace(kvs: Mapping) -> str | None:
    """What the key-value service's own block says: namespace, else keyspace, dbName or sid
    (DbKeyValueServiceConfig.java).
    """
    found = _first(text_of(kvs, "namespace", "keyValueService"), text_of(kvs, "keyspace", "keyValueService"))
    connection = mapping_of(kvs, "connection", "keyValueService.connection")
    if found is not None or connection is None:
        return found
    by_name = mapping_of(connection, "serviceNameConfiguration", "connection.serviceNameConfiguration")
    return _first(
        text_of(connection, "dbName", "connection"),
        text_of(connection, "sid", "connection"),
        text_of(by_name, "namespaceOverride", "serviceNameConfiguration") if by_name else None,
    )


def namespace_of(install: Mapping) -> Namespace:
    """The namespace of an install block, with the client's own objections to it (AtlasDbConfig.check, rules 7 to
    13).
    """
    kvs = mapping_of(install, "keyValueService", "keyValueService")
    timelock = mapping_of(install, "timelock", "timelock")
    written = text_of(install, "namespace", "the AtlasDB block")
    of_store = store_namespace(kvs) if kvs else None
    client = text_of(timelock, "client", "timelock") if timelock else None
    name = _first(written, client, of_store)
    if name is None:
        return Namespace(None, False, [("config-invalid", "Neither namespace nor keyspace, dbName or sid is set.")])
    problems = []
    if of_store not in (None, name) and text_of(install, OVERRIDE, "the AtlasDB block") != "true":
        said = "namespace" if written is not None else "timelock.client"
        problems.append(
            ("config-namespace-mismatch", f"{said} is {name!r}, but the key-value service's own name is {of_store!r}.")
        )
    if client not in (None, name):
        problems.append(("config-namespace-mismatch", f"namespace is {name!r}, but timelock.client is {client!r}."))
    illegal = why_illegal(name)
    if illegal is None and "-" in name and kvs and text_of(kvs, "type", "keyValueService") == "cassandra":
        illegal = f"The namespace {name} holds a -, which a keyspace of Cassandra cannot."
    if illegal:
        problems.append(("config-namespace-illegal", illegal))
    return Namespace(name, written is not None, problems)


def _first(*candidates: str | None) -> str | None:
    return next((candidate for candidate in candidates if candidate is not None), None)
