# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which version of the server may follow which."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.server.versions import change, require_trusted


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (None, "0.1175.0", "none"),
        ("0.1175.0", "0.1175.0", "none"),
        ("0.130.0", "0.1175.0", "upgrade"),
        ("0.1175.0", "0.1000.0", "downgrade"),
        ("0.642.0", "0.400.0", "downgrade"),
    ],
)
def test_an_upgrade_may_always_be_done_and_a_downgrade_between_two_limits(before, after, said):
    assert change(before, after) == said


@pytest.mark.parametrize(
    ("before", "after", "crossed"),
    [
        ("0.105.0", "0.104.9", "0.105.0"),
        ("0.117.0", "0.116.0", "0.117.0"),
        ("0.220.3", "0.218.3", "0.218.4"),
        ("0.224.2", "0.224.1", "0.224.2"),
        ("0.253.1", "0.253.0", "0.253.1"),
        ("0.370.0", "0.369.9", "0.370.0"),
        ("0.643.0", "0.642.0", "0.643.0"),
        ("0.979.0", "0.978.0", "0.979.0"),
        ("0.1000.0", "0.999.0", "0.1000.0"),
        ("0.1175.0", "0.130.0", "0.1000.0"),
    ],
)
def test_a_downgrade_across_a_limit_is_refused_and_named(before, after, crossed):
    with pytest.raises(Refusal) as refused:
        change(before, after)
    assert refused.value.code == "server-downgrade"
    assert f"From TimeLock {before} to {after} crosses {crossed}:" in refused.value.found


@pytest.mark.parametrize("version", ["0.369.0", "0.642.9"])
def test_a_version_that_can_issue_a_timestamp_twice_wants_a_reason(version):
    with pytest.raises(Refusal, match="timelock-too-old"):
        require_trusted(version, "")
    require_trusted(version, "the clients are at 0.60")


def test_a_version_that_knows_only_listed_namespaces_is_not_installed_for_any_reason():
    with pytest.raises(Refusal, match="timelock-too-old"):
        require_trusted("0.53.9", "because")


@pytest.mark.parametrize("version", ["", "latest", "1"])
def test_what_is_no_version_is_refused(version):
    with pytest.raises(Refusal, match="config-version-unknown"):
        require_trusted(version, "")
