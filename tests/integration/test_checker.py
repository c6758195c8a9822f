# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checker, on histories that are right and on histories that are wrong in every way that counts."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.checker import SHOWN_PER_KIND, check_folder, judge
from lab.journal import Journal, JournalError, Origin, Requests, read_file

# As the unit tests do: see tests/unit/conftest.py.
settings.load_profile("ci")


def history(*processes):
    """Each process: (node, mode, [(start, end, lower, upper), ...])."""
    made = []
    for pid, (node, mode, rows) in enumerate(processes, 100):
        requests = Requests(Origin("orders", "orders", node, pid, mode))
        for row in rows:
            requests.add(*row)
        made.append(requests)
    return made


def test_a_history_that_only_rises_is_clean():
    report = judge(history(("n1", "leader", [(0, 1, 5, 5), (2, 3, 6, 15), (4, 5, 16, 16)])))
    assert report.ok
    assert (report.requests, report.timestamps, report.processes) == (3, 12, 1)
    assert report.violations == []


def test_requests_that_overlap_in_time_may_be_answered_in_any_order():
    assert judge(history(("n1", "leader", [(0, 10, 9, 9)]), ("n2", "leader", [(5, 12, 3, 3)]))).ok


def test_requests_that_touch_in_time_overlap():
    assert judge(history(("n1", "leader", [(0, 10, 9, 9)]), ("n2", "leader", [(10, 12, 3, 3)]))).ok


def test_a_timestamp_below_one_whose_request_had_ended_is_a_regression_and_names_both():
    report = judge(history(("n1", "leader", [(0, 10, 9, 9)]), ("n2", "timelock", [(11, 12, 3, 3)])))
    assert (report.regressions, report.duplicates) == (1, 0)
    (violation,) = report.violations
    assert (violation.kind, violation.service) == ("regression", "orders")
    assert (violation.first.origin.node, violation.first.upper, violation.first.end) == ("n1", 9, 10)
    assert (violation.second.origin.node, violation.second.lower, violation.second.start) == ("n2", 3, 11)
    for word in ("orders", "regression", "n1 (process 100, leader)", "n2 (process 101, timelock)", "9", "3"):
        assert word in str(violation)


def test_a_regression_is_found_within_one_process_too():
    assert judge(history(("n1", "leader", [(0, 1, 9, 9), (2, 3, 8, 8)]))).regressions == 1


def test_a_regression_long_after_the_highest_timestamp_is_still_found():
    rows = [(0, 1, 1000, 1000), *((i * 2, i * 2 + 1, 2000 + i, 2000 + i) for i in range(1, 50))]
    assert judge(history(("n1", "leader", rows), ("n2", "timelock", [(500, 501, 1999, 1999)]))).regressions == 1


def test_a_range_that_starts_below_and_ends_above_is_a_regression():
    assert judge(history(("n1", "leader", [(0, 1, 9, 9)]), ("n2", "leader", [(2, 3, 8, 20)]))).regressions == 1


def test_a_timestamp_given_twice_at_the_same_time_is_a_duplicate_and_no_regression():
    report = judge(history(("n1", "leader", [(0, 10, 9, 9)]), ("n2", "timelock", [(5, 12, 9, 9)])))
    assert (report.regressions, report.duplicates) == (0, 1)
    assert report.violations[0].kind == "duplicate"
    assert "n1" in str(report.violations[0]) and "n2" in str(report.violations[0])


def test_the_same_timestamp_given_later_is_a_regression_and_a_duplicate():
    report = judge(history(("n1", "leader", [(0, 1, 9, 9)]), ("n2", "timelock", [(5, 12, 9, 9)])))
    assert (report.regressions, report.duplicates) == (1, 1)


@pytest.mark.parametrize("second", [(11, 11), (10, 30), (20, 25), (5, 10), (5, 12)])
def test_ranges_that_share_a_timestamp_are_duplicates(second):
    assert judge(history(("n1", "leader", [(0, 10, 10, 20)]), ("n2", "leader", [(5, 12, *second)]))).duplicates == 1


def test_a_duplicate_inside_a_long_range_is_found_past_ranges_between():
    rows = [(0, 10, 1, 1000), (0, 10, 5, 6), (0, 10, 900, 900)]
    assert judge(history(("n1", "leader", rows))).duplicates == 2


def test_the_numbers_before_and_after_a_migration_are_reported():
    report = judge(history(("n1", "leader", [(0, 1, 9, 12)]), ("n1", "timelock", [(5, 6, 101, 101), (7, 8, 102, 105)])))
    assert (report.largest_before, report.first_after) == (12, 101)
    assert "largest before 12, first after 101" in report.lines()[0]


def test_many_violations_are_counted_in_full_and_named_in_part():
    rows = [(0, 1, 10**6, 10**6), *((i * 2, i * 2 + 1, i, i) for i in range(1, 1000))]
    report = judge(history(("n1", "leader", rows)))
    assert report.regressions == 999
    assert len(report.violations) == SHOWN_PER_KIND


def brute_force(rows):
    """The two rules, word by word."""
    regressions = sum(any(a[1] < b[0] and a[3] >= b[2] for a in rows) for b in rows)
    shared = any(
        a[2] <= b[3] and b[2] <= a[3] for i, a in enumerate(rows) for b in rows[i + 1 :]
    )  # fmt: skip
    return regressions, shared


row = st.tuples(st.integers(0, 30), st.integers(0, 10), st.integers(0, 60), st.integers(0, 5)).map(
    lambda t: (t[0], t[0] + t[1], t[2], t[2] + t[3])
)


@given(st.lists(st.lists(row, max_size=8), min_size=1, max_size=4))
def test_the_sweep_finds_what_comparing_every_pair_finds(processes):
    report = judge(history(*((f"n{i}", "leader", rows) for i, rows in enumerate(processes))))
    regressions, shared = brute_force([r for rows in processes for r in rows])
    assert report.regressions == regressions
    assert (report.duplicates > 0) == shared


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 5), st.integers(0, 30), st.integers(0, 30)), min_size=1))
def test_a_true_counter_is_never_accused(steps):
    """Each request is answered at one moment between its start and end, in the order of those moments."""
    rows, last = [], 0
    for moment, (gap, count, before, after) in enumerate(steps):
        lower = last + gap
        last = lower + count - 1
        rows.append((moment * 10 - before, moment * 10 + after, lower, last))
    report = judge(history(("n1", "leader", rows[::2]), ("n2", "timelock", rows[1::2])))
    assert report.ok, report.lines()


def test_every_process_writes_a_file_and_namespaces_are_judged_apart(tmp_path):
    for service, node, number in (("orders", "orders-1", 7), ("orders", "orders-2", 6), ("users", "users-1", 5)):
        journal = Journal(tmp_path, Origin(service, service, node, 1, "leader"))
        journal.record(number, number, number, number)
    orders, users = check_folder(tmp_path)
    assert (orders.namespace, orders.requests, orders.ok) == ("orders", 2, True)
    assert (users.namespace, users.requests, users.ok) == ("users", 1, True)


def test_two_services_on_one_namespace_are_one_history(tmp_path):
    Journal(tmp_path, Origin("orders", "same", "orders-1", 1, "timelock")).record(1, 2, 50, 50)
    Journal(tmp_path, Origin("users", "same", "users-1", 2, "timelock")).record(3, 4, 50, 50)
    (report,) = check_folder(tmp_path)
    assert (report.regressions, report.duplicates) == (1, 1)


def test_a_killed_process_has_lost_none_of_what_it_got(tmp_path):
    program = (
        "import os, pathlib, signal, sys\n"
        "from lab.journal import Journal, Origin\n"
        "journal = Journal(pathlib.Path(sys.argv[1]), Origin('orders', 'orders', 'n1', 1, 'leader'))\n"
        "for i in range(1000): journal.record(i, i, i, i)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path], check=False)
    assert check_folder(tmp_path)[0].requests == 1000


def test_a_last_line_that_was_cut_off_is_passed_over(tmp_path):
    journal = tmp_path / "j"
    journal.write_text(json.dumps(Origin("o", "o", "n", 1, "leader")._asdict()) + "\n1 2 3 3\n4 5 6")
    assert len(read_file(journal)) == 1


@pytest.mark.parametrize("line", ["1 2 3", "1 2 x 4", "9 2 3 3", "1 2 5 4", f"1 2 3 {2**63}", ""])
def test_a_journal_that_makes_no_sense_is_an_error_and_never_a_clean_verdict(tmp_path, line):
    (tmp_path / "o").mkdir()
    origin = json.dumps(Origin("o", "o", "n", 1, "leader")._asdict())
    (tmp_path / "o" / "n.journal").write_text(f"{origin}\n{line}\n4 5 6 6\n")
    with pytest.raises(JournalError):
        check_folder(tmp_path)
