# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checker: no timestamp goes back, and none is given twice.

The rule, for all requests of one namespace: if request A ended before request B started, every timestamp of A is
below every timestamp of B (a regression otherwise); and no two requests share a timestamp (a duplicate otherwise).
Requests that overlap in time may be answered in any order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lab.journal import Origin, Requests, read_folder

SHOWN_PER_KIND = 20


class Request(NamedTuple):
    """One request: who got which range (both ends included), from when to when (nanoseconds of the one clock)."""

    origin: Origin
    start: int
    end: int
    lower: int
    upper: int

    def __str__(self) -> str:
        numbers = str(self.lower) if self.lower == self.upper else f"{self.lower}..{self.upper}"
        return f"{numbers} by {self.origin} in [{self.start}, {self.end}] ns"


class Violation(NamedTuple):
    """`kind` is `regression` (first ended before second started, yet is not below it) or `duplicate`."""

    kind: str
    service: str
    first: Request
    second: Request

    def __str__(self) -> str:
        if self.kind == "regression":
            gap = (self.second.start - self.first.end) / 1e9
            return f"{self.service}: regression: {self.second} came {gap:.3f} s after {self.first}"
        return f"{self.service}: duplicate: {self.second} and {self.first}"


@dataclass
class Span:
    """What processes of one mode got."""

    timestamps: int = 0
    lowest: int | None = None
    highest: int | None = None

    def add(self, requests: Requests) -> None:
        self.timestamps += sum(requests.upper) - sum(requests.lower) + len(requests)
        lowest, highest = min(requests.lower), max(requests.upper)
        self.lowest = lowest if self.lowest is None else min(self.lowest, lowest)
        self.highest = highest if self.highest is None else max(self.highest, highest)


@dataclass
class ServiceReport:
    """The verdict on one namespace. `violations` names the first few of each kind; the counts are complete."""

    service: str
    namespace: str
    requests: int = 0
    processes: int = 0
    timestamps: int = 0
    regressions: int = 0
    duplicates: int = 0
    violations: list[Violation] = field(default_factory=list)
    spans: dict[str, Span] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.regressions and not self.duplicates

    @property
    def largest_before(self) -> int | None:
        """The largest timestamp taken from the service's own (embedded) timestamp service."""
        highest = [span.highest for mode, span in self.spans.items() if mode != "timelock"]
        return max((number for number in highest if number is not None), default=None)

    @property
    def first_after(self) -> int | None:
        """The smallest timestamp taken from TimeLock."""
        return self.spans["timelock"].lowest if "timelock" in self.spans else None

    def lines(self) -> list[str]:
        """The verdict in words, a violation a line."""
        summary = (
            f"{self.service}: {self.timestamps} timestamps in {self.requests} requests of {self.processes} processes "
            f"checked, {self.regressions} regressions, {self.duplicates} duplicates"
        )
        if self.first_after is not None and self.largest_before is not None:
            summary += f"; largest before {self.largest_before}, first after {self.first_after}"
        return [summary, *(f"  {violation}" for violation in self.violations)]

    def as_dict(self) -> dict:
        """The verdict for JSON."""
        return {
            "service": self.service, "namespace": self.namespace, "ok": self.ok, "timestamps": self.timestamps,
            "requests": self.requests, "processes": self.processes, "regressions": self.regressions,
            "duplicates": self.duplicates, "largest_before": self.largest_before, "first_after": self.first_after,
            "violations": [str(violation) for violation in self.violations],
        }  # fmt: skip


def check_folder(folder: Path) -> list[ServiceReport]:
    """Judge every namespace that has journals below `folder`. Raises JournalError if one cannot be read."""
    by_namespace: dict[str, list[Requests]] = {}
    for requests in read_folder(folder):
        by_namespace.setdefault(requests.origin.namespace, []).append(requests)
    return [judge(by_namespace[namespace]) for namespace in sorted(by_namespace)]


def judge(history: list[Requests]) -> ServiceReport:
    """Judge the whole history of one namespace: every process that ever took timestamps there, at least one."""
    origin = history[0].origin
    report = ServiceReport(origin.service, origin.namespace, processes=len(history))
    for requests in history:
        if len(requests):
            report.spans.setdefault(requests.origin.mode, Span()).add(requests)
    report.requests = sum(len(requests) for requests in history)
    report.timestamps = sum(span.timestamps for span in report.spans.values())
    table = _Table(history)
    _find_regressions(table, report)
    _find_duplicates(table, report)
    return report


class _Table:
    """All requests of a history in one set of columns."""

    def __init__(self, history: list[Requests]):
        self._history = history
        self.start = [value for requests in history for value in requests.start]
        self.end = [value for requests in history for value in requests.end]
        self.lower = [value for requests in history for value in requests.lower]
        self.upper = [value for requests in history for value in requests.upper]

    def request(self, row: int) -> Request:
        first = 0
        for requests in self._history:
            if row < first + len(requests):
                break
            first += len(requests)
        return Request(requests.origin, self.start[row], self.end[row], self.lower[row], self.upper[row])

    def ordered_by(self, column: list[int]) -> list[int]:
        return sorted(range(len(column)), key=column.__getitem__)


def _find_regressions(table: _Table, report: ServiceReport) -> None:
    """Sweep over time, keeping the highest timestamp among the requests that had ended."""
    by_end = table.ordered_by(table.end)
    ended = 0
    highest = None
    for row in table.ordered_by(table.start):
        while table.end[by_end[ended]] < table.start[row]:
            if highest is None or table.upper[by_end[ended]] > table.upper[highest]:
                highest = by_end[ended]
            ended += 1
        if highest is not None and table.upper[highest] >= table.lower[row]:
            report.regressions += 1
            if report.regressions <= SHOWN_PER_KIND:
                report.violations.append(
                    Violation("regression", report.service, table.request(highest), table.request(row))
                )


def _find_duplicates(table: _Table, report: ServiceReport) -> None:
    """Sweep over the numbers, keeping the range that reaches highest."""
    reaching = None
    for row in table.ordered_by(table.lower):
        if reaching is not None and table.lower[row] <= table.upper[reaching]:
            report.duplicates += 1
            if report.duplicates <= SHOWN_PER_KIND:
                report.violations.append(
                    Violation("duplicate", report.service, table.request(reaching), table.request(row))
                )
        if reaching is None or table.upper[row] > table.upper[reaching]:
            reaching = row
