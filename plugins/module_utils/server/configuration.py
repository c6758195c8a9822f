# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration file of a TimeLock server, in the shape that its version reads."""

from __future__ import annotations

import posixpath
import re

from ..refusal import Refusal
from .versions import CLUSTER_IN_RUNTIME, INSTALL_AND_RUNTIME, SQLITE_COUNTS, server_version

SMALLEST_CLUSTER = 3
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\]")
TOPOLOGY = "enableNonstandardAndPossiblyDangerousTopology"

_SWITCHES_OFF_CHECKS = frozenset(
    {
        "i-am-on-the-persistence-team-and-know-what-i-am-doing-ignore-new-service-check",
        "iAmOnThePersistenceTeamAndKnowWhatImDoingSkipSqliteConsistencyCheckAndTruncateFileBasedLog",
        "iAmOnThePersistenceTeamAndKnowWhatIAmDoingReseedPersistedPersisterConfiguration",
        "known-new-servers-I-know-what-I-am-doing",
        "is-new-service",
        "isNewService",
    }
)


def configuration(cluster: dict, member: str, is_new: bool, keystore_password: str = "") -> dict:
    """What the file of ``member`` (HOST:PORT) says.

    ``cluster`` has ``version``, ``members`` (each HOST:PORT), ``data_directory``, ``sqlite_directory``, ``admin_port``,
    ``dangerous_topology``, ``tls`` (``keystore``, ``keystore_type``, ``truststore``, ``truststore_type``; empty for
    none), and ``settings``, the operator's own. Raises Refusal ``server-config-invalid`` and ``server-tls-missing``.
    """
    _require_members(cluster, member)
    _require_directories(cluster)
    made = {**_paxos(cluster, member, is_new, keystore_password), "server": _http(cluster, member, keystore_password)}
    return _merged(made, cluster["settings"], "")


def _paxos(cluster: dict, member: str, is_new: bool, password: str) -> dict:
    version = server_version(cluster["version"])
    security = _security(cluster["tls"], password)
    if version < INSTALL_AND_RUNTIME:
        # The key isNewService of 0.105.0 is left out: the launcher makes the directory before it looks for it.
        return {
            "clients": [],
            "algorithm": {
                "type": "paxos",
                "paxosDataDir": cluster["data_directory"],
                **({"sslConfiguration": security} if security else {}),
            },
            "cluster": {"localServer": member, "servers": list(cluster["members"])},
        }
    paxos = {"data-directory": cluster["data_directory"], "is-new-service": is_new}
    if version >= SQLITE_COUNTS:
        paxos["sqlite-persistence"] = {"data-directory": cluster["sqlite_directory"]}
    place = {
        "cluster": {"uris": list(cluster["members"]), **({"security": security} if security else {})},
        "local-server": member,
        **({TOPOLOGY: True} if cluster["dangerous_topology"] else {}),
    }
    if version < CLUSTER_IN_RUNTIME:
        return {"install": {"paxos": paxos, "cluster": place}, "runtime": {"paxos": {}}}
    return {"install": {"paxos": paxos}, "runtime": {"cluster-config-not-live-reloaded": place, "paxos": {}}}


def _security(tls: dict, password: str) -> dict:
    if not tls:
        return {}
    return {
        "trustStorePath": tls["truststore"],
        "trustStoreType": tls["truststore_type"],
        "keyStorePath": tls["keystore"],
        "keyStoreType": tls["keystore_type"],
        "keyStorePassword": password,
    }


def _http(cluster: dict, member: str, password: str) -> dict:
    connector = {"type": "http", "port": _port(member)}
    if cluster["tls"]:
        connector.update(
            type="https",
            keyStorePath=cluster["tls"]["keystore"],
            keyStoreType=cluster["tls"]["keystore_type"],
            keyStorePassword=password,
            validateCerts=False,
        )
    return {
        "applicationConnectors": [connector],
        "adminConnectors": [{"type": "http", "port": cluster["admin_port"]}],
    }


def _port(member: str) -> int:
    host, _colon, port = member.rpartition(":")
    if not _HOST.fullmatch(host) or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise Refusal("server-config-invalid", f"The member {member!r} is not of the form HOST:PORT.")
    return int(port)


def _require_members(cluster: dict, member: str) -> None:
    members = cluster["members"]
    for one in members:
        _port(one)
    if len(set(members)) != len(members):
        raise Refusal("server-config-invalid", f"A member is named twice: {', '.join(sorted(members))}.")
    if member not in members:
        raise Refusal("server-config-invalid", f"{member} is not among the members {', '.join(members)}.")
    if len(members) < SMALLEST_CLUSTER and not cluster["dangerous_topology"]:
        raise Refusal(
            "server-config-invalid",
            f"The cluster has {len(members)} member{'s' if len(members) > 1 else ''}, and TimeLock does not start with "
            f"fewer than {SMALLEST_CLUSTER}: one that fails would take it out of service.",
            "Give it three servers. For a lab, set timelock_server_dangerous_topology.",
        )
    if len(members) > 1 and not cluster["tls"]:
        raise Refusal(
            "server-tls-missing",
            f"The cluster has {len(members)} members and no key store, and TimeLock does not start so: its servers "
            "reach each other by TLS alone.",
        )


def _require_directories(cluster: dict) -> None:
    data, sqlite = (posixpath.normpath(cluster[name]) for name in ("data_directory", "sqlite_directory"))
    for path in (data, sqlite):
        if not path.startswith("/"):
            raise Refusal("server-config-invalid", f"The directory {path} is not absolute.")
    if f"{data}/".startswith(f"{sqlite}/") or f"{sqlite}/".startswith(f"{data}/"):
        raise Refusal(
            "server-config-invalid", f"The directories {data} and {sqlite} are one, or one lies in the other."
        )


def _merged(made: dict, own: dict, place: str) -> dict:
    """``made`` with the operator's own settings, which may add to it and not change it."""
    result = dict(made)
    for key, value in own.items():
        where = f"{place}{key}"
        _require_harmless(key, value, where)
        if key not in made:
            result[key] = value
        elif isinstance(made[key], dict) and isinstance(value, dict):
            result[key] = _merged(made[key], value, f"{where}.")
        else:
            raise Refusal(
                "server-config-invalid",
                f"timelock_server_settings sets {where}, which the role writes itself.",
                "Take it out; the role has a variable for whatever may be chosen there.",
            )
    return result


def _require_harmless(key, value, where: str) -> None:
    if key in _SWITCHES_OFF_CHECKS:
        raise Refusal(
            "server-config-invalid",
            f"timelock_server_settings sets {where}, which switches off a check that a server makes at its start.",
            "Take it out. If TimeLock refuses to start, find out why first.",
        )
    if isinstance(value, dict):
        for inner, one in value.items():
            _require_harmless(inner, one, f"{where}.{inner}")
