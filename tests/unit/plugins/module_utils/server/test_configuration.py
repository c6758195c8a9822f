# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration file of a server, in the shape of its version."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.server.configuration import configuration

MEMBERS = ["tl-1:8421", "tl-2:8421", "tl-3:8421"]
TLS = {"keystore": "/k.p12", "keystore_type": "PKCS12", "truststore": "/t.pem", "truststore_type": "PEM"}
SECURITY = {
    "trustStorePath": "/t.pem",
    "trustStoreType": "PEM",
    "keyStorePath": "/k.p12",
    "keyStoreType": "PKCS12",
    "keyStorePassword": "secret",
}


def cluster(version="0.1175.0", **changes):
    return {
        "version": version,
        "members": MEMBERS,
        "data_directory": "/data/paxos",
        "sqlite_directory": "/data/sqlite",
        "admin_port": 8422,
        "dangerous_topology": False,
        "tls": TLS,
        "settings": {},
        **changes,
    }


def made(version="0.1175.0", member="tl-1:8421", is_new=False, **changes):
    return configuration(cluster(version, **changes), member, is_new, "secret")


def refused(code, **changes):
    with pytest.raises(Refusal) as refusal:
        made(**changes)
    assert refusal.value.code == code
    return refusal.value.found


@pytest.mark.parametrize("version", ["0.409.0", "0.1175.0"])
def test_since_0_409_the_cluster_is_in_the_runtime_part(version):
    document = made(version, is_new=True)
    assert document["install"] == {
        "paxos": {
            "data-directory": "/data/paxos",
            "is-new-service": True,
            "sqlite-persistence": {"data-directory": "/data/sqlite"},
        }
    }
    assert document["runtime"]["cluster-config-not-live-reloaded"] == {
        "cluster": {"uris": MEMBERS, "security": SECURITY},
        "local-server": "tl-1:8421",
    }


@pytest.mark.parametrize("version", ["0.140.0", "0.408.9"])
def test_from_0_140_to_0_408_it_is_in_the_install_part(version):
    document = made(version)
    assert document["install"]["cluster"]["cluster"] == {"uris": MEMBERS, "security": SECURITY}
    assert document["install"]["cluster"]["local-server"] == "tl-1:8421"
    assert document["install"]["paxos"]["is-new-service"] is False
    assert document["runtime"] == {"paxos": {}}


@pytest.mark.parametrize("version", ["0.54.0", "0.105.0", "0.139.9"])
def test_before_0_140_there_is_one_part_and_nothing_is_said_of_being_new(version):
    document = made(version, is_new=True)
    assert document == {
        "clients": [],
        "algorithm": {"type": "paxos", "paxosDataDir": "/data/paxos", "sslConfiguration": SECURITY},
        "cluster": {"localServer": "tl-1:8421", "servers": MEMBERS},
        "server": document["server"],
    }


def test_sqlite_is_named_only_to_versions_that_have_it():
    assert "sqlite-persistence" not in made("0.224.1")["install"]["paxos"]
    assert "sqlite-persistence" in made("0.224.2")["install"]["paxos"]


def test_clients_are_served_by_tls_on_the_member_s_own_port():
    server = made(member="tl-1:9000", members=["tl-1:9000", *MEMBERS[1:]])["server"]
    assert server["applicationConnectors"] == [
        {
            "type": "https",
            "port": 9000,
            "keyStorePath": "/k.p12",
            "keyStoreType": "PKCS12",
            "keyStorePassword": "secret",
            "validateCerts": False,
        }
    ]
    assert server["adminConnectors"] == [{"type": "http", "port": 8422}]


def test_two_members_or_more_need_tls():
    assert "3 members and no key store" in refused("server-tls-missing", tls={})


def test_fewer_than_three_members_need_the_flag_that_says_so():
    assert "has 1 member," in refused("server-config-invalid", members=MEMBERS[:1], tls={})
    document = made(members=MEMBERS[:1], tls={}, dangerous_topology=True)
    place = document["runtime"]["cluster-config-not-live-reloaded"]
    assert place["enableNonstandardAndPossiblyDangerousTopology"] is True
    assert document["server"]["applicationConnectors"] == [{"type": "http", "port": 8421}]


@pytest.mark.parametrize(
    "changes",
    [
        {"members": ["tl-1:8421", "tl-1:8421", "tl-2:8421"]},
        {"member": "tl-9:8421"},
        {"members": ["tl-1", "tl-2:8421", "tl-3:8421"]},
        {"members": ["tl-1:8421", "tl-2:99999", "tl-3:8421"]},
        {"data_directory": "var/data/paxos"},
        {"data_directory": "/data/sqlite"},
        {"data_directory": "/data/sqlite/paxos"},
        {"sqlite_directory": "/data/paxos/../paxos/sqlite"},
    ],
)
def test_what_a_server_would_not_start_with_is_refused(changes):
    refused("server-config-invalid", **changes)


def test_directories_whose_names_begin_alike_are_apart():
    made(data_directory="/data/paxos", sqlite_directory="/data/paxos-sqlite")


def test_the_operator_adds_settings_anywhere():
    document = made(settings={"runtime": {"max-number-of-clients": 900}, "logging": {"level": "WARN"}})
    assert document["runtime"]["max-number-of-clients"] == 900
    assert "cluster-config-not-live-reloaded" in document["runtime"]
    assert document["logging"] == {"level": "WARN"}


@pytest.mark.parametrize(
    "settings",
    [
        {"install": {"paxos": {"data-directory": "/elsewhere"}}},
        {"install": {"paxos": {"is-new-service": True}}},
        {"install": "none"},
        {"runtime": {"cluster-config-not-live-reloaded": {"known-new-servers-I-know-what-I-am-doing": ["tl-1:8421"]}}},
        {
            "install": {
                "paxos": {
                    "i-am-on-the-persistence-team-and-know-what-i-am-doing-ignore-new-service-check": True,
                }
            }
        },
        {"algorithm": {"isNewService": True}},
    ],
)
def test_the_operator_changes_nothing_of_the_role_s_and_switches_no_check_off(settings):
    assert "timelock_server_settings sets" in refused("server-config-invalid", settings=settings)
