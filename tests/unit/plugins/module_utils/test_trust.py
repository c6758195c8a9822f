# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a key-value service has to show who it is."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.trust import trust_in


@pytest.mark.parametrize(
    ("kind", "options", "trust"),
    [
        ("postgres", {"ca_path": "/ca.pem"}, "verified"),
        ("postgres", {"ca_path": "/ca.pem", "validate_certs": True}, "verified"),
        ("postgres", {"ca_path": "/ca.pem", "validate_certs": False}, "off"),
        ("postgres", {"validate_certs": False}, "off"),
        ("postgres", {}, "none"),
        ("postgres", {"tls": True, "client_cert": "/client.pem"}, "none"),
        ("cassandra", {"tls": True}, "verified"),
        ("cassandra", {"ca_path": "/ca.pem"}, "verified"),
        ("cassandra", {"client_cert": "/client.pem"}, "verified"),
        ("cassandra", {"tls": True, "validate_certs": False}, "off"),
        ("cassandra", {}, "none"),
    ],
)
def test_a_store_is_verified_where_it_is_asked_for_a_certificate_and_nobody_said_otherwise(kind, options, trust):
    assert trust_in({"type": kind, **options}) == trust
