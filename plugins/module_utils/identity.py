# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether two looks at a key-value service saw the same one.

An identity is what ``Store.identity`` returns: a dictionary with ``type``, so that it can travel as an Ansible
variable and stand in a record.
"""

from __future__ import annotations

from .refusal import Refusal

_SAME = {
    "postgres": ("system_identifier", "timeline", "database", "database_oid", "schema", "table"),
    "cassandra": ("cluster_name", "partitioner", "keyspace", "table", "table_id"),
}
_BOUND = {
    "postgres": ("system_identifier", "database_oid", "schema", "table"),
    "cassandra": ("cluster_name", "table_id", "keyspace", "table"),
}
_PLACE = {"postgres": "schema", "cassandra": "table_id"}
"""What is None in an identity as long as there is no timestamp table."""


def same_kvs(one: dict, other: dict) -> str | None:
    """Where two identities of a key-value service differ, as words, or None where they are one."""
    kind = one.get("type")
    if kind not in _SAME or other.get("type") != kind:
        return f"type is {other.get('type')}, and was {kind}"
    for key in _SAME[kind]:
        if one.get(key) is None or one.get(key) != other.get(key):
            return f"{key} is {other.get(key)}, and was {one.get(key)}"
    return _other_hosts(one.get("host_ids") or [], other.get("host_ids") or [])


def _other_hosts(before: list, now: list) -> str | None:
    """A cluster may have a node replaced. Of another one of the same name no node has the same id."""
    if not before or 2 * len(set(before) & set(now)) > len(before):
        return None
    return f"its nodes are {', '.join(now) or 'none'}, and were {', '.join(before)}"


def later_identity(before: dict, now: dict) -> None:
    """Refuse ``kvs-identity`` unless ``now`` is the key-value service of ``before``, and not at an earlier position."""
    difference = same_kvs(before, now)
    if difference:
        raise Refusal("kvs-identity", f"This is not the key-value service that the run began with: {difference}.")
    if int(now.get("position", 0)) < int(before.get("position", 0)):
        raise Refusal(
            "kvs-identity",
            f"The key-value service is at position {now.get('position')}, earlier than {before.get('position')}, "
            "which it had already reached: it was put back to an older state.",
        )


def bound_of(identity: dict) -> str | None:
    """What tells one bound from any other, or None where there is no timestamp table."""
    kind = identity.get("type")
    if kind not in _PLACE or identity.get(_PLACE[kind]) is None:
        return None
    return "/".join(str(identity.get(key)) for key in (*_BOUND[kind], "host_ids") if key in identity)
