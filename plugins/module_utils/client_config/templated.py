# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A configuration for TimeLock that a fleet's own template renders, held to the rules of one that is edited."""

from __future__ import annotations

from ..refusal import Refusal
from .documents import Document, parse
from .logins import NewLogin
from .reading import TIMELOCK, ClientConfig, read_config
from .redaction import mask, masked
from .transform import TimelockBlock, Transformed, diff_of, to_timelock

_SAME = ("namespace", "store", "kvs")
"""What a migration never changes."""


def templated(
    before: ClientConfig,
    old_text: str,
    rendered: str,
    runtime_text: str | None,
    *,
    version: str,
    timelock: TimelockBlock,
    root: str | None = None,
    runtime_root: str | None = None,
    overrides: dict | None = None,
    login: NewLogin | None = None,
) -> Transformed:
    """The files of a node with ``rendered`` for its install configuration; a runtime file of its own is edited.

    ``before`` is what ``old_text`` and ``runtime_text`` say now. Raises Refusal: ``config-template`` where ``rendered``
    is for another service or store, or lacks what an edited file would have; else as to_timelock does.
    """
    try:
        new = to_timelock(
            rendered,
            runtime_text,
            version=version,
            timelock=timelock,
            root=root,
            runtime_root=runtime_root,
            login=login,
        )
    except Refusal as refusal:
        raise Refusal("config-template", f"{refusal.code}: {refusal.found}") from None
    if "install" in new.changed_files:
        raise Refusal("config-template", f"It is not as it must be: {' '.join(new.summary)}")
    after = read_config(
        rendered,
        new.runtime_text,
        root=root,
        runtime_root=runtime_root,
        overrides=overrides or {},
        version=version,
    )
    _require_usable(after)
    _require_same(before, after)
    changed = [*(["install"] if rendered != old_text else []), *new.changed_files]
    document = parse(rendered)
    return Transformed(
        rendered,
        new.runtime_text,
        changed,
        _diff(old_text, document) + new.diff_redacted,
        [*(["The install configuration comes from the template."] if rendered != old_text else []), *new.summary],
    )


def _diff(old_text: str, new: Document) -> str:
    return diff_of("install", mask(old_text), masked(new))


def _require_usable(after: ClientConfig) -> None:
    if after.problems:
        code, found = after.problems[0]
        raise Refusal("config-template", f"{code}: {found}")
    if after.mode != TIMELOCK:
        raise Refusal("config-template", f"It takes its timestamps from {after.mode}, and not from TimeLock.")


def _require_same(before: ClientConfig, after: ClientConfig) -> None:
    old, new = before.shared(), after.shared()
    for key in _SAME:
        if old[key] != new[key]:
            raise Refusal("config-template", f"Its {key} is {new[key]}, and the service's is {old[key]}.")
    if (before.kvs or {}).get("password") != (after.kvs or {}).get("password"):
        raise Refusal("config-template", "It gives the key-value service another password than the service has.")
