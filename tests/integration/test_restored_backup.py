# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody restored a backup of a service's store, and not of the record beside it: what status.yml says, and what the
runbook gives to type.
"""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reading import read_config
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations import timestamp_invalidate, timestamp_restore

from cassandra_here import only_wide
from fleet import CASSANDRA, STORES, Fleet, fleet, lab
from lab import by_hand
from lab.by_hand_cassandra import TS, encode
from lab.service import Service
from module_calls import call

__all__ = ["lab"]

pytestmark = only_wide

FRESH = ("-e", "timelock_fresh=true")


def _kvs(service: Service) -> dict:
    """As a user writes it down, from the service's own configuration."""
    return read_config(service.nodes[0].config_path.read_text(), None, version=service.settings.version).kvs


def _says(services: Fleet, service: Service, *words: str) -> bool:
    """Whether status.yml ends well, having said of the service all of `words` in its row."""
    run = services.play("status.yml", *FRESH)
    (row,) = [line for line in run.said("Show where every service is") if line.startswith(f"{service.name} ")]
    assert all(f" {word}" in row for word in words), run.tail
    return run.ok


@pytest.mark.parametrize("store", STORES)
def test_a_store_that_is_active_again_under_nodes_on_timelock_is_invalidated_again(lab, tmp_path, store):
    """By hand while they serve, or by a client at its next start. TimeLock counts all the while."""
    with fleet(lab, tmp_path, 1, 1, stores=(store, store)) as services:
        services.set(timelock_waves=[2])
        services.migrate()
        bounds = {}
        for service in services.services:
            restored = by_hand.store(lab, service.name)
            bounds[service] = services.store(service)[1] - 500_000
            restored.put_back()
            restored.write_bound(bounds[service])
            restored.punch(by_hand.fresh_timestamp(lab, service.name))
            assert not _says(services, service, "wrong", "see store-reactivated")
        one, other = services.services
        asked = {
            "kvs": _kvs(one), "expected_bound": str(bounds[one]),
            "accept_unproven": "a backup was restored, and all nodes are on TimeLock",
        }  # fmt: skip
        assert call(timestamp_invalidate, **asked)["code"] == "bound-contradicted"
        again = call(timestamp_invalidate, **asked, fresh_timestamp=str(by_hand.fresh_timestamp(lab, one.name)))
        assert (again["changed"], again["state"]) == (True, "invalidated"), again
        other.stop()
        other.start()
        other.wait_healthy()
        for service in services.services:
            assert _says(services, service, "migrated", f"invalidated {bounds[service]}", "nothing")
        assert services.migrate().changed == {}
        services.assert_migrated()


@pytest.mark.parametrize("store", STORES)
def test_the_store_of_an_embedded_service_is_brought_above_all_that_is_on_record(lab, tmp_path, store):
    with fleet(lab, tmp_path, 1, stores=(store,)) as services:
        services.set(timelock_quiet_seconds=1)
        services.migrate()
        assert services.play("reverse.yml").ok
        services.await_more_timestamps()
        (service,) = services.services
        service.stop()
        number = services.store(service)[1]
        by_hand.store(lab, service.name).write_bound(number - 5_000_000)
        assert not _says(services, service, "wrong", "see bound-below-record")
        assert any("bound-below-record" in reason for reason in services.play("migrate.yml").reasons)

        raised = call(
            timestamp_restore, kvs=_kvs(service), at_least=str(number + 10_000_000),
            accept_unproven="a backup was restored, and all nodes are down",
        )  # fmt: skip
        assert (raised["changed"], raised["bound"]) == (True, number + 10_000_000), raised
        service.start()
        service.wait_healthy()
        assert _says(services, service, "embedded", "migrate.yml")
        services.migrate()
        services.assert_migrated()


def test_a_service_that_was_taken_back_by_hand_beside_its_backup_is_opened_and_goes_forward_again(lab, tmp_path):
    """On Cassandra, where the way back in AtlasDB's document empties the whole table, and this one did not."""
    with fleet(lab, tmp_path, 1, stores=(CASSANDRA,)) as services:
        (service,) = services.services
        (node,) = service.nodes
        embedded = node.config_path.read_bytes()
        services.migrate()
        service.stop()
        number = by_hand.fresh_timestamp(lab, service.name) + 10_000_000
        by_hand.store(lab, service.name).set(TS, encode(number))
        node.config_path.write_bytes(embedded)
        service.start()
        service.wait_healthy()
        services.await_more_timestamps()
        status = services.play("status.yml")
        assert status.ok and any("somebody took back by hand" in line for line in status.said()), status.tail
        opened = call(timestamp_restore, kvs=_kvs(service), at_least=str(number), accept_unproven="taken back by hand")
        assert (opened["changed"], opened["state"]) == (True, "active") and opened["bound"] >= number, opened
        assert _says(services, service, "embedded", "migrate.yml")
        services.migrate()
        services.assert_migrated()
