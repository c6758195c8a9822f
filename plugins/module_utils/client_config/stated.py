# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a configuration states of its store, what is given in its place, and what is missing in both."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TLS = ("ca_path", "client_cert", "client_key", "validate_certs")
_PORT = re.compile(r"[0-9]{1,5}\Z")
PLACEHOLDER = re.compile(r"\$\{[^}]*\}")


@dataclass(frozen=True)
class StoreAddress:
    """``kvs`` as the modules take it, None where ``problems`` say why."""

    kvs: dict | None
    problems: list


@dataclass(frozen=True)
class Options:
    """The options of ``kvs`` for one type.

    ``names``: what may be given in place of what the file says; ``needed``: which of them there must be, with the block
    and the name that AtlasDB's configuration has for it; ``ports``: which are ports.
    """

    kind: str
    names: tuple
    needed: dict
    ports: tuple

    def address(self, said: dict, overrides: dict) -> StoreAddress:
        """``said`` with ``overrides`` in its place. ``host`` may stand for a single one of ``hosts``."""
        unknown = sorted(set(overrides) - {*self.names, *_TLS, "host"})
        if unknown:
            found = f"No option of the key-value service is called {', '.join(unknown)}."
            return StoreAddress(None, [("config-invalid", found)])
        given = {"hosts" if key == "host" else key: value for key, value in overrides.items() if value is not None}
        problems = self._encrypted({key: value for key, value in said.items() if key not in given})
        kvs = {**said, **given}
        if isinstance(kvs["hosts"], str):
            kvs["hosts"] = [kvs["hosts"]]
        problems += self._missing(kvs) + self._wrong_ports(kvs)
        if problems:
            return StoreAddress(None, problems)
        return StoreAddress({"type": self.kind, **kvs, **{port: int(kvs[port]) for port in self.ports}}, [])

    def _encrypted(self, said: dict) -> list:
        """What the file says by placeholders, which only the service itself can resolve."""
        texts = {key: " ".join(value) if isinstance(value, list) else str(value) for key, value in said.items()}
        names = {key: name for key, (_block, name) in self.needed.items()}
        return [
            (
                "config-secret-encrypted",
                f"{names.get(key, key)} of the key-value service is encrypted or a placeholder.",
            )
            for key, text in texts.items()
            if PLACEHOLDER.search(text)
        ]

    def _missing(self, kvs: dict) -> list:
        return [
            ("config-invalid", f"{block} has no {name}.")
            for key, (block, name) in self.needed.items()
            if kvs[key] in (None, "", [], [""])
        ]

    def _wrong_ports(self, kvs: dict) -> list:
        wrong = []
        for port in (str(kvs[name]) for name in self.ports):
            if not (_PORT.match(port) and 0 < int(port) < 65536) and not PLACEHOLDER.search(port):
                wrong.append(("config-invalid", f"The port {port} of the key-value service is not one."))
        return wrong
