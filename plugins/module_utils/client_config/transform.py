# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a service's configuration files to the same files with TimeLock in them."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field

from ..refusal import Refusal
from .blocks import Block, find_install, find_runtime
from .documents import Document, Mapping, parse
from .edits import edited
from .logins import NewLogin, put_login
from .namespaces import namespace_of
from .plans import Plan, unsafe
from .proofs import proved
from .reading import RUNTIME_FILE, is_hold
from .redaction import masked
from .values import mapping_of, text_of, texts_of
from .versions import INSTALL_WITH_CLIENT, RUNTIME, shape_for

SSL_OPTIONS = {
    "trust_store_path": "trustStorePath",
    "trust_store_type": "trustStoreType",
    "key_store_path": "keyStorePath",
    "key_store_password": "keyStorePassword",
    "key_store_type": "keyStoreType",
    "key_store_key_alias": "keyStoreKeyAlias",
}

EMBEDDED_BLOCKS = ("leader", "timestamp", "lock")
_BASE_URL = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#]*[^\s?#/])?\Z")


@dataclass(frozen=True)
class TimelockBlock:
    """The TimeLock to write down: base URLs with scheme, port and context path, and its ``ssl`` (keys of
    SSL_OPTIONS, paths on the node).

    A trust store belongs to it for ``http`` URLs as well: since 0.230.0 a client does not start without
    sslConfiguration.
    """

    servers: list
    ssl: dict = field(repr=False)


@dataclass(frozen=True)
class Transformed:
    """``changed_files`` holds ``install``, ``runtime``, both or none; ``diff_redacted`` a unified diff without
    secrets; ``summary`` a sentence for each change.
    """

    install_text: str = field(repr=False)
    runtime_text: str | None = field(repr=False)
    changed_files: list
    diff_redacted: str
    summary: list


def to_timelock(
    install_text: str,
    runtime_text: str | None = None,
    *,
    version: str,
    timelock: TimelockBlock,
    root: str | None = None,
    runtime_root: str | None = None,
    login: NewLogin | None = None,
) -> Transformed:
    """The files of a node with ``timelock`` in them, and ``login`` where there is one, and without what keeps a service
    embedded.

    What is written follows the client's ``version`` (AtlasDB's release notes 0.55.0, 0.67.0, 0.75.0). From 0.67.0
    on the servers go into the runtime block, created where ``runtime_root`` names one that is not there; where no
    runtime block is known at all, they go into the install configuration, which every version reads.
    ``runtime_text`` is None for a service with one file.

    Lines that are not of the migration stay byte for byte. A second time changes nothing. Raises Refusal:
    ``config-invalid`` (also for files that cannot be edited safely), ``config-namespace-*``,
    ``config-version-unknown``, ``config-client-too-old``, ``config-other-timelock``, ``config-tls-missing``,
    ``inventory-empty``.
    """
    shape = shape_for(version)
    wanted = _servers_list(timelock)
    if is_hold(install_text):
        raise Refusal("config-invalid", "The file is a hold: what is to be changed is the file that was kept.")

    def plan(install: Document, runtime: Document | None) -> _Work:
        return _Work(install, runtime, root, runtime_root, shape, wanted, login)

    work = plan(parse(install_text), parse(runtime_text, RUNTIME_FILE) if runtime_text is not None else None)
    install, runtime = edited(work.install), edited(work.runtime) if work.runtime else None
    proven = proved(work.install, install), proved(work.runtime, runtime) if work.runtime else None
    again = plan(*proven)
    if again.install.changes or (again.runtime and again.runtime.changes):
        raise unsafe("a second time would change it again.")
    plans = [("install", work.install, again.install), ("runtime", work.runtime, again.runtime)]
    changed = [(name, before.document, after.document) for name, before, after in plans if before and before.changes]
    words = "".join(diff(name, before, after) for name, before, after in changed)
    return Transformed(install, runtime, [name for name, _before, _after in changed], words, work.summary)


class _Work:
    """The plans for both files; ``runtime`` is None for a service with one file."""

    def __init__(self, install: Document, runtime: Document | None, root, runtime_root, shape, wanted, login):
        self.install = Plan(install)
        self.runtime = Plan(runtime) if runtime is not None else None
        self.summary = []
        self._block = find_install(install, root)
        runtime_block = find_runtime(install if runtime is None else runtime, runtime_root, runtime is not None)
        if runtime_block is not None and runtime_block.node is self._block.node:
            raise Refusal(
                "config-invalid", f"{runtime_block.pointer} is named as the install and as the runtime block."
            )
        namespace = namespace_of(self._block.node)
        for code, found in namespace.problems:
            raise Refusal(code, found)
        for key in EMBEDDED_BLOCKS:
            if self._block.node.entry(key):
                self.install.remove(self._block, key)
                self.summary.append(f"{self._block.pointer}: {key} removed.")
        if login:
            self.summary += put_login(self.install, self._block, self.runtime, runtime_block, login)
        settings = {}
        if shape == INSTALL_WITH_CLIENT:
            settings["client"] = namespace.name
        elif not namespace.explicit:
            self.install.put(self._block, "namespace", namespace.name)
            self.summary.append(f"{self._block.pointer}: namespace {namespace.name} written down.")
        if shape == RUNTIME and runtime_block is not None:
            self._write_runtime(runtime_block, wanted)
        else:
            settings["serversList"] = wanted
        self._write_install(settings, wanted)

    def _write_install(self, settings: dict, wanted: dict) -> None:
        """``timelock: {}`` too, beside a runtime block: the choice must not hang on the runtime file alone (5.3
        of the client's rules).
        """
        block = self._block
        existing = mapping_of(block.node, "timelock", "timelock")
        if existing is None:
            self.install.put(block, "timelock", settings)
            self.summary.append(f"{block.pointer}: timelock added.")
            return
        _check_same(existing.get("serversList"), wanted, f"{block.pointer}/timelock")
        for key, value in settings.items():
            if existing.get(key) is None:
                self.install.put_within(block, "timelock", key, value)
                self.summary.append(f"{block.pointer}: timelock.{key} added.")

    def _write_runtime(self, block: Block, wanted: dict) -> None:
        plan = self.runtime or self.install
        new = {"serversList": wanted}
        if block.node is None:
            plan.create(block, {"timelockRuntime": new})
        else:
            existing = mapping_of(block.node, "timelockRuntime", "timelockRuntime")
            if existing is not None and existing.get("serversList") is not None:
                _check_same(existing.get("serversList"), wanted, f"{block.pointer}/timelockRuntime")
                return
            if existing is not None:
                plan.put_within(block, "timelockRuntime", "serversList", wanted)
            else:
                plan.put(block, "timelockRuntime", new)
        self.summary.append(f"{block.pointer}: timelockRuntime added, with {', '.join(wanted['servers'])}.")


def _servers_list(timelock: TimelockBlock) -> dict:
    servers = list(timelock.servers)
    if not servers:
        raise Refusal("inventory-empty", "There is no TimeLock server to write into the configuration.")
    for server in servers:
        if not _BASE_URL.match(server):
            raise Refusal(
                "timelock-not-timelock",
                f"{server} is not a base URL.",
                "Write http(s)://host:port/context, no slash at the end.",
            )
    ssl = {key: value for key, value in timelock.ssl.items() if value is not None}
    unknown = sorted(set(ssl) - set(SSL_OPTIONS))
    if unknown:
        raise Refusal("config-tls-missing", f"sslConfiguration has no option {', '.join(unknown)}.")
    if not ssl.get("trust_store_path"):
        name = SSL_OPTIONS["trust_store_path"]
        raise Refusal(
            "config-tls-missing", f"There is no {name}, and a client does not start without one, http or not."
        )
    needy = [key for key in ("key_store_password", "key_store_key_alias") if ssl.get(key)]
    if needy and not ssl.get("key_store_path"):
        found = f"There is {SSL_OPTIONS[needy[0]]}, but no {SSL_OPTIONS['key_store_path']}."
        raise Refusal("config-tls-missing", found)
    return {
        "servers": servers,
        "sslConfiguration": {SSL_OPTIONS[key]: str(ssl[key]) for key in SSL_OPTIONS if key in ssl},
    }


def _check_same(existing, wanted: dict, where: str) -> None:
    """Raise Refusal ``config-other-timelock`` unless a serversList that is there already is the wanted one. Keys,
    not values, are named.
    """
    if existing is None:
        return
    if not isinstance(existing, Mapping):
        raise Refusal("config-invalid", f"serversList in {where} is not a block of keys.")
    servers = texts_of(existing, "servers", "serversList")
    if set(servers) != set(wanted["servers"]):
        raise Refusal(
            "config-other-timelock",
            f"{where} names {', '.join(servers) or 'no servers'}, not {', '.join(wanted['servers'])}.",
        )
    ssl = mapping_of(existing, "sslConfiguration", "sslConfiguration")
    keys = {_camel(name): name for name in ssl.names()} if ssl else {}
    said = {key: text_of(ssl, name, "sslConfiguration") for key, name in keys.items()}
    different = sorted(
        key for key in {*said, *wanted["sslConfiguration"]} if said.get(key) != wanted["sslConfiguration"].get(key)
    )
    if different:
        raise Refusal(
            "config-other-timelock",
            f"{where} names the same servers with another sslConfiguration: {', '.join(different)}.",
            "Remove that block from the file, or set timelock_client_ssl to what it says.",
        )


def _camel(key: str) -> str:
    return re.sub("-([a-z])", lambda found: found.group(1).upper(), key)


def diff(name: str, before: Document, after: Document) -> str:
    """The unified diff of a file, without secrets."""
    return diff_of(name, masked(before), masked(after))


def diff_of(name: str, before: str, after: str) -> str:
    """The unified diff of two texts that hold no secret."""
    texts = before.splitlines(), after.splitlines()
    lines = difflib.unified_diff(*texts, f"{name} before", f"{name} after", lineterm="")
    return "".join(line + "\n" for line in lines)
