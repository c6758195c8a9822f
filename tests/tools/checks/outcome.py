# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One check: what it runs, what it says, and how long it took."""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from checkout import BUILD, ROOT

LOGS = BUILD / "logs"

# What pytest and ansible-test print of a test that they did not run.
SKIPPED = re.compile(r"^SKIPPED \[(\d+)\] ([^:\s]+)(?::\d+)?: (.*)$", re.MULTILINE)
NOT_RUN = re.compile(r"^(WARNING: Skipping .*|.*[Ss]kipping sanity test .*)$", re.MULTILINE)
# The lines in which pytest sums up, one a test, and in which ansible-test says what is wrong.
NOT_PASSED = re.compile(r"^((?:FAILED|ERROR:?) \S.*)$", re.MULTILINE)
PYTEST_CLOSING = re.compile(r"^=* ?((?:\d+ \w+(?:, )?)+ in [\d.]+s)", re.MULTILINE)


class Failed(Exception):
    """The check ran and does not hold."""


class Skipped(Exception):
    """The check cannot run here; says why."""


@dataclass
class Log:
    """Runs a check's commands, with all that they print in one file."""

    path: Path

    def run(self, *command: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
        """What the command printed. Raises Failed where it does not end with 0."""
        with self.path.open("ab") as output:
            output.write(f"$ {' '.join(map(str, command))}\n".encode())
            output.flush()
            start = output.tell()
            done = subprocess.run(
                [str(word) for word in command],
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode != 0:
            raise Failed(f"ended with status {done.returncode}")
        return self.path.read_bytes()[start:].decode(errors="replace")


@dataclass(frozen=True)
class Check:
    """A name for `make`, and what it does. Groups are names that stand for several checks."""

    name: str
    body: Callable[[Log], None]
    groups: frozenset[str]


@dataclass
class Outcome:
    """How a check ended: passed, failed or skipped."""

    name: str
    result: str
    seconds: float
    detail: str = ""
    not_run: list[str] = field(default_factory=list)
    not_passed: list[str] = field(default_factory=list)


def not_run(said: str) -> list[str]:
    """Each reason once, with how many of which file's tests it concerns; and what else was left out."""
    reasons: dict[str, Counter[str]] = {}
    for count, path, reason in SKIPPED.findall(said):
        reasons.setdefault(reason, Counter())[Path(path).name] += int(count)
    lines = []
    for reason, files in sorted(reasons.items()):
        which = ", ".join(f"{name} {count}" for name, count in sorted(files.items()))
        lines.append(f"{files.total()} test{'s' * (files.total() > 1)}: {reason} ({which})")
    return lines + sorted(set(NOT_RUN.findall(said)))


def perform(check: Check) -> Outcome:
    """Run the check and say how it ended; an error inside a check is a failure of that check."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = Log(LOGS / f"{check.name}.log")
    log.path.write_text("")
    start = time.monotonic()
    result, detail = "passed", ""
    try:
        check.body(log)
    except Skipped as why:
        result, detail = "skipped", str(why)
    except Failed as why:
        result, detail = "failed", str(why)
    except Exception as error:
        result, detail = "failed", f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - start
    said = log.path.read_text(errors="replace")
    closing = PYTEST_CLOSING.findall(said)
    if closing and not detail:
        detail = "; ".join(closing)
    not_passed = NOT_PASSED.findall(said) if result == "failed" else []
    return Outcome(check.name, result, seconds, detail, not_run(said), not_passed)
