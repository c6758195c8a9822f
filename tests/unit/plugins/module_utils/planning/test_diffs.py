# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the configuration files would change, as a person reads it."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.diffs import diff_lines

ONE = "--- install before\n+++ install after\n-  leader: {}\n+  timelock: {}\n"


def test_nodes_whose_files_change_alike_stand_above_one_diff_in_plain_lines():
    plans = {
        "orders": {"diffs": {"orders-1": ONE, "orders-2": "-a\n+b\n", "orders-3": ONE, "orders-4": ""}},
        "users": {"diffs": {"users-1": ONE}},
        "refused": {"diffs": {}},
    }
    change = ["--- install before", "+++ install after", "-  leader: {}", "+  timelock: {}"]
    assert diff_lines(plans) == ["orders-1, orders-3:", *change, "orders-2:", "-a", "+b", "users-1:", *change]


def test_what_a_file_holds_does_not_steer_the_terminal():
    assert diff_lines({"orders": {"diffs": {"orders-1": "+\x1b[2J\n"}}})[1] == "+\\x1b[2J"
