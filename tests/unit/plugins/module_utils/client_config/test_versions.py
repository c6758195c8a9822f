# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.versions import (
    INSTALL,
    INSTALL_WITH_CLIENT,
    RUNTIME,
    parse_version,
    shape_for,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0.905.0", (0, 905, 0)),
        ("0.905.0-3-gdeadbee", (0, 905, 0)),
        ("0.905.0.dirty", (0, 905, 0)),
        ("v0.75.1", (0, 75, 1)),
        ("0.1175", (0, 1175, 0)),
        (" 0.54.0\n", (0, 54, 0)),
    ],
)
def test_a_version_is_its_three_numbers_whatever_follows(text, numbers):
    assert parse_version(text) == numbers


@pytest.mark.parametrize(
    "text", ["", None, "latest", "0", "0.x.1", "0.905.0 or so", "0.905.0;rm", "-1.2.3", "0.9050000000000000"]
)
def test_what_is_no_version_is_unknown(text):
    with pytest.raises(Refusal) as refusal:
        parse_version(text)
    assert refusal.value.code == "config-version-unknown"


@pytest.mark.parametrize(
    ("version", "shape"),
    [
        ("0.49.0", INSTALL_WITH_CLIENT),
        ("0.54.9", INSTALL_WITH_CLIENT),
        ("0.55.0", INSTALL),
        ("0.66.7", INSTALL),
        ("0.67.0", RUNTIME),
        ("0.74.0", RUNTIME),
        ("0.75.0", RUNTIME),
        ("0.1175.0", RUNTIME),
    ],
)
def test_each_version_has_the_shape_that_its_release_notes_give_it(version, shape):
    assert shape_for(version) == shape


@pytest.mark.parametrize("version", ["0.32.1", "0.48.0"])
def test_a_client_whose_lock_service_timelock_has_no_more_is_too_old(version):
    with pytest.raises(Refusal) as refusal:
        shape_for(version)
    assert refusal.value.code == "config-client-too-old"
    assert version in refusal.value.found
