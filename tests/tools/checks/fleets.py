# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fleets start processes that outlive a killed run: what belongs to a run, and how the next one ends it."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from checkout import BUILD, ROOT
from checks.outcome import Failed

VARIABLE = "ATLASDB_TIMELOCK_CHECKOUT"
GRACE_SECONDS = 5


@contextmanager
def only_run() -> Iterator[dict[str, str]]:
    """The environment for the run of a suite, one at a time in this checkout, with a temporary folder of its own.

    What a killed run left is ended and removed first. Raises Failed where the suite itself leaves processes.
    """
    with (BUILD / "fleets.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if left := lock.read():
            end_processes(left)
            shutil.rmtree(left, ignore_errors=True)
        temporary = tempfile.mkdtemp(prefix="atlasdb-")
        # PostgreSQL does not run as root, and must reach what is in here.
        os.chmod(temporary, 0o755)
        lock.truncate(0)
        lock.write(temporary)
        lock.flush()
        yield {**os.environ, VARIABLE: str(ROOT), "TMPDIR": temporary}
        if running := end_processes(temporary):
            raise Failed(f"left {len(running)} processes running, such as: {running[0]}")
        shutil.rmtree(temporary, ignore_errors=True)


def end_processes(temporary: str) -> list[str]:
    """End every process of the run that had this temporary folder; the command lines of those there were."""
    found = processes(temporary)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in processes(temporary):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + GRACE_SECONDS
        while processes(temporary) and time.monotonic() < deadline:
            time.sleep(0.1)
    return list(found.values())


def processes(temporary: str) -> dict[int, str]:
    """Command lines by pid: what has this checkout's variable, and what runs with our files in a clean environment."""
    variable = f"{VARIABLE}={ROOT}".encode()
    places = (f"{temporary}/", f"{BUILD / 'molecule'}/")
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        # A process may end while it is looked at, or belong to somebody else.
        with suppress(OSError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            ours = variable in (folder / "environ").read_bytes().split(b"\0")
            if ours or any(place in command for place in places):
                found[int(folder.name)] = command
    return found
