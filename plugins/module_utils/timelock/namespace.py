# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which names TimeLock serves as a namespace."""

from __future__ import annotations

import re

from ..refusal import Refusal

_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,100}\Z")
_TAKEN = ("leader", "leaderPaxos", "lk", "lw", "tl")


def require_namespace(name: str) -> str:
    """``name``, if TimeLock serves it; Refusal ``config-namespace-illegal`` otherwise.

    TimelockNamespaces.PATH_REGEX (0.1175.0) allows the characters and bans tl and lw; leader is banned, lk is
    another resource's path, leaderPaxos is the leader log's own name and hidden in getNamespaces; 100
    characters were seen to work and 256 not (TimeLock 0.905.0). TimeLock reads "a;b" as "a", so no character
    may be left to it.
    """
    if not isinstance(name, str) or not _NAME.match(name) or name in _TAKEN:
        raise Refusal("config-namespace-illegal", f"TimeLock serves no namespace {str(name)[:120]!r}.")
    return name
