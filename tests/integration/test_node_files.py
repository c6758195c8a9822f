# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may read what the node modules write: nobody who may not read the configuration, at no moment and with no
umask. And what the kernel knows of that file besides, it knows of the one that takes its place.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import struct
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.node import disk

from node_parts.host import Host
from node_parts.in_process import EFFECTS

LABEL, CONTEXT = "security.selinux", b"system_u:object_r:etc_t:s0\0"
"""As the kernel writes it. Root may write it on any file where no SELinux is at work, too."""
ACL, DEFAULT_ACL = "system.posix_acl_access", "system.posix_acl_default"
OWNER, USER, GROUP, MASK, OTHER = 1, 2, 4, 16, 32

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="files are given to others by root alone")


def _access_list(*entries: tuple[int, int, int]) -> bytes:
    """As acl(5) has it: what, which rights, whose."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NOBODY = 0xFFFFFFFF
FOR_ONE = _access_list(
    (OWNER, 6, NOBODY), (USER, 4, 4711), (GROUP, 0, NOBODY), (MASK, 4, NOBODY), (OTHER, 0, NOBODY)
)  # fmt: skip
"""One user may read; the group, whose bits show that, may not."""


@pytest.fixture(params=[0o000, 0o077], ids=["umask 000", "umask 077"])
def umask(request) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def host(tmp_path, umask) -> Host:
    return Host(tmp_path / "host", "systemd", 1)


@pytest.fixture
def states(host, monkeypatch, tmp_path) -> Callable[[], list[dict]]:
    """Every state that a file of the node was in after any effect of a module, which ran in a process of its own."""
    told = tmp_path / "states"

    def watched(real):
        def effect(*arguments, **named):
            try:
                return real(*arguments, **named)
            finally:
                with told.open("a") as file:
                    file.writelines(json.dumps(state) + "\n" for state in _states(host))

        return effect

    for name in EFFECTS:
        monkeypatch.setattr(disk, name, watched(getattr(disk, name)))
    return lambda: [json.loads(line) for line in {*told.read_text().splitlines()}]


def _states(host: Host) -> Iterator[dict]:
    for path in sorted(host.config.parent.iterdir()):
        about = path.lstat()
        yield {
            "name": path.name, "mode": stat.S_IMODE(about.st_mode), "owner": [about.st_uid, about.st_gid],
            "attributes": {name: os.getxattr(path, name).hex() for name in os.listxattr(path)},
        }  # fmt: skip


def _there_and_back(host: Host) -> None:
    """All that ever happens to a node: staged, held, switched, held again, and taken back; and put back once."""
    runtime = {"runtime_path": str(host.runtime)}
    for result in (
        host.stage_both(b"timelockRuntime: {}\n"),
        host.offline(state="held", **runtime),
        host.online("embedded", start=False, **runtime),
        host.stage_both(b"timelockRuntime: {}\n"),
        host.offline(state="held", **runtime),
        host.online("timelock", start=False, **runtime),
        host.stage(content=host.old, source=host.new, embedded=True),
        host.offline(state="held"),
        host.online("timelock", start=False),
    ):
        assert not result["failed"], result


def _kinds(states: list[dict]) -> set[str]:
    return {state["name"].rpartition("timelock-")[2].partition("-")[0] for state in states}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o604])
def test_no_file_is_ever_more_readable_than_the_one_that_it_stands_for(host, states, mode):
    for path in (host.config, host.runtime):
        path.chmod(mode)
        if os.geteuid() == 0:
            os.chown(path, 12345, 23456)
    _there_and_back(host)
    seen = states()
    assert {"staged", "staged.json", "kept", "held", "switched", "next", "epoch", "lock"} <= _kinds(seen)
    for state in seen:
        assert state["mode"] & ~(mode | 0o600) == 0, state
        # The group's right is that of the original's group.
        assert not state["mode"] & 0o070 or state["owner"][1] == host.config.stat().st_gid, state
    assert stat.S_IMODE(host.config.stat().st_mode) == stat.S_IMODE(host.runtime.stat().st_mode) == mode


def test_what_is_the_collection_s_own_is_for_its_owner_alone(host, states):
    host.config.chmod(0o644)
    _there_and_back(host)
    for state in states():
        kind = state["name"].rpartition("timelock-")[2]
        if kind.startswith(("staged", "held", "switched", "epoch", "lock")):
            assert state["mode"] == 0o600, state


@as_root
def test_label_and_access_list_of_a_configuration_are_those_of_whatever_lies_in_its_place(host, states):
    host.runtime.write_bytes(host.runtime_old)
    for path in (host.config, host.runtime):
        path.chmod(0o640)
        os.setxattr(path, LABEL, CONTEXT)
        os.setxattr(path, ACL, FOR_ONE)
    _there_and_back(host)
    seen = states()
    for state in seen:
        if state["name"] in (host.config.name, host.runtime.name):
            assert state["attributes"] == {LABEL: CONTEXT.hex(), ACL: FOR_ONE.hex()}, state
        # Bits of a group that are a mask must not become the group's own.
        assert not state["mode"] & 0o070 or state["attributes"][ACL] == FOR_ONE.hex(), state
    assert any("kept-" in state["name"] and state["attributes"].get(LABEL) == CONTEXT.hex() for state in seen)


@as_root
def test_a_folder_s_default_access_list_lets_nobody_read_more(host, states):
    for path in (host.config, host.runtime):
        path.chmod(0o640)
    os.setxattr(host.config.parent, DEFAULT_ACL, FOR_ONE)
    _there_and_back(host)
    assert [state for state in states() if ACL in state["attributes"] and state["mode"] & 0o070] == []


@as_root
def test_an_access_list_that_cannot_be_kept_is_refused_and_the_configuration_stays(host, monkeypatch):
    os.setxattr(host.config, ACL, FOR_ONE)
    host.stage()
    real = os.setxattr

    def full(path, name, *rest):
        if name == ACL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, name, *rest)

    monkeypatch.setattr(os, "setxattr", full)
    result = host.offline(state="held")
    assert result["failed"] and result["code"] == "config-not-writable", result
    assert host.config.read_bytes() == host.old
