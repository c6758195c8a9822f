# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fleets as the plan sees them: a healthy one, of which each test spoils a part."""

from __future__ import annotations

import copy

from ansible_collections.atlasdb.timelock.plugins.module_utils.reason import REASONS

SERVERS = ["https://tl-1:8421", "https://tl-2:8421", "https://tl-3:8421"]
IDENTITY = {
    "type": "postgres",
    "system_identifier": "7",
    "timeline": 1,
    "database": "orders",
    "database_oid": 16384,
    "schema": "public",
    "table": "_timestamp",
    "position": 1000,
}


def look(number: int, mode: str = "leader", running: bool = True) -> dict:
    """What client_config_info says of node ``number``."""
    return {
        "config": {
            "mode": mode,
            "namespace": "orders",
            "version": "0.905.0",
            "former": True,
            "quorum": 1,
            "timelock": {"servers": SERVERS} if mode == "timelock" else None,
            "shared": {
                "mode": "timelock" if mode == "timelock" else "leader",
                "namespace": "orders",
                "store": "relational",
                "kvs": {"hosts": ["db"], "database": "orders"},
                "leader_count": 0 if mode == "timelock" else 3,
            },
        },
        "digest": f"digest of {mode} {number}",
        "kvs": {"type": "postgres"},
        "problems": [],
        "planned": {"diff": "", "changed": True},
        "ports": [8080],
        "unit": "orders",
        "servers": SERVERS,
        "probe": {
            "hold": {"run_id": "earlier"} if mode == "held" else None,
            "hold_intact": mode == "held",
            "epoch": {"service": "orders", "epoch": 3, "run_id": "earlier"} if mode == "held" else None,
            "hold_undone": False,
            "manager_state": "active" if running else "inactive",
            "health": {"ok": running, "detail": "200" if running else "refused"},
            "process": {
                "running": running,
                "listening": [8080] if running else [],
                "listening_own": [8080] if running else [],
                "sockets": [{"local": f"10.0.0.{number}:5000", "remote": "10.0.9.9:5432"}] if running else [],
                "older_than_file": False,
            },
        },
    }


def node(number: int, service: str = "orders", **more) -> dict:
    """Node ``number`` of ``service``, as fleet_plan takes it."""
    return {
        "name": f"{service}-{number}",
        "service": service,
        "host": f"10.0.0.{number}",
        "config_path": f"/opt/{service}/install.yml",
        "unit": service,
        "adopt_namespace": False,
        "accept_unproven": "",
        "accept_identity": "",
        "migration": "manual",
        "is_new": False,
        "variables": {"atlasdb_version": "0.905.0"},
        "look": look(number),
        **more,
    }


def store(**more) -> dict:
    """A store that is active at 2,000,000 and shows a session of each of three nodes."""
    return {
        "state": "active",
        "bound": 2_000_000,
        "backup": None,
        "code": None,
        "reason": None,
        "empty_table": False,
        "corroboration": [],
        "identity": IDENTITY,
        "missing_rights": [],
        "filled": None,
        "record": None,
        "view": {"kind": "store", "addresses": [], "ports": [], "hosts": [], "unseen": []},
        "sessions": [
            {"user": "orders", "application": "PostgreSQL JDBC Driver", "address": f"10.0.0.{number}", "port": 5000}
            for number in (1, 2, 3)
        ],
        **more,
    }


def invalidated(**more) -> dict:
    """A store that is invalidated at 2,000,000."""
    return store(state="invalidated", bound=None, backup=2_000_000, **more)


def record(**more) -> dict:
    """The record of a run that did not finish, and whose process is gone."""
    return {
        "epoch": 3,
        "holder": {"run_id": "earlier", "user": "alice", "host": "ops-1", "since": "2026-01-01T00:00:00Z", "pid": 1},
        "unfinished": True,
        "namespace": "orders",
        "servers": SERVERS,
        "nodes": ["orders-1", "orders-2", "orders-3"],
        "identity": copy.deepcopy(IDENTITY),
        "sessions_seen": ["orders-1", "orders-2", "orders-3"],
        "numbers": {"bound": "2000000"},
        **more,
    }


def settings(**more) -> dict:
    """The settings of plan_fleet for three nodes of orders."""
    return {
        "playing": ["orders-1", "orders-2", "orders-3"],
        "servers": SERVERS,
        "take_over": None,
        "holder_gone": lambda holder: True,
        "is_young": lambda holder: True,
        "resolve": lambda host: {"orders.example.org": ["10.0.0.1"]}.get(host, [host]),
        "known_clients": [],
        "kept": None,
        "skip_refused": False,
        "direction": "migrate",
        "server_version": None,
        "repair": False,
        "highest_issued": None,
        **more,
    }


def telling(nodes: list, settings: dict) -> list:
    """``nodes`` with the reasons among ``settings``, which are their service's and no longer among those then."""
    reasons = {name: settings.pop(name) for name in REASONS if name in settings}
    return [{**node, **reasons} for node in nodes]


TIMELOCK = {"refusals": [], "namespaces": []}
