# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The AtlasDB version that a node runs, by the names of its libraries."""

from __future__ import annotations

import os
import re

_JAR = re.compile(r"atlasdb-([a-z][a-z0-9-]*?)-([0-9]+\.[0-9]+\.[0-9]+(?:[.-][A-Za-z0-9.-]+)?)\.jar")
_NO_LIBRARY = ("-sources", "-javadoc", "-tests")


def atlasdb_version(folders: list[str]) -> dict:
    """``{"version", "source"}``: of ``atlasdb-client-VERSION.jar``, else of any other ``atlasdb-*-VERSION.jar``.

    Both are None where there is none, or where several versions lie together: then ``conflict`` lists them.
    """
    client, others = {}, {}
    for folder in folders:
        for name in _names(folder):
            match = _JAR.fullmatch(name)
            if match and not match[2].endswith(_NO_LIBRARY):
                (client if match[1] == "client" else others).setdefault(match[2], os.path.join(folder, name))
    found = client or others
    if len(found) > 1:
        return {"version": None, "source": None, "conflict": sorted(found)}
    for version, source in found.items():
        return {"version": version, "source": source}
    return {"version": None, "source": None}


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
