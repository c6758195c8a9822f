# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a service's configuration files with TimeLock in them back to embedded timestamps."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..refusal import Refusal
from .blocks import Block, find_install, find_runtime
from .documents import Mapping, Node, Scalar, Sequence, is_null, parse, resolved
from .edits import edited
from .logins import NewLogin, login_of
from .plans import Plan, unsafe
from .proofs import proved
from .reading import EMBEDDED, LEADER, RUNTIME_FILE, TIMELOCK, read_config
from .transform import EMBEDDED_BLOCKS, TimelockBlock, Transformed, diff, to_timelock
from .values import mapping_of


@dataclass(frozen=True)
class Former:
    """The files of before the migration; ``runtime`` is None where that one did not change then."""

    install: str = field(repr=False)
    runtime: str | None = field(repr=False, default=None)


def to_embedded(
    install_text: str,
    runtime_text: str | None,
    former: Former | None,
    *,
    version: str,
    timelock: TimelockBlock,
    root: str | None = None,
    runtime_root: str | None = None,
    login: NewLogin | None = None,
) -> Transformed:
    """The files of a node without TimeLock, and with what the ``former`` ones said of embedded timestamps.

    Where they carry ``login``, the migration has put it there.

    Where nothing but the migration has changed them since, they are the former ones, byte for byte. Else what the
    migration removed is taken from those, what it added goes, and all else stays as it is now. Without ``former`` no
    leader block comes back. Raises Refusal as ``to_timelock`` does.
    """
    where = {"root": root, "runtime_root": runtime_root}
    if read_config(install_text, runtime_text, version=version or None, **where).mode != TIMELOCK:
        return Transformed(install_text, runtime_text, [], "", [])
    if login and _login(install_text, root) != login.username:
        login = None
    about = {**where, "version": version, "timelock": timelock, "login": login}
    install, runtime = _former_files(install_text, runtime_text, former, about) or _edited_files(
        install_text, runtime_text, former, where
    )
    if login and _login(install, root) == login.username:
        raise unsafe(f"other parts have changed since the migration, so its login {login.username} would stay.")
    mode = read_config(install, runtime, version=version or None, **where).mode
    if mode not in (EMBEDDED, LEADER):
        raise unsafe(f"the outcome would take its timestamps from {mode}.")
    files = (("install", install_text, install), ("runtime", runtime_text, runtime))
    changed = [(name, parse(before), parse(after)) for name, before, after in files if before != after]
    words = "".join(diff(name, before, after) for name, before, after in changed)
    return Transformed(install, runtime, [name for name, _before, _after in changed], words, ["TimeLock removed."])


def _login(install_text: str, root: str | None) -> str | None:
    return login_of(mapping_of(find_install(parse(install_text), root).node, "keyValueService", "keyValueService"))


def _former_files(install_text, runtime_text, former, about: dict) -> tuple | None:
    """The former files, where the migration makes of them what is there now."""
    if former is None:
        return None
    runtime = former.runtime if former.runtime is not None else runtime_text
    try:
        again = to_timelock(former.install, runtime, **about)
    except Refusal:
        return None
    is_it = (again.install_text, again.runtime_text) == (install_text, runtime_text)
    return (former.install, runtime) if is_it else None


def _edited_files(install_text, runtime_text, former: Former | None, where: dict) -> tuple:
    document = parse(install_text)
    install = Plan(document)
    runtime = Plan(parse(runtime_text, RUNTIME_FILE)) if runtime_text is not None else None
    block = find_install(document, where["root"])
    if block.node.entry("timelock"):
        install.remove(block, "timelock")
    if former is not None:
        old = find_install(parse(former.install), where["root"]).node
        for key in EMBEDDED_BLOCKS:
            if old.get(key) is not None:
                install.put(block, key, _plain(old.get(key)))
    of_runtime = runtime or install
    _remove_switch(of_runtime, find_runtime(of_runtime.document, where["runtime_root"], runtime is not None))
    texts = edited(install), edited(runtime) if runtime else None
    proved(install, texts[0])
    if runtime:
        proved(runtime, texts[1])
    return texts


def _remove_switch(plan: Plan, block: Block | None) -> None:
    """A block that holds nothing else goes with it; it was made for it, or is as good as absent."""
    entry = block.node.entry("timelockRuntime") if block and block.node else None
    if entry is None:
        return
    if len(block.node.entries) > 1:
        plan.remove(block, "timelockRuntime")
        return
    if not block.above or len(block.above[-1].entries) == 1:
        raise unsafe(f"{block.pointer} would be left without any key.")
    outer = Block(block.document, block.path[:-1], block.above[-1], block.above[:-1])
    plan.remove(outer, block.path[-1])


def _plain(node: Node):
    """A value as plans take it: a number, truth value or null that is not quoted stays one."""
    node = resolved(node)
    if isinstance(node, Mapping):
        return {entry.key.value: _plain(entry.value) for entry in node.entries}
    if isinstance(node, Sequence):
        return [_plain(item) for item in node.items]
    if is_null(node):
        return None
    if isinstance(node, Scalar) and node.plain and node.tag is None:
        if node.value in ("true", "false"):
            return node.value == "true"
        if node.value.isascii() and node.value.isdigit() and (node.value == "0" or node.value[0] != "0"):
            return int(node.value)
    return node.value
