# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All of it on hosts, over SSH: a TimeLock cluster is founded, three services on three kinds of store move there, and
go back.

The stores ask for a login, one of them for a certificate as well; TimeLock is reached by TLS.
"""

from __future__ import annotations

import pytest

import cassandra_here
import hosts_here
from host_fleet import host_fleet
from lab.hosts.lab import SERVICES, STORES

pytestmark = hosts_here.only_on_demand

WAVES = [1, len(SERVICES) - 1]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    cassandra_here.require()
    folder = tmp_path_factory.mktemp("hosts")
    with host_fleet(folder, SERVICES, rate=2, stores=STORES, founded=False) as made:
        made.set(timelock_waves=WAVES, timelock_quiet_seconds=1)
        yield made


@pytest.fixture(scope="module")
def founded(fleet):
    return fleet.play("timelock_servers.yml")


@pytest.fixture(scope="module")
def migrated(fleet, founded):
    assert founded.ok, founded.tail
    return fleet.play("migrate.yml")


@pytest.fixture(scope="module")
def reversed_(fleet, migrated):
    assert migrated.ok, migrated.tail
    return fleet.play("reverse.yml")


def test_the_role_makes_a_cluster_of_three_bare_hosts(founded):
    assert founded.ok, founded.tail
    assert founded.said("Say what was proved")


def test_one_run_moves_services_on_every_kind_of_store_to_it(fleet, migrated):
    assert migrated.ok, migrated.tail
    ends = [line.partition(" ")[0] for line in migrated.verdict if ": migrated" in line]
    assert sorted(ends) == sorted(f"{name}:" for name in SERVICES)
    fleet.assert_migrated()


def test_one_run_takes_all_of_them_back(fleet, reversed_):
    assert reversed_.ok, reversed_.tail
    fleet.assert_as_before()


def test_no_run_told_a_secret(fleet, founded, migrated, reversed_):
    secrets = [service.settings.password for service in fleet.services]
    secrets.append(fleet.lab.timelock.variables()["timelock_server_keystore_password"])
    told = [run.output for run in (founded, migrated, reversed_)]
    told += [path.read_text() for path in fleet.reports.iterdir()]
    assert len(told) > 3 and all(len(secret) == 24 for secret in secrets)
    assert not [secret for secret in secrets for text in told if secret in text]
