# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service's configuration files say: namespace, store, and where its timestamps come from."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..refusal import Refusal
from .blocks import Block, find_install, find_runtime
from .documents import BOM, Mapping, parse
from .logins import login_of
from .namespaces import namespace_of
from .store_address import store_address
from .values import mapping_of, text_of, texts_of
from .versions import RUNTIME_ALONE_SWITCHES, parse_version

EMBEDDED = "embedded"
LEADER = "leader"
REMOTE = "remote"
TIMELOCK = "timelock"
HELD = "held"

RUNTIME_FILE = "The runtime file"
HOLD_FIRST_LINE = "# held by atlasdb.timelock"


@dataclass(frozen=True)
class ConfiguredTimelock:
    """The TimeLock that a configuration names. ``shape`` is ``install`` or ``runtime``: which file's list of
    servers counts.
    """

    servers: list
    client: str | None
    shape: str


@dataclass(frozen=True)
class ClientConfig:
    """One node's configuration.

    ``mode`` is EMBEDDED (no block at all), LEADER (embedded, with a leader block), REMOTE (another service's
    timestamps), TIMELOCK, HELD (the file is this collection's hold) or None where the file does not say. ``root``
    and ``runtime_root`` are JSON pointers, ``runtime_in`` is ``install`` or ``runtime``: the file that the
    runtime block stands in. ``namespace`` is the effective one. ``login`` is what the file itself names, where
    ``kvs``, which is what the modules take, may have another in its place. That has the password, and is None with a
    problem that says why. ``quorum``: so many nodes must be up before one of them gives out timestamps. ``problems``
    are pairs of a code of the collection and a sentence without secrets.
    """

    mode: str | None = None
    root: str | None = None
    runtime_root: str | None = None
    runtime_in: str | None = None
    namespace: str | None = None
    namespace_explicit: bool = False
    store: str | None = None
    login: str | None = None
    kvs: dict | None = field(default=None, repr=False)
    timelock: ConfiguredTimelock | None = None
    leader_count: int = 0
    quorum: int = 1
    remote_timestamp_servers: list = field(default_factory=list)
    problems: list = field(default_factory=list)

    def shared(self) -> dict:
        """What the nodes of one service must agree on, without secrets and without what belongs to a single node."""
        secret = ("password", "service_login")
        kvs = {key: value for key, value in self.kvs.items() if key not in secret} if self.kvs else None
        return {
            "namespace": self.namespace,
            "store": self.store,
            "kvs": kvs,
            "mode": self.mode,
            "leader_count": self.leader_count,
            "remote_timestamp_servers": sorted(self.remote_timestamp_servers),
            "timelock_servers": sorted(self.timelock.servers) if self.timelock else [],
            "timelock_client": self.timelock.client if self.timelock else None,
        }


def read_config(
    install_text: str,
    runtime_text: str | None = None,
    *,
    root: str | None = None,
    runtime_root: str | None = None,
    overrides: dict | None = None,
    version: str | None = None,
) -> ClientConfig:
    """What the files of one node say. Never raises for what a file holds: see ``problems``.

    ``runtime_text`` is None where the service has one file. Without ``root`` and ``runtime_root`` the blocks are
    looked for. ``overrides`` replaces single keys of ``kvs``. ``version`` is the AtlasDB client's, where known:
    before 0.75.0 a runtime block alone leaves a service embedded.
    """
    if is_hold(install_text):
        return ClientConfig(mode=HELD)
    found = {"problems": []}
    try:
        _read(found, install_text, runtime_text, root, runtime_root, overrides or {}, version)
    except Refusal as refusal:
        if refusal.code == "controller-requirements":
            raise
        found["problems"].append((refusal.code, refusal.found))
    return ClientConfig(**found)


def is_hold(text: str) -> bool:
    """Whether ``text`` is what this collection puts in place of a held node's configuration."""
    return text[len(BOM) if text.startswith(BOM) else 0 :].split("\n", 1)[0].rstrip() == HOLD_FIRST_LINE


def _read(found: dict, install_text, runtime_text, root, runtime_root, overrides, version) -> None:
    document = parse(install_text)
    block = find_install(document, root)
    install = block.node
    found["root"] = block.pointer
    runtime = _runtime(found, document, runtime_text, runtime_root)
    found["mode"] = _mode(found, install, runtime, version)
    kvs = mapping_of(install, "keyValueService", "keyValueService")
    if kvs is None:
        raise Refusal("config-invalid", f"The AtlasDB block at {block.pointer} has no keyValueService.")
    found["store"] = text_of(kvs, "type", "keyValueService")
    found["login"] = login_of(kvs)
    namespace = namespace_of(install)
    found.update(namespace=namespace.name, namespace_explicit=namespace.explicit)
    found["problems"] += namespace.problems
    of_runtime = mapping_of(runtime, "keyValueService", "the runtime keyValueService") if runtime else None
    address = store_address(kvs, of_runtime, namespace.name, overrides)
    found["kvs"] = address.kvs
    found["problems"] += address.problems


def _runtime(found: dict, document, runtime_text, runtime_root) -> Mapping | None:
    separate = runtime_text is not None
    block: Block | None = find_runtime(
        parse(runtime_text, RUNTIME_FILE) if separate else document, runtime_root, separate
    )
    if block is None:
        return None
    found.update(runtime_root=block.pointer, runtime_in="runtime" if separate else "install")
    return block.node


def _quorum(leader: Mapping, leader_count: int) -> int:
    """The ``quorumSize`` of a leader block, below which it elects nobody: over half of its leaders (LeaderConfig)."""
    said = text_of(leader, "quorumSize", "leader.quorumSize") or ""
    return int(said) if said.isdecimal() and said.isascii() else leader_count // 2 + 1


def _mode(found: dict, install: Mapping, runtime: Mapping | None, version: str | None) -> str:
    """The client's own order of choice (DefaultLockAndTimestampServiceFactory, 0.1175.0), and what it would
    refuse to start with.
    """
    leader = mapping_of(install, "leader", "leader")
    timestamp = mapping_of(install, "timestamp", "timestamp")
    lock = mapping_of(install, "lock", "lock")
    timelock = mapping_of(install, "timelock", "timelock")
    switch = mapping_of(runtime, "timelockRuntime", "timelockRuntime") if runtime else None
    alone = not version or parse_version(version) >= RUNTIME_ALONE_SWITCHES
    remote = timestamp is not None or lock is not None

    def objects(when: bool, sentence: str) -> None:
        if when:
            found["problems"].append(("config-invalid", sentence))

    objects(leader is not None and remote, "There are both a leader block and a lock or timestamp block.")
    objects(leader is not None and timelock is not None, "There are both a leader and a timelock block.")
    objects(remote and timelock is not None, "There are both a timelock and a lock or timestamp block.")
    objects(
        remote and None in (timestamp, lock), "There is only one of lock and timestamp; both or neither are needed."
    )
    objects(
        (leader is not None or remote) and switch is not None and alone,
        "timelockRuntime stands beside another source of timestamps.",
    )
    if leader is not None:
        found["leader_count"] = len(texts_of(leader, "leaders", "leader"))
        objects(found["leader_count"] == 0, "The leader block names no leaders.")
        found["quorum"] = _quorum(leader, found["leader_count"])
        return LEADER
    if remote:
        blocks = [(block, name) for block, name in ((timestamp, "timestamp"), (lock, "lock")) if block is not None]
        servers = [server for block, name in blocks for server in texts_of(block, "servers", name)]
        found["remote_timestamp_servers"] = list(dict.fromkeys(servers))
        named = ", ".join(found["remote_timestamp_servers"]) or "no server"
        found["problems"].append(("config-remote-timestamps", f"The service takes its timestamps from {named}."))
        return REMOTE
    if timelock is None and not (switch is not None and alone):
        return EMBEDDED
    client = text_of(timelock, "client", "timelock") if timelock is not None else None
    source, shape = (switch, "runtime") if switch is not None else (timelock, "install")
    listed = mapping_of(source, "serversList", "serversList")
    servers = texts_of(listed, "servers", "serversList") if listed is not None else []
    found["timelock"] = ConfiguredTimelock(servers, client, shape)
    objects(not servers, "The configuration is for TimeLock, but names no server.")
    return TIMELOCK
