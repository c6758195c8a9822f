# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import astuple

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.node import disk, hold
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.epoch import Run
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.names import Beside
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

RUN = Run("orders", 5, "run-5", "alice@ops")


@pytest.fixture
def beside(tmp_path):
    (tmp_path / "install.yml").write_bytes(b"atlasdb: {}\r\n")
    return Beside(str(tmp_path / "install.yml"))


def test_a_hold_says_who_and_how_to_release_it_and_has_one_key_that_is_no_block(beside):
    text = hold.render(beside, RUN, "2026-03-01T00:00:00Z", "ab" * 32).decode()
    assert text.splitlines()[0] == "# held by atlasdb.timelock"
    kept = beside.kept("ab" * 32)
    for word in ("orders", "alice@ops", "run-5", "epoch 5", "2026-03-01", "still active", f"mv {kept}"):
        assert word in text
    keys = [line.split(":")[0] for line in text.splitlines() if not line.startswith("#")]
    assert keys == ["atlasdb-timelock-held"]


@pytest.mark.parametrize(
    ("playbook", "while_what"),
    [
        (
            "migrate.yml",
            "still active, and not that a node may migrate itself,\n# and neither calls the service wrong, nor names"
            " kvs-identity, inventory-changed or a node that could not be looked at:\n#   mv ",
        ),
        ("reverse.yml", "only if status.yml says that the store of the service is still invalidated"),
        ("rename_namespace.yml", "only if no node of the service has its new namespace yet"),
        ("repair.yml", "still active,\n# and neither calls the service wrong, nor names kvs-identity"),
    ],
)
def test_a_hold_names_the_playbook_to_run_again_and_what_allows_to_release_it_by_hand(beside, playbook, while_what):
    run = Run(*astuple(RUN)[:-1], playbook)
    hold.take(beside, run, {"pids": []}, was_running=False)
    text = disk.read(beside.path)
    assert f"run {playbook} again".encode() in text and text.count(b"migrate.yml") == (playbook == "migrate.yml")
    assert while_what.encode() in text
    disk.move(hold.read_marker(beside)["kept"], beside.path)
    assert hold.retake(beside, hold.read_marker(beside), None)
    assert disk.read(beside.path) == text


def test_nobody_can_write_a_key_into_a_hold_by_his_name(beside):
    evil = Run("orders\natlasdb: {}", 5, "run\natlasdb: {}", "alice\natlasdb: {}")
    text = hold.render(beside, evil, "now", "ab" * 32).decode()
    assert not [line for line in text.splitlines() if line.startswith("atlasdb:")]


@pytest.mark.parametrize(
    "text", [b"", b"atlasdb: {}\n", b"\n# held by atlasdb.timelock\n", b"# held by somebody else\n"]
)
def test_other_files_are_no_holds(text):
    assert not hold.is_hold(text)


def test_a_hold_is_recognised(beside):
    assert hold.is_hold(hold.render(beside, RUN, "now", "ab" * 32))


def test_the_original_is_kept_to_the_byte_and_named_by_its_hash(beside):
    hold.take(beside, RUN, {"pids": []}, was_running=False)
    marker = hold.read_marker(beside)
    assert hold.read_kept(beside, marker["sha256"]) == b"atlasdb: {}\r\n"
    assert marker["kept"].endswith("kept-" + disk.sha256(b"atlasdb: {}\r\n")[:16])
    assert hold.is_intact(beside, marker)


def test_a_kept_file_is_never_overwritten(beside, tmp_path):
    kept = tmp_path / f".install.yml.timelock-kept-{disk.sha256(disk.read(beside.path))[:16]}"
    kept.write_bytes(b"something else")
    with pytest.raises(Refusal) as refused:
        hold.take(beside, RUN, {"pids": []}, was_running=False)
    assert refused.value.code == "config-changed"
    assert kept.read_bytes() == b"something else"
    assert not hold.is_hold(disk.read(beside.path)) and hold.read_marker(beside) is None


def test_a_file_that_changes_while_it_is_being_held_is_not_lost(beside, monkeypatch, tmp_path):
    written = disk.write_json

    def and_then_an_editor_saves(path, value):
        written(path, value)
        (tmp_path / "install.yml").write_bytes(b"atlasdb: {edited: true}\n")

    monkeypatch.setattr(disk, "write_json", and_then_an_editor_saves)
    with pytest.raises(Refusal) as refused:
        hold.take(beside, RUN, {"pids": []}, was_running=False)
    assert refused.value.code == "config-changed"
    assert disk.read(beside.path) == b"atlasdb: {edited: true}\n"
    assert hold.read_marker(beside) is None


def test_a_damaged_marker_is_refused(beside, tmp_path):
    for text in ("", "[]", '{"service": "orders"}'):
        (tmp_path / ".install.yml.timelock-held").write_text(text)
        with pytest.raises(Refusal) as refused:
            hold.read_marker(beside)
        assert refused.value.code == "config-changed"
