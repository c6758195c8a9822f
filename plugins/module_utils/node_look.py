# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the files and probes of a node to what the plan weighs."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict

from .client_config.logins import NewLogin
from .client_config.reading import TIMELOCK, ClientConfig, read_config
from .client_config.renaming import to_namespace
from .client_config.reversal import Former, to_embedded
from .client_config.templated import templated
from .client_config.transform import SSL_OPTIONS, TimelockBlock, Transformed, to_timelock
from .refusal import Refusal


def text_of(content_b64: str | None) -> str | None:
    """The text of a file as a node module returns it. Raises Refusal ``config-invalid`` where it is not UTF-8."""
    if content_b64 is None:
        return None
    try:
        return base64.b64decode(content_b64).decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal("config-invalid", "The file is not UTF-8 text.") from None


class NodeConfig:
    """The client configuration of a node, as a result of ``node_info`` holds it; a held node's is the kept one."""

    def __init__(self, probe: dict, options: dict, rendered: str | None = None):
        """``options``: config_root, runtime_config_root, kvs_overrides, atlasdb_version; timelock, new_login (or None).

        ``rendered``: what the fleet's own template gives for the install configuration with TimeLock, if it has one.
        """
        files = probe["files"]
        self.held = bool(probe["hold"])
        self._options = options
        self._rendered = rendered
        self._refuse_unreadable(files)
        self.install = text_of(probe["kept_content_b64"] if self.held else files["install"]["content_b64"])
        self.runtime = text_of((files["runtime"] or {}).get("content_b64"))
        former = probe.get("embedded")
        install = text_of(former["install_b64"]) if former else None
        self.former = Former(install, text_of(former["runtime_b64"])) if install is not None else None
        self.version = options["atlasdb_version"] or (probe["atlasdb_version"] or {}).get("version") or ""

    @staticmethod
    def _refuse_unreadable(files: dict) -> None:
        for found in (files["install"], files["runtime"]):
            if found is None:
                continue
            if not found["exists"] or found["content_b64"] is None:
                raise Refusal("config-missing", f"{found['path']} does not exist, or cannot be read.")
            if found["is_symlink"] or found["is_mount"]:
                what = "a symbolic link" if found["is_symlink"] else "a mount point"
                raise Refusal("hold-impossible", f"{found['path']} is {what}.")
            if not found["writable"]["ok"]:
                raise Refusal("config-not-writable", f"{found['path']}: {found['writable']['detail']}.")

    def read(self, planned: Transformed | None = None) -> ClientConfig:
        """What the configuration says, or what it would say as it is ``planned``."""
        return read_config(
            planned.install_text if planned else self.install,
            planned.runtime_text if planned else self.runtime,
            root=self._options["config_root"],
            runtime_root=self._options["runtime_config_root"],
            overrides=self._options["kvs_overrides"] or {},
            version=self.version or None,
        )

    def digest(self) -> str:
        """What tells the content of the files, and of what a template gives, from any other, in hexadecimal."""
        texts = (self.install, self.runtime, *([self._rendered] if self._rendered is not None else []))
        return hashlib.sha256(repr(texts).encode("utf-8")).hexdigest()

    def transformed(self, embedded: bool = False, namespace: str | None = None) -> Transformed:
        """The configuration for TimeLock, the one for ``embedded`` timestamps again, or for another ``namespace``."""
        if namespace:
            where = {"root": self._options["config_root"], "runtime_root": self._options["runtime_config_root"]}
            return to_namespace(self.install, self.runtime, namespace, version=self.version, **where)
        timelock = self._options["timelock"]
        ssl = {option: timelock["ssl"][key] for option, key in SSL_OPTIONS.items() if timelock["ssl"].get(key)}
        about = {
            "version": self.version,
            "timelock": TimelockBlock(timelock["servers"], ssl),
            "root": self._options["config_root"],
            "runtime_root": self._options["runtime_config_root"],
            "login": NewLogin.of(self._options.get("new_login")),
        }
        if embedded:
            return to_embedded(self.install, self.runtime, self.former, **about)
        if self._rendered is None:
            return to_timelock(self.install, self.runtime, **about)
        overrides = self._options["kvs_overrides"]
        return templated(self.read(), self.install, self._rendered, self.runtime, overrides=overrides, **about)


_CONTENT = ("files", "kept_content_b64", "embedded")
"""What of a node's module has the files' text, which no plan needs."""


def describe(probe: dict, options: dict, rendered: str | None = None) -> dict:
    """The result of client_config_info.

    That is ``config``, ``digest``, ``kvs``, ``problems``, ``planned``, ``probe`` and ``content``.

    ``rendered`` as in NodeConfig.
    """
    look = {
        "config": None,
        "digest": None,
        "kvs": None,
        "problems": [],
        "planned": {"diff": "", "changed": False},
        "probe": {key: value for key, value in probe.items() if key not in (*_CONTENT, "invocation")},
        "content": {key: value for key, value in probe.items() if key in _CONTENT},
    }
    try:
        node = NodeConfig(probe, options, rendered)
        look["digest"] = node.digest()
        config = node.read()
        look["kvs"] = config.kvs
        look["config"] = {
            "mode": "held" if node.held else config.mode,
            "namespace": config.namespace,
            "namespace_explicit": config.namespace_explicit,
            "login": config.login,
            "timelock": config.timelock and asdict(config.timelock),
            "shared": config.shared(),
            "version": node.version,
            "former": node.former is not None,
            "quorum": config.quorum,
        }
        look["problems"] += [{"code": code, "found": found} for code, found in config.problems]
        if probe["missing_files"] and config.mode != "timelock":
            found = f"{', '.join(probe['missing_files'])} does not exist on the node."
            look["problems"].append({"code": "config-tls-missing", "found": found})
        reverse, namespace = bool(options.get("reverse")), options.get("rename_to")
        leaving = reverse or bool(namespace)
        if options["timelock"] and not config.problems and leaving == (config.mode == TIMELOCK):
            planned = node.transformed(embedded=reverse, namespace=namespace)
            look["planned"] = {"diff": planned.diff_redacted, "changed": bool(planned.changed_files)}
            if reverse:
                look["config"]["quorum"] = node.read(planned).quorum
    except Refusal as refusal:
        look["problems"].append({"code": refusal.code, "found": refusal.found})
    return look
