# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The proof that an edited text means what its plan says, and is otherwise the text that it was."""

from __future__ import annotations

from ..refusal import Refusal
from .documents import Alias, Document, Mapping, Node, Scalar, Sequence, parse
from .edits import lines_of
from .plans import Plan, unsafe
from .rendering import flow


def proved(plan: Plan, text: str) -> Document:
    """The parsed ``text``. Raises Refusal ``config-invalid`` unless its structure is the old one with the plan's
    changes, all anchors, tags, quoting of values and order included, and every line that the plan does not touch
    is there unchanged.
    """
    try:
        result = parse(text)
    except Refusal as refusal:
        raise unsafe(f"the outcome would be refused. {refusal.found}") from None
    if _meaning(result.root, Plan(result)) != _meaning(plan.document.root, plan):
        raise unsafe("the outcome would not mean what it should.")
    if result.bom != plan.document.bom or not _untouched_lines_stay(plan, result):
        raise unsafe("the outcome would change other lines.")
    return result


def _meaning(node: Node | None, plan: Plan) -> tuple:
    """A value to compare: what ``node`` is once ``plan`` is carried out."""
    root = node is plan.document.root
    if root and plan.appended and not isinstance(node, Mapping):
        return "mapping", None, None, _pairs(plan.appended)
    if node is None:
        return ("nothing",)
    if isinstance(node, Alias):
        return "alias", node.anchor
    if isinstance(node, Scalar):
        return "scalar", node.anchor, node.tag, node.plain, node.value
    if isinstance(node, Sequence):
        return "sequence", node.anchor, node.tag, tuple(_meaning(item, plan) for item in node.items)
    gone = {id(entry) for _mapping, entry in plan.removed}
    filled = {id(entry): value for _mapping, entry, value in plan.filled}
    pairs = _pairs({key: value for owner, key, value in plan.added if owner is node})
    for entry in node.entries:
        if id(entry) not in gone:
            value = _intended(filled[id(entry)]) if id(entry) in filled else _meaning(entry.value, plan)
            pairs += ((_key(entry.key, plan), value),)
    if root:
        pairs += _pairs(plan.appended)
    return "mapping", node.anchor, node.tag, pairs


def _key(node: Node, plan: Plan) -> tuple:
    return ("key", node.anchor, node.value) if isinstance(node, Scalar) else _meaning(node, plan)


def _pairs(value: dict) -> tuple:
    return tuple((("key", None, key), _intended(item)) for key, item in value.items())


def _intended(value) -> tuple:
    if isinstance(value, dict):
        return "mapping", None, None, _pairs(value)
    if isinstance(value, list):
        return "sequence", None, None, tuple(_intended(item) for item in value)
    return "scalar", None, None, not isinstance(value, str), value if isinstance(value, str) else flow(value)


def _untouched_lines_stay(plan: Plan, result: Document) -> bool:
    before = plan.document
    touched = set()
    for mapping, entry in plan.removed:
        touched.update(lines_of(before, entry))
        touched.update(_lines_of_flow(before, mapping))
    for mapping, _key, _value in plan.added:
        touched.update(_lines_of_flow(before, mapping))
    for mapping, entry, _value in plan.filled:
        touched.add(before.line(entry.key.start))
        touched.update(_lines_of_flow(before, mapping))
    lines = before.lines()
    kept = [line for number, line in enumerate(lines) if number not in touched]
    if kept and len(lines) - 1 not in touched:
        kept.pop()
        kept.append(lines[-1].rstrip("\r\n"))
    after = iter(result.lines())
    return all(any(line == candidate or line == candidate.rstrip("\r\n") for candidate in after) for line in kept)


def _lines_of_flow(document: Document, mapping: Mapping) -> range:
    first = document.line(mapping.start)
    return range(first, document.line(mapping.end - 1) + 1) if mapping.flow else range(0)
