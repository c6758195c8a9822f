# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who holds a lock, and when that process is known to be gone."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.run_holder import (
    holder_gone,
    holder_of,
    holder_of_worker,
    is_young,
)

FORK = multiprocessing.get_context("fork")
PATIENCE_SECONDS = 30


@pytest.fixture
def ended():
    """The holder of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        holder = holder_of("one", process.pid)
        assert not holder_gone(holder)
    return holder


def test_a_process_that_runs_is_not_gone():
    assert not holder_gone(holder_of("one", os.getpid()))


def test_a_process_that_has_ended_is_gone(ended):
    assert holder_gone(ended)


def test_a_process_whose_number_another_one_has_now_is_gone():
    assert holder_gone({**holder_of("one", os.getpid()), "start": "1"})


@pytest.mark.parametrize("key", ["user", "host", "boot_id", "pid_namespace"])
@pytest.mark.parametrize("other", ["other", None])
def test_of_a_process_elsewhere_nothing_is_known(ended, key, other):
    assert not holder_gone({**ended, key: other})


def test_of_a_holder_that_names_no_process_nothing_is_known(ended):
    assert not holder_gone({**ended, "start": None})
    assert not holder_gone({"run_id": "one"})


def _worker(waiting, go_on, told) -> None:
    waiting.set()
    go_on.wait(PATIENCE_SECONDS)
    try:
        told.put(holder_of_worker("one")["pid"])
    except Refusal as refusal:
        told.put(refusal.code)


def _controller(waiting, go_on, told) -> None:
    FORK.Process(target=_worker, args=(waiting, go_on, told)).start()


@pytest.mark.parametrize("killed", [False, True])
def test_a_worker_whose_controller_was_killed_holds_nothing_in_the_name_of_whoever_is_its_parent_now(killed):
    waiting, go_on, told = FORK.Event(), FORK.Event(), FORK.Queue()
    controller = FORK.Process(target=_controller, args=(waiting, go_on, told))
    controller.start()
    assert waiting.wait(PATIENCE_SECONDS)
    if killed:
        controller.kill()
        controller.join()
    go_on.set()
    assert told.get(timeout=PATIENCE_SECONDS) == ("operator-lock-lost" if killed else controller.pid)
    controller.join()


@pytest.mark.parametrize(
    ("ago", "young"), [(0, True), (3000, True), (-3000, True), (4000, False), (90_000, False), (None, False)]
)
def test_a_lock_is_young_for_an_hour(ago, young):
    at = None if ago is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago))
    assert is_young({"since": at}) == young


def test_a_lock_that_was_just_taken_is_young():
    assert is_young(holder_of("one", os.getpid()))
