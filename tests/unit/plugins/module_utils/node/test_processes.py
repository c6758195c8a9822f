# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.processes import Process, Processes, descendants
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal


def proc(
    root, pid, state="S", parent=1, start=100, name="java", cmdline=("java", "server"), cwd="/opt/orders", threads=1
):
    folder = root / str(pid)
    (folder / "fd").mkdir(parents=True)
    for number in range(threads):
        (folder / "task" / str(pid + number)).mkdir(parents=True)
    between = " ".join(["0"] * 17)
    (folder / "stat").write_text(f"{pid} ({name}) {state} {parent} {between} {start} 0\n")
    (folder / "cmdline").write_bytes(b"\0".join(part.encode() for part in cmdline) + b"\0")
    (folder / "cgroup").write_text("0::/system.slice/orders.service\n")
    (folder / "cwd").symlink_to(cwd)
    return folder


@pytest.fixture
def root(tmp_path):
    proc(tmp_path, 1, parent=0, name="systemd", cmdline=("init",), cwd="/")
    return tmp_path


def test_a_name_with_spaces_and_brackets_does_not_shift_the_start(root):
    proc(root, 7, name="a) S 1 (b", parent=3, start=4711)
    assert Processes(str(root)).get(7) == Process(7, parent=3, start=4711)


def test_a_process_that_ended_and_was_not_waited_for_does_not_live(root):
    proc(root, 7, state="Z")
    assert Processes(str(root)).get(7) is None
    assert 7 not in Processes(str(root)).all()


def test_a_process_whose_first_thread_alone_has_ended_lives(root):
    proc(root, 7, state="Z", threads=3)
    assert Processes(str(root)).get(7) is not None


def test_descendants_of_the_dead_are_not_found_but_those_of_the_living_are_at_any_depth(root):
    for pid, parent in ((10, 1), (11, 10), (12, 11), (20, 1)):
        proc(root, pid, parent=parent)
    everything = Processes(str(root)).all()
    assert descendants({10}, everything) == {10, 11, 12}
    assert descendants({99}, everything) == set()


def test_a_control_group_contains_those_below_it_and_not_its_namesakes(root):
    for pid, group in ((10, "orders.service"), (11, "orders.service/child"), (12, "orders.service2")):
        (proc(root, pid) / "cgroup").write_text(f"1:name=systemd:/system.slice/{group}\n")
    (root / "1/cgroup").write_text("0::/init.scope\n")
    assert Processes(str(root)).in_cgroup("/system.slice/orders.service") == {10, 11}


def test_processes_are_alike_by_arguments_and_folder(root):
    proc(root, 10)
    proc(root, 11)
    proc(root, 12, cwd="/opt/billing")
    proc(root, 13, cmdline=("java", "console"))
    processes = Processes(str(root))
    assert processes.likeness(10) == processes.likeness(11)
    assert len({processes.likeness(pid) for pid in (10, 12, 13)}) == 3
    assert processes.likeness(99) is None


def test_arguments_are_not_shown_beyond_the_first(root):
    proc(root, 10, cmdline=("java", "-Dpassword=secret"))
    assert Processes(str(root)).program(10) == "java"


def test_a_process_touches_the_folder_it_works_in_or_was_called_with_or_has_a_file_open_in(root):
    proc(root, 10, cwd="/opt/orders/var")
    proc(root, 11, cwd="/", cmdline=("java", "/opt/orders/var/conf/install.yml"))
    (proc(root, 12, cwd="/") / "fd" / "3").symlink_to("/opt/orders/var/log/orders.log")
    proc(root, 13, cwd="/opt/orders2")
    processes = Processes(str(root))
    assert [processes.touches(pid, "/opt/orders") for pid in (10, 11, 12, 13)] == [True, True, True, False]


def test_sockets_are_told_by_inode(root):
    folder = proc(root, 10)
    (folder / "fd" / "3").symlink_to("socket:[4242]")
    (folder / "fd" / "4").symlink_to("/dev/null")
    assert Processes(str(root)).sockets(10) == {4242}


def test_a_proc_that_hides_other_processes_is_refused(tmp_path):
    with pytest.raises(Refusal) as refused:
        Processes(str(tmp_path)).require_sight()
    assert refused.value.code == "probe-blind"


def test_the_real_proc_shows_this_very_process():
    processes = Processes()
    found = processes.get(os.getpid())
    assert found.parent == os.getppid()
    assert 0 < found.start <= processes.now()
