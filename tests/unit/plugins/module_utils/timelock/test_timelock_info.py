# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operation of timelock_info, from options to result."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils.operation import attempt
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.timelock_info import timelock_info


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
    found = attempt(timelock_info, options(cluster, servers=secure, client_key=__file__), False)
    assert found["code"] == "timelock-tls"
    found = attempt(timelock_info, options(cluster, servers=secure, client_cert=__file__), False)
    assert found["code"] == "timelock-tls"
    found = attempt(timelock_info, options(cluster, servers=secure, ca_path=__file__), False)
    assert found["code"] == "timelock-tls"


def test_a_server_without_tls_is_refused_where_https_is_listed(cluster):
    secure = [url.replace("http:", "https:") for url in cluster.urls]
    assert attempt(timelock_info, options(cluster, servers=secure), False)["code"] == "timelock-tls"
