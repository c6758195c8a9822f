# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operation of timelock_info, from options to result."""

from __future__ import annotations

import functools
import time

from ansible_collections.atlasdb.timelock.plugins.module_utils.operation import attempt
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.timelock_info import timelock_info

LOST = "lost"


def options(cluster, **others):
    defaults = {
        "servers": cluster.urls,
        "ca_path": None,
        "client_cert": None,
        "client_key": None,
        "validate_certs": True,
        "timeout": 10.0,
        "namespace": None,
        "fresh_timestamp": False,
        "quiet_since": None,
        "quiet_seconds": 0.2,
        "moved_since": None,
        "moved_seconds": 0.4,
        **dict.fromkeys(("service", "run_id", "epoch", "kvs_identity")),
    }
    return {**defaults, **others}


def test_looking_changes_nothing_and_needs_no_namespace(cluster):
    found = attempt(timelock_info, options(cluster), False)
    assert (found["changed"], found["leader"], found["asked"]) == (False, cluster.urls[0], False)


def test_a_fresh_timestamp_is_no_change(cluster):
    found = attempt(timelock_info, options(cluster, namespace="orders", fresh_timestamp=True), False)
    assert (found["changed"], found["fresh_timestamp"]) == (False, 1)


def test_check_mode_takes_no_timestamp(cluster):
    found = attempt(timelock_info, options(cluster, namespace="orders", fresh_timestamp=True), True)
    assert (found["fresh_timestamp"], found["asked"]) == (None, False)
    assert cluster.asked("orders") == []


def taken(cluster, **more):
    return attempt(timelock_info, options(cluster, namespace="orders", fresh_timestamp=True, **more), False)


def test_a_namespace_of_which_only_we_took_timestamps_was_quiet_for_as_long_as_was_asked(cluster):
    earlier, began = taken(cluster), time.monotonic()
    later = taken(cluster, quiet_since=earlier)
    assert later["fresh_timestamp"] == earlier["fresh_timestamp"] + 1
    assert time.monotonic() - began >= 0.15


def test_a_look_that_was_asked_for_late_waits_no_longer(cluster):
    earlier = taken(cluster)
    earlier["quiet_from"]["boot"] -= 600
    began = time.monotonic()
    assert "failed" not in taken(cluster, quiet_since=earlier, quiet_seconds=600.0)
    assert time.monotonic() - began < 60


def test_a_look_in_between_is_counted_as_ours_and_does_not_make_the_waiting_longer(cluster):
    earlier = taken(cluster)
    earlier["quiet_from"]["boot"] -= 600
    between = taken(cluster, quiet_since=earlier, quiet_seconds=0.0)
    began = time.monotonic()
    assert "failed" not in taken(cluster, quiet_since=between, quiet_seconds=600.0)
    assert time.monotonic() - began < 60
    taken(cluster)
    assert taken(cluster, quiet_since=between)["code"] == "timelock-not-quiet"


def test_a_namespace_that_moved_or_whose_leader_changed_was_not_quiet(cluster):
    earlier = taken(cluster)
    taken(cluster)
    moved = taken(cluster, quiet_since=earlier)
    assert (moved["code"], moved["failed"]) == ("timelock-not-quiet", True)
    assert "somebody took 1 timestamps" in moved["found"]
    other = {**taken(cluster), "leader": cluster.urls[1]}
    found = taken(cluster, quiet_since=other)["found"]
    assert found.startswith(f"TimeLock's leader changed from {cluster.urls[1]} to {cluster.urls[0]}")


def test_a_namespace_moves_when_somebody_else_takes_a_timestamp_and_not_by_our_own(cluster):
    earlier = taken(cluster)
    began = time.monotonic()
    still = taken(cluster, moved_since=earlier, moved_seconds=2.0)
    assert still["moved"] is False
    assert still["fresh_timestamp"] >= earlier["fresh_timestamp"] + 3 and time.monotonic() - began < 60
    earlier = taken(cluster)
    cluster.highest["orders"] += 1
    assert taken(cluster, moved_since=earlier, moved_seconds=600.0)["moved"] is True


def test_a_jump_to_a_new_leader_is_nobodys_use_and_what_is_taken_under_it_is(cluster):
    """A new leader leaves out up to 1,000,000."""
    earlier = taken(cluster)
    cluster.leader, cluster.highest["orders"] = 1, 1_000_000
    later = taken(cluster, moved_since=earlier)
    assert (later["moved"], later["leader"]) == (False, cluster.urls[1])

    def taken_by_another(target):
        cluster.highest["orders"] += 1
        return cluster.proper(1, target)

    proper = functools.partial(cluster.proper, 1)
    cluster.script(1, "fresh-timestamp", proper, proper, taken_by_another, proper)
    assert taken(cluster, moved_since=earlier, moved_seconds=600.0)["moved"] is True


def test_a_timestamp_that_was_taken_again_because_its_answer_was_lost_is_our_own(cluster):
    earlier = taken(cluster)
    lost = [lambda target: cluster.proper(0, target) and LOST] * 2
    cluster.script(0, "fresh-timestamp", *lost, functools.partial(cluster.proper, 0))
    later = taken(cluster, moved_since=earlier, moved_seconds=0.0)
    assert later["fresh_timestamp"] == earlier["fresh_timestamp"] + 3
    assert (later["moved"], later["requests"] >= 3) == (False, True)


def test_a_namespace_is_to_be_quiet_or_to_move(cluster):
    since = taken(cluster)
    assert taken(cluster, quiet_since=since, moved_since=since)["failed"] is True
    assert attempt(timelock_info, options(cluster, namespace="orders", moved_since=since), False)["failed"] is True
    asked = options(cluster, namespace="orders", fresh_timestamp=True, moved_since=since)
    assert attempt(timelock_info, asked, True)["moved"] is None


def test_how_long_a_namespace_was_quiet_is_not_guessed_across_a_restart(cluster):
    earlier = taken(cluster)
    earlier["quiet_from"]["boot_id"] = "another"
    assert taken(cluster, quiet_since=earlier)["code"] == "timelock-not-quiet"


def test_nobody_waits_in_check_mode_or_for_a_look_that_takes_nothing(cluster):
    since = taken(cluster)
    asked = options(cluster, namespace="orders", fresh_timestamp=True, quiet_since=since, quiet_seconds=600.0)
    assert attempt(timelock_info, asked, True)["fresh_timestamp"] is None
    assert attempt(timelock_info, {**asked, "fresh_timestamp": False}, False)["failed"] is True


def test_a_fresh_timestamp_of_no_namespace_is_refused(cluster):
    found = attempt(timelock_info, options(cluster, fresh_timestamp=True), False)
    assert found["failed"] is True
    assert cluster.asked("") == []


def test_a_name_that_timelock_does_not_serve_is_refused_even_if_nothing_is_asked_of_it(cluster):
    assert attempt(timelock_info, options(cluster, namespace="a.b"), False)["code"] == "config-namespace-illegal"


def test_files_for_tls_that_are_missing_are_refused_by_name(cluster, tmp_path):
    missing = str(tmp_path / "ca.pem")
    secure = [url.replace("http:", "https:") for url in cluster.urls]
    found = attempt(timelock_info, options(cluster, servers=secure, ca_path=missing), False)
    assert found["code"] == "timelock-tls"
    assert found["found"] == f"ca_path {missing} is no file where the module runs."
    assert all(f"timelock_{name}" in found["do"] for name in ("ca_path", "client_cert", "client_key"))
    found = attempt(timelock_info, options(cluster, servers=secure, client_key=__file__), False)
    assert found["code"] == "timelock-tls"
    found = attempt(timelock_info, options(cluster, servers=secure, client_cert=__file__), False)
    assert found["code"] == "timelock-tls"
    found = attempt(timelock_info, options(cluster, servers=secure, ca_path=__file__), False)
    assert found["code"] == "timelock-tls"


def test_a_server_without_tls_is_refused_where_https_is_listed(cluster):
    secure = [url.replace("http:", "https:") for url in cluster.urls]
    assert attempt(timelock_info, options(cluster, servers=secure), False)["code"] == "timelock-tls"
