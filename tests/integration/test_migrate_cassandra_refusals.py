# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with Cassandra, each made for real with one service of a fleet, and refused before any stops."""

from __future__ import annotations

import pytest

import cassandra_here
from fleet import CASSANDRA, fleet, lab
from lab import by_hand, ports
from lab.by_hand_cassandra import INVALIDATED, OLD_TS, TS, CassandraByHand, encode
from lab.service import Service

__all__ = ["lab"]

pytestmark = cassandra_here.only_wide

MANUAL = b"tr"


def a_bound_of_24_bytes(store: CassandraByHand, _variables: dict) -> str:
    store.set(TS, encode(store.bound()) + bytes(16))
    return "24 bytes"


def a_backup_where_an_old_manual_procedure_put_it(store: CassandraByHand, _variables: dict) -> str:
    bound = store.bound()
    store.set(MANUAL, encode(bound))
    store.set(TS, INVALIDATED)
    return str(bound)


def a_backup_beside_a_live_bound(store: CassandraByHand, _variables: dict) -> str:
    store.set(OLD_TS, encode(7))
    return "7"


def an_invalidated_bound_without_a_backup(store: CassandraByHand, _variables: dict) -> str:
    store.set(TS, INVALIDATED)
    return store.keyspace


def a_row_that_is_gone(store: CassandraByHand, _variables: dict) -> str:
    store.delete(TS)
    return store.keyspace


def a_table_that_is_gone(store: CassandraByHand, _variables: dict) -> str:
    store.forget()
    return "_timestamp"


def a_backup_in_the_wrong_place_above_the_bound(store: CassandraByHand, _variables: dict) -> str:
    store.set(MANUAL, encode(store.bound() + 1))
    return str(store.bound() + 1)


def a_timestamp_by_wall_clock_above_the_bound(store: CassandraByHand, _variables: dict) -> str:
    store.punch(4_000_000_000_000)
    return "4000000000000"


def another_keyspace(store: CassandraByHand, variables: dict) -> str:
    variables["atlasdb_kvs_overrides"] = {"keyspace": f"{store.keyspace}_before"}
    return f"{store.keyspace}_before"


def a_negative_bound(store: CassandraByHand, _variables: dict) -> str:
    store.set(TS, (-5).to_bytes(8, "big", signed=True))
    return "-5"


def a_password_that_is_wrong(_store: CassandraByHand, variables: dict) -> str:
    variables["atlasdb_kvs_overrides"] = {"password": "wrong"}
    return "does not let"


MISTAKES = {
    a_bound_of_24_bytes: "bound-length",
    a_backup_where_an_old_manual_procedure_put_it: "bound-manual-backup",
    a_backup_beside_a_live_bound: "bound-ambiguous",
    an_invalidated_bound_without_a_backup: "bound-unreadable",
    a_row_that_is_gone: "bound-absent",
    a_table_that_is_gone: "bound-absent",
    another_keyspace: "bound-absent",
    a_backup_in_the_wrong_place_above_the_bound: "bound-contradicted",
    a_timestamp_by_wall_clock_above_the_bound: "bound-contradicted",
    a_negative_bound: "bound-out-of-range",
    a_password_that_is_wrong: "kvs-denied",
}


@pytest.fixture(scope="module")
def refused(lab, tmp_path_factory):
    cassandra_here.require()
    folder = tmp_path_factory.mktemp("fleet")
    with fleet(lab, folder, *[1] * len(MISTAKES), stores=(CASSANDRA,), rate=2) as services:
        services.load(0)
        named = dict(zip(MISTAKES, services.services, strict=True))
        variables: dict[str, dict] = {service.name: {} for service in services.services}
        words = {
            make: make(by_hand.store(lab, service.name), variables[service.name]) for make, service in named.items()
        }

        def change(everything: dict) -> None:
            for name, group in everything["children"]["atlasdb_services"]["children"].items():
                group["vars"].update(variables[name])

        services.write(change)
        yield services.refused(), named, words


@pytest.mark.refuses(*{*MISTAKES.values()})
@pytest.mark.parametrize("make", MISTAKES, ids=lambda make: make.__name__)
def test_migrate_refuses_on_cassandra(refused, make):
    run, named, words = refused
    start = f"{named[make].name}: {MISTAKES[make]}: "
    assert any(reason.startswith(start) and words[make] in reason for reason in run.reasons), run.reasons or run.tail


@pytest.fixture
def one(lab, tmp_path):
    cassandra_here.require()
    with fleet(lab, tmp_path, 1, stores=(CASSANDRA,), rate=2) as services:
        services.load(0)
        yield services


def _codes(run, service: Service) -> list[str]:
    return [reason.split(": ")[1] for reason in run.reasons if reason.startswith(f"{service.name}: ")]


@pytest.mark.refuses("proof-missing")
def test_a_host_of_cassandra_that_nobody_can_look_at_is_refused(one):
    def change(everything: dict) -> None:
        (host,) = everything["children"]["cassandra_nodes"]["hosts"].values()
        host.update(ansible_connection="ssh", ansible_port=ports.free_port(), ansible_ssh_retries=0)

    one.write(change)
    run = one.refused()
    assert "proof-missing" in _codes(run, one.services[0]), run.reasons or run.tail


@pytest.mark.refuses("kvs-session-open")
def test_a_client_that_the_inventory_does_not_know_is_refused(one):
    session = one.lab.cassandra[CASSANDRA].connect()
    try:
        run = one.refused()
    finally:
        session.cluster.shutdown()
    assert "kvs-session-open" in _codes(run, one.services[0]), run.reasons or run.tail


@pytest.fixture
def two(lab, tmp_path):
    """Two services on one cluster, the second one's host under the address that its connections come from."""
    cassandra_here.require()
    with fleet(lab, tmp_path, 1, 1, stores=(CASSANDRA,), rate=2) as services:
        services.load(0)
        (node,) = services.services[1].nodes
        services.set_for(node, ansible_host=node.address)
        yield services


@pytest.mark.refuses("proof-missing", "inventory-namespace-shared")
def test_a_service_with_the_same_keyspace_is_refused_also_where_a_limit_leaves_it_out(two):
    first, second = two.services
    path = second.nodes[0].config_path
    text = path.read_text()
    path.write_text(text.replace(f"keyspace: {second.name}\n", f"keyspace: {first.name}\n"))
    assert path.read_text() != text
    assert "inventory-namespace-shared" in _codes(two.refused(), first)
    run = two.refused("--limit", first.name)
    assert _codes(run, first) == ["proof-missing"], run.reasons or run.tail
    assert f"{second.name} has sessions at the same store" in run.reasons[0]


def test_a_plan_of_all_services_lets_one_of_them_be_migrated_alone(two, tmp_path):
    first, second = two.services
    file = ("-e", f"timelock_plan_file={tmp_path / 'plan.json'}")
    planned = two.play("plan.yml", *file)
    assert planned.ok, planned.tail
    two.migrate("--limit", first.name, *file)
    assert (first.nodes[0].mode(), second.nodes[0].mode()) == ("timelock", "embedded")
    assert (two.store(first)[0], two.store(second)[0]) == ("invalidated", "active")
