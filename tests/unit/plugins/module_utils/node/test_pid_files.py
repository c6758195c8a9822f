# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.pid_files import state_of
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.processes import Process


class Host:
    """One process 7, begun ``age`` seconds before now."""

    def __init__(self, written, age, touches):
        self._started, self._touches = written - age, touches

    def get(self, pid):
        return Process(7, parent=1, start=500) if pid == 7 else None

    def started_at(self, process):
        return self._started

    def touches(self, pid, folder):
        return self._touches


@pytest.fixture
def pid_file(tmp_path):
    path = tmp_path / "orders.pid"
    path.write_text("7\n")
    os.utime(path, (1000, 1000))
    return path


@pytest.mark.parametrize(
    ("begun_before", "touches", "believed"),
    [(10, False, True), (-1, False, True), (-60, False, False), (-60, True, True)],
)
def test_a_process_younger_than_its_file_is_believed_only_if_it_has_to_do_with_the_service(
    pid_file, begun_before, touches, believed
):
    state = state_of([str(pid_file)], "/opt/orders", Host(1000, begun_before, touches), None)
    assert state.main == ({7} if believed else set())
    assert state.active == believed


def test_a_number_that_passed_to_another_process_since_we_looked_is_not_believed(pid_file):
    host = Host(1000, 10, touches=True)
    seen = {"pids": [{"pid": 7, "start": 499}], "pid_files": {str(pid_file): pid_file.stat().st_mtime_ns}}
    assert state_of([str(pid_file)], "/opt/orders", host, seen).main == set()
    rewritten = {**seen, "pid_files": {str(pid_file): 1}}
    assert state_of([str(pid_file)], "/opt/orders", host, rewritten).main == {7}
    same = {**seen, "pids": [{"pid": 7, "start": 500}]}
    assert state_of([str(pid_file)], "/opt/orders", host, same).main == {7}


@pytest.mark.parametrize("text", ["", "8", "seven", "-7", "7 8"])
def test_a_file_that_names_no_living_process_names_none(pid_file, text):
    pid_file.write_text(text)
    state = state_of([str(pid_file), str(pid_file) + ".gone"], "/opt/orders", Host(1000, 10, True), None)
    assert state.main == set()
    assert "no file" in state.words
