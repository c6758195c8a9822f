# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A YAML file as a tree whose every node knows where it stands in the text, so that a file can change only where
it must.

Events are read with PyYAML, on libyaml where that is there: the grammar that AtlasDB's own reader (SnakeYAML) has
too, and 20 times faster than parsing in Python.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field

from ..refusal import Refusal

try:
    import yaml
except ImportError:
    yaml = None

BOM = "\ufeff"
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line in YAML 1.1."""

_NULLS = ("", "~", "null", "Null", "NULL")
_DEEPEST = 100


@dataclass(eq=False)
class Node:
    """``start`` and ``end`` are offsets into the document's text: of the first character, and after the last."""

    start: int
    end: int
    anchor: str | None
    tag: str | None


@dataclass(eq=False)
class Scalar(Node):
    """``value`` is the text as YAML reads it; ``plain`` tells that it is not quoted, so that it may be a number
    or null.
    """

    value: str
    plain: bool


@dataclass(eq=False)
class Sequence(Node):
    flow: bool
    items: list = field(default_factory=list)


@dataclass(eq=False)
class Alias(Node):
    """``*name``; ``anchor`` is the name, ``target`` the node that it stands for."""

    target: Node


@dataclass(eq=False)
class Entry:
    key: Node
    value: Node


@dataclass(eq=False)
class Mapping(Node):
    flow: bool
    entries: list = field(default_factory=list)

    def entry(self, name: str) -> Entry | None:
        """The entry whose key is ``name``, quoted or not."""
        for entry in self.entries:
            if isinstance(entry.key, Scalar) and entry.key.value == name:
                return entry
        return None

    def names(self) -> list:
        """The keys that are single values, which is all that AtlasDB's options have."""
        return [entry.key.value for entry in self.entries if isinstance(entry.key, Scalar)]

    def get(self, name: str) -> Node | None:
        """The value of ``name`` with aliases followed; None where the key is absent or its value is null."""
        entry = self.entry(name)
        value = resolved(entry.value) if entry else None
        return None if value is None or is_null(value) else value


@dataclass(eq=False)
class Document:
    """One YAML document. ``text`` is the file's without its byte order mark, which ``bom`` holds; ``root`` is
    None in an empty file.

    ``end`` is where the document's content may be continued: the end of the text, or its ``...``.
    """

    text: str
    bom: str
    root: Node | None
    end: int
    aliases: list

    def __post_init__(self):
        self._starts = [0] + [found.end() for found in LINE_BREAK.finditer(self.text)]

    @property
    def line_break(self) -> str:
        """The first line's ending, or a newline."""
        found = LINE_BREAK.search(self.text)
        return found.group() if found else "\n"

    def line(self, offset: int) -> int:
        """The number of the line that ``offset`` stands in, from 0."""
        return bisect.bisect_right(self._starts, offset) - 1

    def line_start(self, number: int) -> int:
        """The offset at which a line begins; the end of the text for lines after the last."""
        return self._starts[number] if number < len(self._starts) else len(self.text)

    def line_text(self, number: int) -> str:
        """A line with its ending."""
        return self.text[self.line_start(number) : self.line_start(number + 1)]

    def lines(self) -> list:
        """All lines with their endings."""
        return [self.line_text(number) for number in range(len(self._starts))]


def is_null(node: Node) -> bool:
    """Whether the client reads ``node`` as null, which for its options is the same as absent."""
    return isinstance(node, Scalar) and node.plain and node.tag is None and node.value in _NULLS


def resolved(node: Node) -> Node:
    """``node``, or what it is an alias of."""
    return node.target if isinstance(node, Alias) else node


def parse(text: str, name: str = "The file") -> Document:
    """The tree of ``text``; ``name`` is what messages call it.

    Raises Refusal ``config-invalid`` for what is not YAML, for several documents, and for keys that stand twice
    in one mapping. Messages name lines and keys, never values.
    """
    if yaml is None:
        raise Refusal("controller-requirements", "The Python library PyYAML is missing.", "pip install PyYAML")
    bom = BOM if text.startswith(BOM) else ""
    body = text[len(bom) :]
    builder = _Builder(body, name)
    try:
        for event in yaml.parse(body, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" in line {mark.line + 1}" if mark else ""
        raise Refusal("config-invalid", f"{name} is not YAML: {error.problem}{where}.") from None
    except (yaml.YAMLError, UnicodeError):
        raise Refusal("config-invalid", f"{name} is not YAML: it holds a character that YAML does not allow.") from None
    return Document(body, bom, builder.root, builder.end, builder.aliases)


class _Builder:
    def __init__(self, text: str, name: str):
        self._name = name
        self.root = None
        self.end = len(text)
        self.aliases = []
        self._text = text
        self._open = []
        self._keys = []
        self._anchors = {}
        self._documents = 0

    def take(self, event) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise Refusal(
                    "config-invalid",
                    f"{self._name} holds several YAML documents: one begins in line {event.start_mark.line + 1}.",
                )
        elif isinstance(event, yaml.DocumentEndEvent):
            if event.explicit:
                self.end = start
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise Refusal(
                    "config-invalid",
                    f"{self._name} has an alias *{event.anchor} without anchor in line {event.start_mark.line + 1}.",
                )
            alias = Alias(start, end, event.anchor, None, self._anchors[event.anchor])
            self.aliases.append(alias)
            self._place(alias, event)
        elif isinstance(event, yaml.ScalarEvent):
            if event.style in ("|", ">"):
                end = start + len(self._text[start:end].rstrip())
            self._place(Scalar(start, end, event.anchor, event.tag, event.value, not event.style), event)
        elif isinstance(event, yaml.MappingStartEvent):
            self._begin(Mapping(start, end, event.anchor, event.tag, bool(event.flow_style)), event)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._begin(Sequence(start, end, event.anchor, event.tag, bool(event.flow_style)), event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._finish(end)

    def _begin(self, node, event) -> None:
        if len(self._open) == _DEEPEST:
            raise Refusal(
                "config-invalid",
                f"{self._name} nests more than {_DEEPEST} levels deep in line {event.start_mark.line + 1}.",
            )
        self._place(node, event)
        self._open.append(node)
        self._keys.append(None)

    def _finish(self, end: int) -> None:
        node = self._open.pop()
        self._keys.pop()
        if node.flow:
            node.end = end
        elif isinstance(node, Mapping):
            node.end = node.entries[-1].value.end
        else:
            node.end = node.items[-1].end

    def _place(self, node, event) -> None:
        if node.anchor and not isinstance(node, Alias):
            self._anchors[node.anchor] = node
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif self._keys[-1] is None:
            if isinstance(node, Scalar) and parent.entry(node.value):
                raise Refusal(
                    "config-invalid",
                    f"{self._name} has the key {node.value} for a second time in line {event.start_mark.line + 1}.",
                )
            self._keys[-1] = node
        else:
            parent.entries.append(Entry(self._keys[-1], node))
            self._keys[-1] = None
