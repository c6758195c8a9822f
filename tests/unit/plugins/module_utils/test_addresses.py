# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses and endpoints, whatever their spelling."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.addresses import (
    AddressSet,
    Endpoints,
    addresses_of,
    spelled,
    split,
)


def test_an_address_has_one_spelling():
    assert spelled("::ffff:10.0.0.5") == "10.0.0.5"
    assert spelled("2001:0DB8:0:0::1") == "2001:db8::1"


def test_an_endpoint_is_taken_apart():
    assert split("10.0.0.5:9160") == ("10.0.0.5", 9160)
    assert split("[2001:db8::1]:9160") == ("2001:db8::1", 9160)


def test_a_set_holds_what_is_named_and_what_is_in_a_network_that_is_named():
    known = AddressSet(["10.0.0.5", "::ffff:10.0.0.6", "10.1.0.0/16", "2001:db8::/32"])
    assert all(address in known for address in ("10.0.0.5", "10.0.0.6", "::ffff:10.1.2.3", "2001:db8:7::1"))
    assert not any(address in known for address in ("10.0.0.7", "10.2.0.1", "2001:db9::1"))
    assert "10.0.0.5" not in AddressSet([])


@pytest.mark.parametrize("text", ["cassandra-1", "10.0.0.0/33", ""])
def test_what_is_no_address_is_not_taken_for_one(text):
    with pytest.raises(ValueError, match="IP|network"):
        AddressSet([text])


def test_endpoints_are_all_ports_at_all_addresses_or_anywhere():
    some = Endpoints(["10.0.1.1", "2001:db8::1"], [9042, 9160])
    assert "10.0.1.1:9160" in some and "[2001:db8::1]:9042" in some
    assert "10.0.1.1:9161" not in some and "10.0.1.2:9160" not in some
    assert "10.0.1.2:9160" in Endpoints([], [9160])
    assert str(some) == "port 9042, 9160 of 10.0.1.1, 2001:db8::1"


def test_a_name_that_does_not_resolve_has_no_address():
    assert addresses_of("no.such.host.invalid") == []
    assert addresses_of("10.0.0.5") == ["10.0.0.5"]
