# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a service's configuration files to the same files with another namespace of TimeLock."""

from __future__ import annotations

from ..refusal import Refusal
from .blocks import find_install
from .documents import parse
from .edits import edited
from .namespaces import OVERRIDE, why_illegal
from .plans import Plan, unsafe
from .proofs import proved
from .reading import TIMELOCK, read_config
from .transform import Transformed, diff
from .values import mapping_of, text_of
from .versions import parse_version

NAMESPACE_SINCE = (0, 55, 0)
"""From here on a client has a namespace, apart from timelock.client."""

OWN_OF_STORE_SINCE = (0, 575, 0)
"""From here on a relational key-value service may be given a namespace that is not its database's name."""


def to_namespace(
    install_text: str,
    runtime_text: str | None,
    namespace: str,
    *,
    version: str,
    root: str | None = None,
    runtime_root: str | None = None,
) -> Transformed:
    """The files of a node on TimeLock with ``namespace`` as its namespace there, and the same key-value service.

    A relational store is told the name too, since AtlasDB wants both to be the same; a keyspace cannot be, so that
    there the configuration must allow them to differ. Nothing else changes, and nothing for a node that has that
    namespace, or is not on TimeLock. Raises Refusal: ``config-namespace-illegal``, ``config-namespace-mismatch``,
    ``config-client-too-old``, ``config-version-unknown``, ``config-invalid``.
    """
    where = {"root": root, "runtime_root": runtime_root, "version": version or None}
    before = read_config(install_text, runtime_text, **where)
    illegal = why_illegal(namespace)
    if illegal:
        raise Refusal("config-namespace-illegal", illegal)
    if before.mode != TIMELOCK or before.namespace == namespace:
        return Transformed(install_text, runtime_text, [], "", [])
    numbers = parse_version(version)
    if numbers < NAMESPACE_SINCE:
        raise Refusal("config-client-too-old", f"AtlasDB {version} has no namespace in its configuration.")
    plan = _planned(install_text, root, namespace, before.store, numbers)
    text = edited(plan)
    after = proved(plan, text)
    _require_same_store(before, read_config(text, runtime_text, **where), namespace)
    summary = [f"namespace {namespace} instead of {before.namespace}."]
    return Transformed(text, runtime_text, ["install"], diff("install", plan.document, after), summary)


def _planned(install_text: str, root: str | None, namespace: str, store: str | None, version: tuple) -> Plan:
    document = parse(install_text)
    plan, block = Plan(document), find_install(document, root)
    kvs = mapping_of(block.node, "keyValueService", "keyValueService")
    timelock = mapping_of(block.node, "timelock", "timelock")
    plan.put(block, "namespace", namespace)
    if timelock is not None and timelock.get("client") is not None:
        plan.put_within(block, "timelock", "client", namespace)
    may_differ = text_of(block.node, OVERRIDE, "the AtlasDB block") == "true"
    if not may_differ and store == "relational" and version >= OWN_OF_STORE_SINCE and kvs is not None:
        plan.put_within(block, "keyValueService", "namespace", namespace)
    return plan


def _require_same_store(before, after, namespace: str) -> None:
    for code, found in after.problems:
        if code == "config-namespace-mismatch":
            raise Refusal(code, found, _MAY_DIFFER)
        raise Refusal(code, found)
    if after.kvs != before.kvs:
        found = f"The key-value service has its name from the namespace, and would be another one as {namespace}."
        raise Refusal("config-namespace-mismatch", found, "Write its keyspace or dbName down in every node's file.")
    if (after.mode, after.namespace) != (TIMELOCK, namespace):
        raise unsafe("the outcome would have another namespace.")


_MAY_DIFFER = (
    f"AtlasDB allows that where {OVERRIDE} is true (0.381.0 and later): write that into every node's file first, or"
    " give the key-value service the new name."
)
