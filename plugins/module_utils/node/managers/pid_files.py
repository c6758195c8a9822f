# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that write the number of their process into a file."""

from __future__ import annotations

import os

from ansible_collections.atlasdb.timelock.plugins.module_utils.node.managers.interface import State
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.processes import Process, Processes
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

# Between a process's start and its file there is time, never the other way round; this is for the clocks' grain.
_GRAIN_SECONDS = 2


def state_of(paths: list[str], folder: str, processes: Processes, remembered: dict | None) -> State:
    """What these pid files say. ``folder``: a folder that the service, and hardly anything else, has to do with."""
    main, words, written = set(), [], {}
    for path in paths:
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                text, written[path] = file.read(100).strip(), os.fstat(file.fileno()).st_mtime_ns
        except FileNotFoundError:
            words.append(f"no file {path}")
            continue
        except OSError as error:
            raise Refusal("probe-blind", f"{path} cannot be read: {error.strerror}.") from error
        process = processes.get(int(text)) if text.isdigit() else None
        if process is None:
            words.append(f"{path} names no living process")
        elif _is_another(process, written[path], remembered, path) or _is_stale(
            process, written[path], folder, processes
        ):
            words.append(f"{path} is stale: number {process.pid} now belongs to another process")
        else:
            words.append(f"{path} names process {process.pid}")
            main.add(process.pid)
    said = "; ".join(words) or f"no pid file in {folder}"
    return State(said, main, set(), active=bool(main), coming=False, pid_files=written)


def _is_another(process: Process, written: int, remembered: dict | None, path: str) -> bool:
    """Since we saw it last, the file was not written, but its number has passed to a process that started later."""
    if remembered is None or remembered["pid_files"].get(path) != written:
        return False
    return any(seen["pid"] == process.pid and seen["start"] < process.start for seen in remembered["pids"])


def _is_stale(process: Process, written: int, folder: str, processes: Processes) -> bool:
    """By the clock the process is younger than its file, and has nothing to do with the service.

    The clock alone does not do: it may have been set since, and would then hide a living process.
    """
    younger = processes.started_at(process) > written / 1e9 + _GRAIN_SECONDS
    return younger and not processes.touches(process.pid, folder)
