# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan carried out on the text, by positions: what no change names keeps its every byte."""

from __future__ import annotations

import re

from .documents import LINE_BREAK, Document, Entry, Mapping
from .plans import Plan, unsafe
from .rendering import STEP, block_lines, flow

_PROPERTIES_AND_BRACE = re.compile(r"(?:[&!]\S*\s+)*\{")
_BLANKS_AND_COMMENTS = re.compile(r"(?:\s|(?<=\s)#[^\r\n]*)*")


def edited(plan: Plan) -> str:
    """The document's text with ``plan`` carried out.

    New keys stand at the beginning of their block, above the comments of what was first there; the comments
    inside of a removed key go with it, those above and below stay. Raises Refusal ``config-invalid`` for text
    that cannot be changed safely.
    """
    document = plan.document
    edits = []
    for mapping in _unique(plan.removed):
        gone = [entry for owner, entry in plan.removed if owner is mapping]
        if mapping.flow:
            edits += _flow_removals(document, mapping, gone)
        else:
            edits += [_block_removal(document, entry) for entry in gone]
    for mapping in _unique(plan.added):
        new = {key: value for owner, key, value in plan.added if owner is mapping}
        edits.append((_flow_addition if mapping.flow else _block_addition)(document, mapping, new))
    for mapping, entry, value in plan.filled:
        edits += _filling(document, mapping, entry, value)
    if plan.appended:
        edits.append(_appendix(document, plan.appended))
    pieces, at = [], 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        if start < at:
            raise unsafe("what is to change overlaps.")
        pieces += [document.text[at:start], new]
        at = end
    return document.bom + "".join(pieces) + document.text[at:]


def lines_of(document: Document, entry: Entry) -> range:
    """The lines that belong to an entry of a block: its own, and the comments right below that are indented
    deeper than its key.
    """
    first = document.line(entry.key.start)
    last = document.line(_end(entry))
    depth = entry.key.start - document.line_start(first)
    after = last + 1
    while document.line_start(after) < len(document.text):
        line = document.line_text(after)
        words = line.strip()
        if words.startswith("#") and len(line) - len(line.lstrip(" ")) > depth:
            last = after
        elif words:
            break
        after += 1
    return range(first, last + 1)


def _unique(changes: list) -> list:
    return list({id(change[0]): change[0] for change in changes}.values())


def _indent(document: Document, offset: int) -> str:
    indent = document.text[document.line_start(document.line(offset)) : offset]
    if indent.strip(" "):
        raise unsafe(f"in line {document.line(offset) + 1} something stands before the key.")
    return indent


def _block_removal(document: Document, entry: Entry) -> tuple:
    _indent(document, entry.key.start)
    lines = lines_of(document, entry)
    return document.line_start(lines.start), document.line_start(lines.stop), ""


def _block_addition(document: Document, mapping: Mapping, new: dict) -> tuple:
    first = mapping.entries[0].key.start
    indent = _indent(document, first)
    line = document.line(first)
    if mapping is not document.root:
        while document.line_text(line - 1).strip()[:1] in ("", "#"):
            line -= 1
    at = document.line_start(line)
    return at, at, "".join(text + document.line_break for text in block_lines(new, indent))


def _flow_removals(document: Document, mapping: Mapping, gone: list) -> list:
    entries = list(mapping.entries)
    last = None
    while entries and entries[-1] in gone:
        last = entries.pop()
    edits = []
    if last is not None:
        start = _end(entries[-1]) if entries else last.key.start
        if "#" in document.text[start : last.key.start]:
            start = last.key.start
        edits.append((start, _end(mapping.entries[-1]), ""))
    for entry in entries:
        if entry in gone:
            edits.append(_flow_removal(document, entry))
    return edits


def _end(entry: Entry) -> int:
    return max(entry.value.end, entry.key.end)


def _flow_removal(document: Document, entry: Entry) -> tuple:
    text, start = document.text, entry.key.start
    comma = _BLANKS_AND_COMMENTS.match(text, _end(entry)).end()
    if text[comma : comma + 1] != ",":
        raise unsafe(f"no comma follows {entry.key.value}.")
    end = comma + 1
    while text[end : end + 1] in (" ", "\t"):
        end += 1
    line_start = document.line_start(document.line(start))
    newline = LINE_BREAK.match(text, end)
    if newline and not text[line_start:start].strip():
        return line_start, newline.end(), ""
    return start, end, ""


def _flow_addition(document: Document, mapping: Mapping, new: dict) -> tuple:
    brace = _PROPERTIES_AND_BRACE.match(document.text, mapping.start)
    if not brace:
        raise unsafe(f"the block in line {document.line(mapping.start) + 1} does not begin with a brace.")
    pairs = [f"{flow(key)}: {flow(value)}" for key, value in new.items()]
    if not mapping.entries:
        return brace.end(), brace.end(), ", ".join(pairs)
    first = mapping.entries[0].key.start
    between = document.text[brace.end() : first]
    if LINE_BREAK.search(between) and not between.strip():
        at = document.line_start(document.line(first))
        indent = document.text[at:first]
        return at, at, "".join(f"{indent}{pair},{document.line_break}" for pair in pairs)
    return brace.end(), brace.end(), "".join(f"{pair}, " for pair in pairs)


def _filling(document: Document, mapping: Mapping, entry: Entry, value) -> list:
    text = document.text
    colon = _BLANKS_AND_COMMENTS.match(text, entry.key.end).end()
    if text[colon : colon + 1] != ":" or entry.value.anchor:
        raise unsafe(f"{entry.key.value} in line {document.line(entry.key.start) + 1} has an unusual form.")
    end = entry.value.end if entry.value.value else colon + 1
    if mapping.flow or not value or not isinstance(value, dict):
        return [(colon + 1, end, f" {flow(value)}")]
    indent = _indent(document, entry.key.start) + STEP
    at = document.line_start(document.line(end - 1) + 1)
    edits = [_whole_lines(document, at, block_lines(value, indent))]
    return edits if end == colon + 1 else [(colon + 1, end, ""), *edits]


def _appendix(document: Document, new: dict) -> tuple:
    root = document.root
    indent = _indent(document, root.entries[0].key.start) if isinstance(root, Mapping) else ""
    return _whole_lines(document, document.end, block_lines(new, indent))


def _whole_lines(document: Document, at: int, lines: list) -> tuple:
    """Lines put in at the start of a line, or after a last line that has no ending, which the new last line then
    has not either.
    """
    line_break = document.line_break
    unended = at == len(document.text) and at > 0 and document.line_start(document.line(at)) != at
    return at, at, line_break + line_break.join(lines) if unended else "".join(line + line_break for line in lines)
