# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.plain_file import (
    is_mount,
    require_plain,
    why_not_writable,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal


def test_a_mounted_file_is_told_by_the_mount_table_also_with_a_space_in_its_name(tmp_path):
    path = tmp_path / "install file.yml"
    path.touch()
    table = tmp_path / "mountinfo"
    named = str(path).replace(" ", "\\040")
    root = "36 35 98:0 /a / rw,noatime shared:1 - ext3 /dev/root rw"
    table.write_text(f"{root}\n37 36 98:0 /b {named} rw - ext3 /dev/root rw\n")
    assert is_mount(str(path), str(table))
    assert not is_mount(str(tmp_path / "other.yml"), str(table))


@pytest.mark.parametrize("kind", ["missing", "folder", "link", "fifo"])
def test_only_a_regular_file_is_plain(tmp_path, kind):
    path = tmp_path / "install.yml"
    make = {"folder": path.mkdir, "link": lambda: path.symlink_to("other"), "fifo": lambda: os.mkfifo(path)}
    make.get(kind, lambda: None)()
    with pytest.raises(Refusal) as refused:
        require_plain(str(path))
    assert refused.value.code == ("hold-impossible" if kind == "link" else "config-missing")


def test_a_file_in_a_writable_folder_is_writable_and_a_full_disk_is_told(tmp_path, monkeypatch):
    path = tmp_path / "install.yml"
    path.write_text("x")
    assert why_not_writable(str(path)) is None
    full = os.statvfs(tmp_path)

    class Full:
        f_bavail, f_frsize, f_files, f_favail = 1, full.f_frsize, full.f_files, full.f_favail

    monkeypatch.setattr(os, "statvfs", lambda folder: Full)
    assert "bytes left" in why_not_writable(str(path))


def test_a_folder_that_is_not_writable_is_told(tmp_path, monkeypatch):
    path = tmp_path / "install.yml"
    path.write_text("x")
    monkeypatch.setattr(os, "access", lambda name, mode: False)
    assert "not writable" in why_not_writable(str(path))
