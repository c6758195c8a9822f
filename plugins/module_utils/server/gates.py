# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gates between two servers of a rolling restart, and the proof at its end."""

from __future__ import annotations

from ..refusal import CODES, Refusal
from ..timelock.servers import majority
from .founding import SERVING


def may_stop(name: str, url: str, urls: list[str], cluster: dict) -> None:
    """Whether the cluster goes on without the server ``name`` at ``url``: every other one answers, and they suffice.

    ``cluster`` is a result of timelock_info for ``urls``. A cluster too small to go on without one has no such gate.
    """
    others = [other for other in urls if other != url]
    if len(others) < majority(len(urls)):
        return
    _require_success(cluster, f"{name} is not stopped")
    answers = {node["url"]: node["reachable"] for node in cluster["nodes"]}
    silent = [other for other in others if not answers.get(other)]
    if silent:
        raise Refusal("server-quorum", f"{name} is not stopped: {', '.join(silent)} do not answer.")


def answers(name: str, url: str, cluster: dict) -> None:
    """Whether the server ``name`` at ``url`` was seen to answer as TimeLock, as a member of this cluster."""
    _require_success(cluster, f"{name} was started")
    node = next(node for node in cluster["nodes"] if node["url"] == url)
    if not node["reachable"]:
        raise Refusal("server-not-serving", f"{name} was started, and {url} {node['error']}.")


def package(found: dict, checksum: str, version: str) -> None:
    """Whether a package is there, and the one that was named, by what was added up or what it says of itself."""
    if found.get("error"):
        raise Refusal("server-package", f"The package could not be fetched: {found['error'].rstrip('.')}.")
    if checksum and found["checksum"] != checksum:
        raise Refusal("server-package", f"The package adds up to {found['checksum']}, and {checksum} was named.")
    if version and found["version"] and found["version"] != version:
        raise Refusal("server-package", f"The package is of version {found['version']}, and {version} was named.")


def outdated(look: dict, version: str, differs: bool) -> list[str]:
    """Why a server has to be started anew, in words; empty where it runs with all that is to lie there.

    ``differs``: its configuration, stores or unit are to be written.
    """
    record = look["record"] or {}
    reasons = [f"{path} is not as it was at its start" for path in look["changed_files"]]
    if differs:
        reasons.append("its configuration, stores or unit differ from what they are to be")
    if record.get("state") != SERVING:
        reasons.append("it was not seen yet to keep its timestamps over a restart")
    if record.get("version") != version or look["version"] != version:
        reasons.append(f"it was last started with version {record.get('version')}")
    if not look["listening"]:
        reasons.append("it does not run")
    return reasons


def increased(before: str, cluster: dict) -> str:
    """The fresh timestamp of ``cluster``, a result of timelock_info, if it is above ``before``."""
    _require_success(cluster, "No fresh timestamp")
    fresh = int(cluster["fresh_timestamp"])
    if fresh <= int(before):
        raise Refusal("timelock-went-backwards", f"The fresh timestamp is {fresh}, and {before} was issued before.")
    return str(fresh)


def proved(before: str, cluster: dict) -> str:
    """The fresh timestamp, if every server answers and sends its clients to the one leader as well."""
    fresh = increased(before, cluster)
    silent = [node["url"] for node in cluster["nodes"] if not node["reachable"]]
    if silent:
        raise Refusal("server-not-serving", f"{', '.join(silent)} do not answer.")
    apart = [
        f"{node['url']} says {node['leader_seen'] or 'none'}"
        for node in cluster["nodes"]
        if node["leader_seen"] != cluster["leader"]
    ]
    if apart:
        raise Refusal("timelock-clusters-differ", f"{cluster['leader']} leads, but {' and '.join(apart)}.")
    return fresh


def _require_success(cluster: dict, words: str) -> None:
    if "nodes" not in cluster:
        if cluster.get("code") in CODES:
            raise Refusal(cluster["code"], f"{words}: {cluster['found']}", cluster["do"])
        raise Refusal("server-quorum", f"{words}: {cluster.get('msg', 'no reason given')}.")
