# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and folders that stand in a server's unit, in a file's name, or on the class path of Java.

Each of these reads some characters as more than a name: a line break in a unit is another command of root's. TimeLock's
own scripts are not known to bear a blank. So what is not plain is refused, and nothing is escaped.
"""

from __future__ import annotations

import re

from ..planning.inventory import unusable_host_names
from ..refusal import Refusal

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+-]*")
_FOLDER = re.compile(r"/[A-Za-z0-9_.@+,=~/-]*")


def require_plain(names: list[str], folders: list[str]) -> None:
    """Raises Refusal ``server-config-invalid`` for a name or a folder that is not plain."""
    wrong = [name for name in names if not _NAME.fullmatch(name)]
    wrong += [folder for folder in folders if not _FOLDER.fullmatch(folder)]
    if wrong:
        raise Refusal(
            "server-config-invalid",
            f"Not plain enough for a unit, a file's name and Java's class path: {', '.join(map(repr, wrong))}.",
            "Use letters, digits, and for what is between them a dot, an underscore or a dash; folders are absolute.",
        )


def require_hosts(names: list[str]) -> None:
    """Raises Refusal ``inventory-name-unusable`` for servers that a play, or a file, cannot be named after."""
    wrong = [*unusable_host_names(names), *(name for name in names if "/" in name)]
    if wrong:
        raise Refusal(
            "inventory-name-unusable", f"Servers that no play or file can name: {', '.join(map(repr, wrong))}."
        )
