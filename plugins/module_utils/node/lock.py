# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One module at a time works on a node's files."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator

from ansible_collections.atlasdb.timelock.plugins.module_utils.node import disk
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.names import Beside
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

_POLL_SECONDS = 0.05


@contextlib.contextmanager
def node_lock(beside: Beside, run_id: str, timeout: float) -> Iterator[None]:
    """Hold the node's lock, and clear away what a killed module left half written.

    Waits up to ``timeout`` seconds, then raises Refusal operator-locked. The lock belongs to the open file: a
    process that is stopped keeps it, one that is killed loses it, unless a command of a service manager that it
    began still runs.
    """
    descriptor = _acquire(beside, timeout)
    try:
        _sign(descriptor, beside, run_id)
        for path in beside.leftovers():
            disk.discard(path)
        yield
    finally:
        os.close(descriptor)


def _sign(descriptor: int, beside: Beside, run_id: str) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "run_id": run_id}).encode(), 0)
    except OSError as error:
        raise disk.not_writable(beside.lock, error) from error


def _acquire(beside: Beside, timeout: float) -> int:
    deadline = time.monotonic() + timeout
    while True:
        try:
            descriptor = os.open(beside.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise disk.not_writable(beside.lock, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still_there(descriptor, beside.lock):
                return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace")
                os.close(descriptor)
                raise Refusal(
                    "operator-locked",
                    f"Another module still works on {beside.path} after {timeout:g} s of waiting: {holder}.",
                    "Wait until it has ended; if it hangs, find out on what before you end it.",
                ) from None
        os.close(descriptor)
        time.sleep(_POLL_SECONDS)


def _is_still_there(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
