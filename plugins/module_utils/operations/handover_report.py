# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a run, from its plan, its verdict and its journal."""

from __future__ import annotations

import os
import tempfile

from .. import journal
from ..planning.document import REPORT, document
from ..report.ended import ended
from ..report.history import history
from ..report.unchecked import unchecked

ARGUMENT_SPEC = {
    "directory": {"type": "path", "required": True},
    "plan": {"type": "dict", "required": True},
    "verdict": {"type": "dict", "required": True},
    "playbook": {"type": "str", "required": True},
    "server_version": {"type": "str"},
    "validate_certs": {"type": "bool", "default": True},
}


def file_of(params: dict, ending: str) -> str:
    """A file of the run in the folder for all runs."""
    return os.path.join(params["directory"], f"{params['plan']['run_id']}.{ending}")


def report_of(params: dict, made: str, by: dict) -> dict:
    """The report as a document; ``made`` and ``by`` as in ``document``. Raises OSError."""
    lines = journal.read(file_of(params, "jsonl"))
    plan = params["plan"]
    ends = {}
    for name, end in params["verdict"]["services"].items():
        told = {**end, **ended(lines, plan["services"][name]), **history(lines, name)}
        ends[name] = {**told, "unchecked": unchecked(plan["services"][name], told, plan["servers"], params)}
    told = {"playbook": params["playbook"], "server_version": params["server_version"]}
    return {**document(REPORT, plan, made, by, ends), **told}


_IN_SHORT = ("outcome", "already", "ts", "fresh_before_start", "outage_seconds", "window_seconds", "failure", "left")


def summary(report: dict) -> dict:
    """What a program is told that keeps no files of the controller: the run, and how each service ended."""
    ends = {name: service["end"] for name, service in report["services"].items()}
    services = {name: {key: end[key] for key in _IN_SHORT} for name, end in ends.items()}
    return {**{key: report[key] for key in ("format", "run_id", "made", "by")}, "services": services}


def write(path: str, text: str) -> None:
    """Write a file for its owner alone, whole or not at all. Raises OSError."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".")
    try:
        # Half a pair of UTF-16, which JSON of others can hold, is no reason to have no report.
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError:
        os.unlink(partial)
        raise
