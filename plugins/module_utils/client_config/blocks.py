# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding AtlasDB's two blocks, install and runtime, in the files of a service.

A service chooses both names itself (AtlasDbConfigs takes a JSON pointer), so unless a pointer is given they are
known by what they hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..refusal import Refusal
from .documents import Document, Mapping, Node, Scalar, is_null
from .pointers import parse_pointer, pointer

_RUNTIME_NAMES = ("atlasdbruntime", "atlasruntime", "atlasdbruntimeconfig", "atlasruntimeconfig")
_SHORT_NAMES = ("atlas", "atlasdb")


@dataclass(eq=False)
class Block:
    """A block of ``document``. ``node`` is None where it does not exist yet, or is null; ``above`` are the
    mappings it stands in.
    """

    document: Document
    path: tuple
    node: Mapping | None
    above: list

    @property
    def pointer(self) -> str:
        return pointer(self.path)


def find_install(document: Document, root: str | None) -> Block:
    """The install block: the one ``root`` points to, else the only mapping with a ``keyValueService`` that has a
    ``type``.

    Raises Refusal ``config-invalid`` where there is none or more than one.
    """
    if root:
        block = _follow(document, parse_pointer(root))
        if block.node is None:
            raise Refusal("config-invalid", f"There is no AtlasDB block at {block.pointer}.")
        return block
    found = [block for block in _mappings(document) if _has_store(block.node) and not _is_runtime(block, False)]
    if not found:
        raise Refusal(
            "config-invalid", "The file has no AtlasDB block: nothing in it has a keyValueService with a type."
        )
    return _only(found, "AtlasDB", "atlasdb_config_root")


def find_runtime(document: Document, root: str | None, separate: bool) -> Block | None:
    """The runtime block, or None. With ``root`` given there always is one, whose node may be None.

    ``separate`` says that the file is for runtime configuration alone, where ``atlasdb`` may be its name.
    Raises Refusal ``config-invalid`` where there is more than one.
    """
    if root:
        return _follow(document, parse_pointer(root))
    found = [block for block in _mappings(document) if _is_runtime(block, separate)]
    return _only(found, "AtlasDB runtime", "atlasdb_runtime_config_root") if found else None


def _only(found: list, what: str, variable: str) -> Block:
    if len(found) > 1:
        places = ", ".join(block.pointer for block in found)
        raise Refusal(
            "config-invalid", f"The file has more than one {what} block: {places}.", f"Name the one with {variable}."
        )
    return found[0]


def _follow(document: Document, path: tuple) -> Block:
    node, above = document.root, []
    for key in path:
        if node is None or is_null(node):
            return Block(document, path, None, above)
        if not isinstance(node, Mapping):
            raise Refusal(
                "config-invalid", f"There is no block at {pointer(path)}: what stands above {key} holds no keys."
            )
        above.append(node)
        node = node.get(key)
    if node is None or is_null(node):
        return Block(document, path, None, above)
    if not isinstance(node, Mapping):
        raise Refusal("config-invalid", f"What stands at {pointer(path)} is not a block of keys.")
    return Block(document, path, node, above)


def _mappings(document: Document) -> list:
    """All blocks that stand in blocks; a null counts, since a service may name a block and leave it empty."""
    found = []

    def visit(node: Node, path: tuple, above: list) -> None:
        if is_null(node):
            found.append(Block(document, path, None, above))
        elif isinstance(node, Mapping):
            found.append(Block(document, path, node, above))
            for entry in node.entries:
                if isinstance(entry.key, Scalar):
                    visit(entry.value, path + (entry.key.value,), above + [node])

    if document.root is not None:
        visit(document.root, (), [])
    return found


def _has_store(node: Mapping | None) -> bool:
    store = node.get("keyValueService") if node is not None else None
    return isinstance(store, Mapping) and store.get("type") is not None


def _is_runtime(block: Block, separate: bool) -> bool:
    if block.node is not None and block.node.entry("timelockRuntime"):
        return True
    if not block.path:
        return False
    names = ["".join(letter for letter in key.lower() if letter.isalnum()) for key in block.path]
    if names[-1] in _RUNTIME_NAMES:
        return True
    return names[-1] in _SHORT_NAMES and (separate or "runtime" in names[:-1])
