# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Cassandra clusters of a lab, by names that say what they are: `cassandra`, `cassandra-5.0`, `cassandra-2.2-x3`,
`cassandra-tls`.

The driver takes a while to load, and so it is loaded only where there is a cluster.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cassandra import distribution
from lab.layout import POSTGRES

if TYPE_CHECKING:
    from lab.cassandra.cluster import Cassandra

DEFAULT = "cassandra"
_NAME = re.compile(r"cassandra(?:-(?P<version>palantir|[0-9.]+))?(?:-x(?P<nodes>[123]))?(?P<tls>-tls)?")


def shape(name: str) -> dict:
    """What `Cassandra.create` takes: a version, how many nodes, and whether clients show certificates.

    Raises RuntimeError for a name that says none of it.
    """
    match = _NAME.fullmatch(name)
    version = (match["version"] or distribution.DEFAULT_VERSION) if match else None
    if version not in distribution.VERSIONS:
        known = ", ".join(f"cassandra-{version}" for version in distribution.VERSIONS)
        raise RuntimeError(f"There is no store {name}, but {POSTGRES}, cassandra, {known}, and these with -x3, -tls.")
    tls = match["tls"] is not None
    return {"version": version, "nodes": int(match["nodes"] or 1), "tls": tls, "client_certificates": tls}


def require(names: list[str]) -> None:
    """Raises RuntimeError in one line when one of these clusters cannot be had here."""
    for name in names:
        why = distribution.why_not(shape(name)["version"])
        if why is not None:
            raise RuntimeError(f"No {described(name)} here: {why}")


def described(store: str) -> str:
    """A store in words."""
    if store == POSTGRES:
        return "PostgreSQL"
    of = shape(store)
    nodes = f" with {of['nodes']} nodes" if of["nodes"] > 1 else ""
    return f"Cassandra {of['version']}{nodes}" + (", by certificates" if of["tls"] else "")


def attach(folder: Path, settings: dict[str, dict]) -> dict[str, Cassandra]:
    """The clusters with these settings by name, each in its own part of the folder."""
    if not settings:
        return {}
    from lab.cassandra.cluster import Cassandra

    return {name: Cassandra(folder / name, its) for name, its in settings.items()}
