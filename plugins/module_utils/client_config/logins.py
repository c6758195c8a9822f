# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The login with which a service's configuration goes to its key-value service, and another one in its place."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..refusal import Refusal
from .blocks import Block
from .documents import Mapping
from .plans import Plan
from .stated import PLACEHOLDER
from .values import mapping_of, text_of

_PLACES = {"relational": ("connection", "dbLogin", "dbPassword"), "cassandra": ("credentials", "username", "password")}
"""By the type of the ``keyValueService``: the block in it, and its names for the login and its password."""


@dataclass(frozen=True)
class NewLogin:
    """The login that the configuration for TimeLock carries."""

    username: str
    password: str = field(repr=False)

    @classmethod
    def of(cls, option: dict | None) -> NewLogin | None:
        """From the option of the modules; None where there is none."""
        return cls(option["username"], option["password"]) if option else None


def login_of(key_value_service: Mapping) -> str | None:
    """The login that a ``keyValueService`` block names; None where it names none, or one that is encrypted."""
    place = _PLACES.get(text_of(key_value_service, "type", "keyValueService") or "")
    inner = mapping_of(key_value_service, place[0], place[0]) if place else None
    login = text_of(inner, place[1], place[0]) if inner is not None else None
    return None if login is None or PLACEHOLDER.search(login) else login


def put_login(install: Plan, block: Block, runtime: Plan | None, runtime_block: Block | None, new: NewLogin) -> list:
    """Plan ``new`` in place of the login of the install ``block``; a sentence where that is a change.

    The password stands where it stood: in the runtime block, if that has one (it wins since 0.321.3), else beside the
    login. One that is encrypted, beside the new login, is left: its own service knows what it is. Raises Refusal
    ``config-secret-encrypted`` rather than write a password in the open where an encrypted one stood.
    """
    kvs = _inner(block, "keyValueService")
    name, login, password = _PLACES.get(text_of(kvs.node, "type", "keyValueService") or "", (None, None, None))
    inner = _inner(kvs, name) if name else None
    if inner is None or inner.node.get(login) is None:
        raise Refusal("config-invalid", f"{kvs.pointer} names no login that another one could stand for.")
    of_runtime = _inner(runtime_block, "keyValueService") if runtime_block and runtime_block.node else None
    secret_at = of_runtime if of_runtime and of_runtime.node.get(password) is not None else inner
    there = text_of(inner.node, login, name), text_of(secret_at.node, password, name)
    is_encrypted = there[1] is not None and bool(PLACEHOLDER.search(there[1]))
    if there[0] == new.username and (is_encrypted or there[1] == new.password):
        return []
    if is_encrypted:
        raise Refusal(
            "config-secret-encrypted",
            f"{password} in {secret_at.pointer} is encrypted, and the one of the new login would stand there in the"
            " open.",
            "Give the whole file with atlasdb_config_template, with the new login and its encrypted password.",
        )
    install.put(inner, login, new.username)
    (runtime or install if secret_at is of_runtime else install).put(secret_at, password, new.password)
    return [f"{inner.pointer}: the login {new.username} in place of {there[0]}."]


def _inner(block: Block, key: str) -> Block | None:
    """The block under ``key``, wherever an alias leads; what is shared with others is refused where it is changed."""
    node = mapping_of(block.node, key, key)
    return node and Block(block.document, (*block.path, key), node, [*block.above, block.node])
