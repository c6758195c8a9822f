# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a plan hangs on what was asked of TimeLock."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils.operations import fleet_plan
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.status import fleet_status
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.planning import fleets


class Store:
    """One that was invalidated long ago."""

    def close(self):
        pass


def test_of_a_timelock_that_was_not_asked_nothing_is_said(monkeypatch):
    """No server is named: it is not one that has lost the namespace, nor one that agrees."""
    read = fleets.invalidated()
    monkeypatch.setattr(fleet_plan, "open_store", lambda kvs: Store())
    monkeypatch.setattr(fleet_plan, "trust_in", lambda kvs: None)
    monkeypatch.setattr(fleet_plan, "describe_store", lambda store: read)
    monkeypatch.setattr(fleet_plan, "sessions_of", lambda *_: {key: read[key] for key in ("sessions", "view")})
    params = {
        **dict.fromkeys(fleet_plan.ARGUMENT_SPEC),
        "nodes": [fleets.node(number, look=fleets.look(number, "timelock")) for number in (1, 2, 3)],
        "stores": [{"service": "orders", "kvs": {}, "new_login": None, "known_clients": [], "ignore_sessions": []}],
        "playing": ["orders-1", "orders-2", "orders-3"],
        "servers": [], "known_clients": [], "direction": "migrate", "timeout": 1,
    }  # fmt: skip
    told = fleet_status(fleet_plan.fleet_plan(params, check_mode=False))
    status = told["services"]["orders"]
    assert (status["timelock"], status["agree"], told["alarming"]) == ("unusable", "?", [])
    assert "timelock-behind-backup" not in status["codes"]
