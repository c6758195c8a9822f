# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who holds a lock, and when that process is known to be gone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.run_holder import holder_gone, holder_of


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
