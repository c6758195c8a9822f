# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be done with the servers of a cluster, weighed for all of them at once."""

from __future__ import annotations

import re

from ..refusal import Refusal
from ..timelock.servers import majority
from .configuration import configuration
from .founding import founding
from .names import require_hosts, require_plain
from .versions import change, require_trusted, server_version

_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}\Z")


def plan(
    nodes: list[dict], group: list[str], cluster: dict, accept_old: str, package: dict, installation: dict
) -> dict:
    """What to do: see the module timelock_server_plan.

    ``nodes`` are those that were looked at, ``group`` the names of all servers of the inventory; ``cluster`` as
    ``configuration`` takes it; ``package`` has ``distribution`` and ``checksum``, ``installation`` has ``folders`` and
    ``names``. Raises the Refusals of ``founding``, ``configuration``, ``change``, ``require_hosts`` and
    ``require_plain``, and ``inventory-empty``, ``server-cluster-split``, ``server-java-missing``, ``server-package``
    and ``timelock-too-old``.
    """
    if not group:
        raise Refusal("inventory-empty", "No server is in the group timelock_servers.")
    require_hosts(group)
    absent = sorted(set(group) - {node["name"] for node in nodes})
    if absent:
        raise Refusal("server-cluster-split", f"This run leaves out {', '.join(absent)}.")
    require_trusted(cluster["version"], accept_old)
    homes = [node["java"]["home"] for node in nodes if node["java"]]
    require_plain(installation["names"], [*installation["folders"], *homes])
    for node in nodes:
        configuration(cluster, node["member"], is_new=False)
    found = founding(nodes, cluster["members"])
    for node in nodes:
        if not node["java"]:
            raise Refusal("server-java-missing", f"{node['name']} has no Java in {', '.join(node['java_looked'])}.")
        _require_package(node, cluster["version"], package)
    changes = {node["name"]: change(_version(node), cluster["version"]) for node in nodes}
    up = [node["name"] for node in nodes if node["listening"]]
    down = [node["name"] for node in nodes if not node["listening"]]
    quorum = majority(len(nodes))
    first = down if found["unfinished"] or len(up) < quorum else []
    highest = max((int(node["record"].get("fresh") or 0) for node in nodes if node["record"]), default=0)
    return {
        "cluster": found["cluster"],
        "unfinished": found["unfinished"],
        "new": found["new"],
        "start_first": first,
        # A server that is down is brought back before another is taken down.
        "order": down + up,
        "changes": changes,
        "highest": str(highest),
        "lines": [_line(node, found["new"], changes[node["name"]], cluster["version"]) for node in nodes],
    }


def _require_package(node: dict, version: str, package: dict) -> None:
    installed = node["versions"].get(version)
    if installed is not None and package["checksum"] and installed != package["checksum"]:
        raise Refusal(
            "server-package",
            f"{node['name']} has version {version} from a package of {installed}, and {package['checksum']} is named.",
            "A version is one package. Give the new one a version of its own.",
        )
    if installed is None and not (package["distribution"] and _CHECKSUM.match(package["checksum"])):
        raise Refusal(
            "server-package",
            f"{node['name']} does not have version {version}, and no package with its checksum (sha256:HEX) is named.",
        )


def _version(node: dict) -> str | None:
    """The newest that may have written this server's data.

    Between the switch of a version and the record of its start, that is the one which the link names.
    """
    recorded = (node["record"] or {}).get("version")
    linked = node["version"] if node["record"] else None
    known = [version for version in (recorded, linked) if version]
    return max(known, key=server_version) if known else None


def _line(node: dict, new: list[str], step: str, version: str) -> str:
    state = node["record"]["state"] if node["record"] else "nothing"
    if node["name"] in new:
        do = f"install TimeLock {version}, start as new"
    elif step == "none":
        do = f"TimeLock {version}, restart if anything differs"
    else:
        do = f"{step} from {_version(node)} to {version}"
    return f"{node['name']}: {state}, {'up' if node['listening'] else 'down'}: {do}"
