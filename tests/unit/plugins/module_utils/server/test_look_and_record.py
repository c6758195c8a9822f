# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server's disk says of it, and what is written down there."""

from __future__ import annotations

import os

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.server import record
from ansible_collections.atlasdb.timelock.plugins.module_utils.server.look import look

WANTED = {"state": "founding", "cluster": "c1", "members": ["a:1"], "version": "0.1.0", "fresh": None, "files": []}


def seen(root, files=()):
    return look(
        {
            "root": str(root),
            "data_directory": str(root / "paxos"),
            "sqlite_directory": str(root / "sqlite"),
            "files": [str(path) for path in files],
            "address": "127.0.0.1",
            "port": 1,
            "java_home": str(root / "java"),
        }
    )


def test_an_empty_host_has_nothing(tmp_path):
    found = seen(tmp_path)
    assert (found["version"], found["versions"], found["record"]) == (None, {}, None)
    assert (found["paxos"], found["sqlite"], found["listening"], found["java"]) == ("absent", "absent", False, None)


def test_a_directory_with_folders_alone_is_empty(tmp_path):
    (tmp_path / "paxos/leaderPaxos").mkdir(parents=True)
    assert seen(tmp_path)["paxos"] == "empty"
    (tmp_path / "paxos/leaderPaxos/-1").touch()
    assert seen(tmp_path)["paxos"] == "present"


def test_a_version_counts_once_it_is_unpacked_entirely(tmp_path):
    (tmp_path / "versions/0.1.0").mkdir(parents=True)
    (tmp_path / "versions/0.2.0").mkdir()
    (tmp_path / "versions/0.2.0/.complete").write_text("sha256:0\n")
    (tmp_path / "current").symlink_to(tmp_path / "versions/0.2.0")
    found = seen(tmp_path)
    assert found["versions"] == {"0.2.0": "sha256:0"} and found["version"] == "0.2.0"


def test_java_says_its_version(tmp_path):
    program = tmp_path / "java/bin/java"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 'openjdk version \"17.0.1\"' >&2\n")
    program.chmod(0o755)
    assert seen(tmp_path)["java"] == {"home": str(tmp_path / "java"), "version": 'openjdk version "17.0.1"'}


def test_a_record_is_secret_and_tells_no_hashes(tmp_path):
    file = tmp_path / "timelock.yml"
    file.write_text("password")
    before = os.umask(0o000)
    try:
        record.write(str(tmp_path), record.renewed(None, {**WANTED, "state": "serving", "files": [str(file)]}))
    finally:
        os.umask(before)
    assert os.stat(tmp_path / "cluster.json").st_mode & 0o777 == 0o600
    assert "files" not in seen(tmp_path, [file])["record"]


def test_files_that_changed_came_or_went_since_the_start_are_named(tmp_path):
    kept, changed, gone, new = (tmp_path / name for name in ("kept", "changed", "gone", "new"))
    for path in (kept, changed, gone):
        path.write_text("1")
    files = [str(kept), str(changed), str(gone)]
    record.write(str(tmp_path), record.renewed(None, {**WANTED, "state": "serving", "files": files}))
    changed.write_text("2")
    gone.unlink()
    new.write_text("1")
    assert seen(tmp_path, [kept, changed, new])["changed_files"] == sorted(map(str, (changed, gone, new)))


def test_a_record_keeps_what_is_known_of_the_last_start():
    first = record.renewed(None, {**WANTED, "state": "serving", "fresh": "7"})
    assert record.renewed(first, {**WANTED, "state": "founded"})["fresh"] == "7"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": "serving"}'])
def test_a_record_that_cannot_be_read_is_an_error_and_not_a_new_server(tmp_path, text):
    (tmp_path / "cluster.json").write_text(text)
    with pytest.raises(ValueError, match="how far the server has come is unknown"):
        seen(tmp_path)
