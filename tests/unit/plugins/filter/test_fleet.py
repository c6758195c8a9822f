# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The functions between the inventory and the modules."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.atlasdb.timelock.plugins.filter import fleet


def test_a_server_s_url_comes_from_its_address_and_the_common_settings():
    hostvars = {"tl-1": {}, "tl-2": {"ansible_host": "10.0.0.2", "timelock_port": 9000}}
    urls = fleet.server_urls(["tl-1", "tl-2"], hostvars, "https", 8421, "/timelock/api")
    assert urls == ["https://tl-1:8421/timelock/api", "https://10.0.0.2:9000/timelock/api"]


def test_an_endpoint_is_where_a_connection_leads():
    assert fleet.endpoints(["https://tl-1:8421/timelock/api", "http://tl-2", "https://[::1]"]) == [
        "tl-1:8421",
        "tl-2:80",
        "::1:443",
    ]


def test_a_node_s_password_does_not_go_into_the_plan():
    look = {"config": {"mode": "leader"}, "kvs": {"password": "hunter2"}}
    hostvars = {"orders-1": {"atlasdb_service_name": "orders", "atlasdb_look": look}}
    (node,) = fleet.fleet_nodes(["orders-1"], hostvars)
    assert node["look"] == {"config": {"mode": "leader"}}
    (store,) = fleet.fleet_stores(["orders-1"], hostvars)
    assert (store["service"], store["kvs"]) == ("orders", {"password": "hunter2"})


def test_the_login_of_a_fence_goes_to_the_store_alone_and_only_whole():
    login = {"username": "orders_2", "password": "hunter2"}
    look = {"kvs": {"type": "postgres"}}
    hostvars = {"one": {"atlasdb_service_name": "orders", "atlasdb_look": look, "atlasdb_kvs_new_login": login}}
    (node,) = fleet.fleet_nodes(["one"], hostvars)
    assert "hunter2" not in str(node) and node["variables"]["atlasdb_kvs_new_login"] == "orders_2"
    assert fleet.fleet_stores(["one"], hostvars)[0]["new_login"] == login
    for wrong in ({}, "orders_2", {"username": "orders_2"}, {**login, "host": "db"}):
        hostvars["one"]["atlasdb_kvs_new_login"] = wrong
        assert "new_login" not in fleet.fleet_stores(["one"], hostvars)[0]


def test_a_service_has_the_store_of_its_first_node_that_knows_one():
    hostvars = {
        "orders-1": {"atlasdb_service_name": "orders", "atlasdb_look": {"failed": True}},
        "orders-2": {"atlasdb_service_name": "orders", "atlasdb_look": {"kvs": {"type": "postgres"}}},
        "users-1": {"atlasdb_service_name": "users"},
    }
    (store,) = fleet.fleet_stores(list(hostvars), hostvars)
    assert (store["service"], store["kvs"]) == ("orders", {"type": "postgres"})


MONITOR = {"user": "monitor", "application": "exporter"}


@pytest.mark.parametrize("order", [("orders-1", "users-1"), ("users-1", "orders-1")])
def test_what_is_said_of_one_service_is_said_of_no_other_whichever_comes_first(order):
    look = {"kvs": {"type": "cassandra"}}
    hostvars = {
        "orders-1": {"atlasdb_service_name": "orders", "atlasdb_look": look},
        "users-1": {
            "atlasdb_service_name": "users", "atlasdb_look": look,
            "timelock_accept_unproven": "a pooler", "timelock_accept_identity": "a failover",
            "timelock_kvs_known_clients": ["10.0.3.17"], "timelock_ignore_sessions": [MONITOR],
        },
    }  # fmt: skip
    nodes = {node["service"]: node for node in fleet.fleet_nodes(order, hostvars)}
    stores = {store["service"]: store for store in fleet.fleet_stores(order, hostvars)}
    reasons = ("accept_unproven", "accept_identity")
    sessions = ("known_clients", "ignore_sessions")
    assert [nodes["users"][name] for name in reasons] == ["a pooler", "a failover"]
    assert [stores["users"][name] for name in sessions] == [["10.0.3.17"], [MONITOR]]
    assert [nodes["orders"][name] for name in reasons] == ["", ""]
    assert [stores["orders"][name] for name in sessions] == [[], []]


def test_a_reason_that_is_false_is_none_and_one_that_is_true_stays_for_the_plan_to_refuse():
    for said, told in ((False, ""), (None, ""), (True, "True"), ("false", "false")):
        (node,) = fleet.fleet_nodes(["one"], {"one": {"timelock_accept_unproven": said}})
        assert node["accept_unproven"] == told


def test_only_facts_of_failed_services_are_counted():
    assert fleet.failed_services({"timelock_failed_3": True, "timelock_plan": {}}) == ["timelock_failed_3"]


def test_a_wave_of_no_service_is_an_error_in_words():
    with pytest.raises(AnsibleFilterError, match="timelock_waves"):
        fleet.service_waves({}, [0])
