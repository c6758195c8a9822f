# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to change in a document, said by its nodes; refused where a change would reach something else as well."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..refusal import Refusal
from .blocks import Block
from .documents import Alias, Document, Entry, Mapping, Scalar

_BY_HAND = "Write that part in plain block style, or give the whole file with atlasdb_config_template."


def unsafe(reason: str) -> Refusal:
    """The refusal of a file that may well be right, but that cannot be changed without risk to the rest of it."""
    return Refusal("config-invalid", f"The file cannot be edited safely: {reason}", _BY_HAND)


@dataclass(eq=False)
class Plan:
    """The changes of one document. New values are dicts, lists, strings, integers, truth values and None."""

    document: Document
    removed: list = field(default_factory=list)
    """Pairs of a mapping and one of its entries."""
    added: list = field(default_factory=list)
    """Triples of a mapping, a new key and its value."""
    filled: list = field(default_factory=list)
    """Triples of a mapping, one of its entries, and its new value. An entry that is not null has a single value."""
    appended: dict = field(default_factory=dict)
    """New keys at the end of the whole document."""

    @property
    def changes(self) -> bool:
        return bool(self.removed or self.added or self.filled or self.appended)

    def remove(self, block: Block, key: str) -> None:
        """Remove ``key`` from ``block`` if it is there, null or not."""
        entry = block.node.entry(key)
        if entry is not None:
            self._may_change(block, block.node)
            self._may_go(entry)
            self.removed.append((block.node, entry))

    def put(self, block: Block, key: str, value) -> None:
        """Give ``block`` a ``key`` that it lacks, or has with null, or with a single value that goes."""
        self._put(block, block.node, key, value)

    def put_within(self, block: Block, name: str, key: str, value) -> None:
        """The same for the mapping under ``name`` in ``block``."""
        inner = block.node.entry(name).value
        if isinstance(inner, Alias):
            raise unsafe(f"{name} in {block.pointer} is an alias of something else.")
        self._may_change(block, block.node)
        self._put(block, inner, key, value)

    def create(self, block: Block, value: dict) -> None:
        """Make a block that is not there yet, or is null, with ``value`` in it."""
        depth = len(block.above)
        for key in reversed(block.path[max(depth, 1) :]):
            value = {key: value}
        if depth == 0:
            self.appended.update({block.path[0]: value} if block.path else value)
            return
        parent, key = block.above[-1], block.path[depth - 1]
        if parent is self.document.root and parent.entry(key) is None and not parent.flow:
            self._may_change(block, parent)
            self.appended[key] = value
        else:
            self._put(block, parent, key, value)

    def _put(self, block: Block, mapping: Mapping, key: str, value) -> None:
        self._may_change(block, mapping)
        entry = mapping.entry(key)
        if entry is None:
            self.added.append((mapping, key, value))
        elif not isinstance(entry.value, Scalar):
            raise unsafe(f"{key} in {block.pointer} is not a single value.")
        else:
            self.filled.append((mapping, entry, value))

    def _may_change(self, block: Block, mapping: Mapping) -> None:
        used = {alias.anchor for alias in self.document.aliases}
        for node in [*block.above, mapping]:
            if node.anchor in used:
                raise unsafe(f"{block.pointer} stands under the anchor &{node.anchor}, which is used elsewhere too.")
        if mapping.entry("<<"):
            raise unsafe(f"{block.pointer} merges other keys in with <<.")

    def _may_go(self, entry: Entry) -> None:
        for alias in self.document.aliases:
            inside = entry.key.start <= alias.start < entry.value.end
            if not inside and entry.key.start <= alias.target.start < entry.value.end:
                raise unsafe(f"{entry.key.value} holds the anchor &{alias.anchor}, which is used elsewhere too.")
