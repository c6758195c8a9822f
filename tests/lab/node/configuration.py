# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's configuration files mean, by the rules of its AtlasDB version.

Sources: AtlasDbConfig.check, LeaderConfig, TimeLockClientConfig, DefaultLockAndTimestampServiceFactory and
OptionalResolver (0.905.0 and the older tags in which a rule began), and the messages of the real client.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from lab.node import key_value_service
from lab.node.failures import ConfigurationRefused
from lab.node.key_value_service import CassandraService, RelationalService

DIALOGUE_SINCE = (0, 230, 0)
NAMESPACE_SINCE = (0, 55, 0)
RUNTIME_BLOCK_SINCE = (0, 67, 0)
RUNTIME_BLOCK_ALONE_SINCE = (0, 75, 0)
ONE_LEADER_ONLY_SINCE = (0, 910, 0)

SERVER_LIST_KEYS = {"servers", "sslConfiguration", "proxyConfiguration"}
TIMELOCK_KEYS = {"client", "serversList", "shouldGiveFeedbackToTimeLockServer"}
LEADER_KEYS = {
    "quorumSize", "leaders", "localServer", "learnerLogDir", "acceptorLogDir", "sslConfiguration", "pingRateMs",
    "randomWaitBeforeProposingLeadershipMs", "leaderPingResponseWaitMs",
}  # fmt: skip
OTHER_NAMESPACE_FLAG = "enableNonstandardAndPossiblyErrorProneTopologyAllowDifferentKvsAndTimelockNamespaces"


@dataclass(frozen=True)
class Configuration:
    """`mode` is `embedded`, `leader` or `timelock`; the lists and paths that the mode does not use are empty."""

    port: int
    mode: str
    namespace: str
    store: RelationalService | CassandraService
    servers: tuple[str, ...]
    trust_store: str
    key_store: str
    local_server: str
    leaders: tuple[str, ...]
    quorum: int
    initialize_async: bool


def parse_version(text: str) -> tuple[int, int, int]:
    """`0.905.0` or `0.905.0-12-gabcdef`."""
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", text)
    if match is None:
        raise ConfigurationRefused(f"Not an AtlasDB version: {text}")
    major, minor, patch = match.groups()
    return int(major), int(minor), int(patch)


def read(install: Path, runtime: Path | None, root: str, runtime_root: str, version: str) -> Configuration:
    """Read the files as the client would; `root` and `runtime_root` are keys, or paths of keys with `/` between.

    Without a `runtime` file the runtime block is looked for in the install file; it may be absent.

    Raises ConfigurationRefused with the real client's words.
    """
    document = _load(install)
    runtime_document = _load(runtime) if runtime is not None else document
    block = _lookup(document, root)
    if not isinstance(block, dict) or not isinstance(block.get("keyValueService"), dict):
        raise ConfigurationRefused(f"Could not find /{root} in input: no AtlasDB configuration in {install}")
    runtime_block = _lookup(runtime_document, runtime_root) or {}
    port = _lookup(document, "server/port")
    if not isinstance(port, int):
        raise ConfigurationRefused(f"No server.port in {install}")
    return _interpret(block, runtime_block, parse_version(version), port)


def _load(path: Path) -> dict:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationRefused(f"{path} cannot be parsed: {error}") from error
    return document if isinstance(document, dict) else {}


def _lookup(document: object, path: str) -> object:
    for key in path.strip("/").split("/"):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _interpret(block: dict, runtime_block: dict, version: tuple[int, int, int], port: int) -> Configuration:
    store = key_value_service.interpret(block["keyValueService"], block.get("namespace"), version)
    if "namespace" in block and version < NAMESPACE_SINCE:
        raise ConfigurationRefused('Unrecognized field "namespace"')
    _check_blocks(block)
    timelock = block.get("timelock")
    leader = block.get("leader")
    runtime = runtime_block.get("timelockRuntime") if version >= RUNTIME_BLOCK_SINCE else None
    if leader is not None:
        _check_leader(leader, version)
    if leader is not None and runtime is not None and version >= RUNTIME_BLOCK_ALONE_SINCE:
        raise ConfigurationRefused(
            "Found a service configured not to use timelock, with a timelock block in the runtime config! This is"
            " unexpected. If you wish to use non-timelock services, please remove the timelock block from the runtime"
            " config; if you wish to use timelock, please remove the leader, remote timestamp or remote lock"
            " configuration blocks."
        )
    _check_namespace(block, timelock, store)
    uses_timelock = leader is None and (
        timelock is not None or (runtime is not None and version >= RUNTIME_BLOCK_ALONE_SINCE)
    )
    servers, ssl = _timelock_servers(timelock, runtime, version) if uses_timelock else ((), {})
    return Configuration(
        port=port,
        mode="timelock" if uses_timelock else "leader" if leader is not None else "embedded",
        namespace=_timelock_namespace(block, timelock) if uses_timelock else block.get("namespace", store.namespace),
        store=store,
        servers=servers,
        trust_store=ssl.get("trustStorePath", ""),
        key_store=ssl.get("keyStorePath", ""),
        local_server=_url(leader["localServer"]) if leader is not None else "",
        leaders=tuple(map(_url, leader["leaders"])) if leader is not None else (),
        quorum=leader["quorumSize"] if leader is not None else 0,
        initialize_async=bool(block.get("initializeAsync", False)),
    )


def _check_blocks(block: dict) -> None:
    timelock, leader = block.get("timelock"), block.get("leader")
    remote = [name for name in ("lock", "timestamp") if block.get(name) is not None]
    if leader is not None and remote:
        raise ConfigurationRefused(
            "If the leader block is present, then the lock and timestamp server blocks must both be absent."
        )
    if leader is not None and timelock is not None:
        raise ConfigurationRefused("If the leader block is present, then the timelock block must be absent.")
    if timelock is not None and remote:
        raise ConfigurationRefused(
            "If the timelock block is present, then the lock and timestamp blocks must both be absent."
        )
    if len(remote) == 1:
        raise ConfigurationRefused("Lock and timestamp server blocks must either both be present or both be absent.")
    if remote:
        raise ConfigurationRefused("This service cannot take timestamps from another service")
    if timelock is not None:
        _refuse_unknown(timelock, TIMELOCK_KEYS)
        if timelock.get("client") == "":
            raise ConfigurationRefused("Timelock client string cannot be empty")


def _check_leader(leader: dict, version: tuple[int, int, int]) -> None:
    _refuse_unknown(leader, LEADER_KEYS)
    leaders = leader.get("leaders") or []
    quorum = leader.get("quorumSize", 0)
    if not leaders:
        raise ConfigurationRefused("Leader config must have at least one server.")
    if version >= ONE_LEADER_ONLY_SINCE and (quorum != 1 or len(leaders) != 1):
        raise ConfigurationRefused("AtlasDb no longer supports multi-node embedded services")
    if quorum * 2 <= len(leaders):
        raise ConfigurationRefused(
            f"The quorumSize '{quorum}' must be over half the amount of leader entries {leaders}."
        )
    if quorum > len(leaders):
        raise ConfigurationRefused(
            f"The quorumSize '{quorum}' must be less than or equal to the amount of leader entries {leaders}."
        )
    if leader.get("localServer") not in leaders:
        raise ConfigurationRefused("The localServer must included in the leader entries.")


def _check_namespace(block: dict, timelock: dict | None, store: RelationalService | CassandraService) -> None:
    namespace = block.get("namespace")
    client = (timelock or {}).get("client")
    other_allowed = bool(block.get(OTHER_NAMESPACE_FLAG))
    if namespace is None:
        client_may_differ = other_allowed and not isinstance(store, CassandraService)
        if client is not None and client != store.namespace and not client_may_differ:
            raise ConfigurationRefused(
                "AtlasDB refused to start, in order to avoid potential data corruption. Please contact AtlasDB support"
                " to remediate this. Specific steps are required; DO NOT ATTEMPT TO FIX THIS YOURSELF."
            )
        if timelock is not None and client is None:
            raise ConfigurationRefused(
                "Either the atlas root-level namespace config or the TimeLock client config should be present."
            )
        return
    if '"' in namespace:
        raise ConfigurationRefused("Namespace should not be quoted")
    if store.namespace not in (None, namespace) and not other_allowed:
        raise ConfigurationRefused(
            "If present, keyspace/dbName/sid config should be the same as the atlas root-level namespace config."
        )
    if client is not None and client != namespace:
        raise ConfigurationRefused(
            "If present, the TimeLock client config should be the same as the atlas root-level namespace config."
        )


def _timelock_namespace(block: dict, timelock: dict | None) -> str:
    namespace = block.get("namespace") or (timelock or {}).get("client")
    if not namespace:
        raise ConfigurationRefused("All Optionals provided were empty, couldn't determine a value.")
    return namespace


def _timelock_servers(
    timelock: dict | None, runtime: dict | None, version: tuple[int, int, int]
) -> tuple[tuple[str, ...], dict]:
    """The runtime block's list as a whole, or else the install block's; and its sslConfiguration."""
    server_list = (runtime or {}).get("serversList") or (timelock or {}).get("serversList") or {}
    if not server_list and version < RUNTIME_BLOCK_SINCE:
        raise ConfigurationRefused(
            "Cannot build TimeLockClientConfig, some of required attributes are not set [serversList]"
        )
    _refuse_unknown(server_list, SERVER_LIST_KEYS)
    ssl = server_list.get("sslConfiguration") or {}
    if version >= DIALOGUE_SINCE:
        if not ssl:
            raise ConfigurationRefused("Dialogue must be configured with SSL.")
        if not ssl.get("trustStorePath") or not Path(ssl["trustStorePath"]).is_file():
            raise ConfigurationRefused(f"The trust store cannot be read: {ssl.get('trustStorePath')}")
    return tuple(server_list.get("servers") or ()), ssl


def _refuse_unknown(block: dict, known: set[str]) -> None:
    for key in block:
        if key not in known:
            raise ConfigurationRefused(f'Unrecognized field "{key}"')


def _url(server: str) -> str:
    return server if urlsplit(server).scheme in ("http", "https") else f"http://{server}"
