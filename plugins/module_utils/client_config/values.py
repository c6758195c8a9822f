# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading single options out of a block; what is of another kind than the client expects is refused."""

from __future__ import annotations

from ..refusal import Refusal
from .documents import Mapping, Scalar, Sequence, resolved


def mapping_of(block: Mapping, key: str, name: str) -> Mapping | None:
    """The mapping under ``key``, None where it is absent; ``name`` is for the message."""
    value = block.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise Refusal("config-invalid", f"{name} is not a block of keys.")
    return value


def text_of(block: Mapping, key: str, name: str) -> str | None:
    """The single value under ``key`` as it is written, None where it is absent; ``name`` is the block's, for the
    message.
    """
    value = block.get(key)
    if value is not None and not isinstance(value, Scalar):
        raise Refusal("config-invalid", f"{key} in {name} is not a single value.")
    return value.value if value is not None else None


def texts_of(block: Mapping, key: str, name: str) -> list:
    """The list of single values under ``key``, empty where it is absent."""
    value = block.get(key)
    if value is None:
        return []
    items = [resolved(item) for item in value.items] if isinstance(value, Sequence) else [None]
    if not all(isinstance(item, Scalar) for item in items):
        raise Refusal("config-invalid", f"{key} in {name} is not a list of single values.")
    return [item.value for item in items]
