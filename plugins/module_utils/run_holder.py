# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who holds a service's lock: the process of a run on a controller, and whether it is gone.

A host's name tells nothing: containers and copies of one image share it. The boot and the process namespace do.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from calendar import timegm
from multiprocessing import parent_process

from .proofs import boot_id
from .refusal import Refusal

YOUNG_SECONDS = 3600.0
"""Longer than a service is held by a run that goes well."""

_SINCE = "%Y-%m-%dT%H:%M:%SZ"


def _start_of(pid: int) -> str | None:
    """The start time of process ``pid`` in clock ticks since the boot, or None where it does not run."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as source:
            return source.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _pid_namespace() -> str | None:
    """In which namespace a process id of this process counts; None where the system does not say."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def holder_of(run_id: str, pid: int) -> dict:
    """The run ``run_id``, whose controller process is ``pid`` of this machine, as the record keeps it."""
    return {
        "run_id": run_id,
        "user": getpass.getuser(),
        "host": socket.gethostname(),
        "pid": pid,
        "start": _start_of(pid),
        "boot_id": boot_id(),
        "pid_namespace": _pid_namespace(),
        "since": time.strftime(_SINCE, time.gmtime()),
    }


def holder_of_worker(run_id: str) -> dict:
    """The run ``run_id`` that this process, forked by its controller, is a worker of.

    Raises Refusal ``operator-lock-lost`` where the controller has ended: whoever is the parent now is none of the run.
    """
    forked_by = parent_process()
    run = forked_by.pid if forked_by else os.getpid()
    holder = holder_of(run_id, run)
    if forked_by and os.getppid() != run:
        raise Refusal("operator-lock-lost", f"Process {run}, which is the run {run_id}, has ended.", "Run it again.")
    return holder


def is_young(holder: dict) -> bool:
    """Whether ``holder`` took the lock within the last YOUNG_SECONDS, by the clocks of its controller and this one."""
    try:
        since = timegm(time.strptime(holder["since"], _SINCE))
    except (KeyError, TypeError, ValueError):
        return False
    return time.time() - since < YOUNG_SECONDS


def holder_gone(holder: dict) -> bool:
    """Whether ``holder`` was a run of this user on this boot of this machine, and its process does not run any more.

    False wherever that is not known for sure.
    """
    here = holder_of("", os.getpid())
    places = ("user", "host", "boot_id", "pid_namespace")
    if not all(holder.get(place) and holder[place] == here[place] for place in places) or not holder.get("start"):
        return False
    return _start_of(int(holder["pid"])) != holder["start"]
