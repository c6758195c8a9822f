# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal
import time

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.node import program


def shell(script, seconds=20):
    return program.ask(["/bin/sh", "-c", script], seconds)


def test_an_answer_is_whole_and_told_from_the_words_beside_it():
    answer = shell("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done; echo sorry >&2; exit 3")
    assert answer == program.Answer(3, "0123456789\n" * 20000, "sorry\n")


def test_a_program_that_a_signal_ended_has_its_negative_number_as_status():
    assert shell("kill -TERM $$").status == -signal.SIGTERM


def test_a_program_is_found_in_the_path(monkeypatch, tmp_path):
    (tmp_path / "speak").write_text("#!/bin/sh\necho found\n")
    (tmp_path / "speak").chmod(0o755)
    monkeypatch.setenv("PATH", f"/no/such/folder:{tmp_path}")
    assert program.ask(["speak"], 20).output == "found\n"


@pytest.mark.parametrize(
    ("name", "folder", "error", "filename"),
    [
        ("no-such-program", "/", FileNotFoundError, "no-such-program"),
        ("/no/such/program", "/", FileNotFoundError, "/no/such/program"),
        ("/", "/", PermissionError, "/"),
        ("true", "/no/such/folder", FileNotFoundError, "/no/such/folder"),
    ],
)
def test_what_cannot_be_run_is_named_and_leaves_no_process(name, folder, error, filename):
    null = os.open(os.devnull, os.O_RDWR)
    try:
        with pytest.raises(error) as raised:
            program.begin([name], folder, null, null)
    finally:
        os.close(null)
    assert raised.value.filename == filename
    zombie_of_mine = ["Z", str(os.getpid())]
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and _state_and_parent(pid) == zombie_of_mine]


def _state_and_parent(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[:2]
    except OSError:
        return ["X", "0"]


def test_a_program_that_does_not_answer_in_time_is_ended_with_what_it_began(tmp_path):
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        shell(f"sleep 60 & echo $! >{tmp_path}/child; wait", 1)
    assert time.monotonic() - began < 20
    child = (tmp_path / "child").read_text().strip()
    deadline = time.monotonic() + 10
    while _state_and_parent(child)[0] not in "ZX":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_program_inherits_no_descriptor_and_has_its_own_session():
    descriptor = os.open(os.devnull, os.O_RDONLY)
    try:
        os.set_inheritable(descriptor, True)
        answer = shell(f"[ -e /proc/$$/fd/{descriptor} ] && echo inherited; cut -d' ' -f1,6 /proc/$$/stat")
    finally:
        os.close(descriptor)
    pid, session = answer.output.split()
    assert pid == session


def test_a_program_reads_nothing_of_what_is_said_to_its_parent(tmp_path):
    (tmp_path / "said").write_text("to the parent\n")
    said = os.open(tmp_path / "said", os.O_RDONLY)
    own = os.dup(0)
    try:
        os.dup2(said, 0)
        assert shell("cat").output == ""
    finally:
        os.dup2(own, 0)
        os.close(own)
        os.close(said)


def test_a_program_does_not_ignore_the_signals_that_python_ignores():
    (line,) = [line for line in shell("cat /proc/self/status").output.splitlines() if line.startswith("SigIgn:")]
    ignored = int(line.split()[1], 16)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        assert not ignored & 1 << (number - 1)
