# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that migrated the service orders, as its plan, journal and verdict tell it."""

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.fleet import plan_fleet
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.planning import fleets

RUN_ID = "20261122T180454Z-1046d7"
NODES = ["orders-1", "orders-2", "orders-3"]
TS = 2_000_000
BY = {"user": "alice@ops-1", "collection": "0.1.0", "ansible": "2.19.0", "python": "3.11.0"}
MADE = "2026-11-22T18:06:00.000+00:00"


def plan(**settings) -> dict:
    """The plan of the run."""
    nodes = [fleets.node(number) for number in (1, 2, 3)]
    for node in nodes:
        node["look"]["planned"]["diff"] = "--- install before\n+++ install after\n-  leader: {}\n+  timelock: {}\n"
    planned = plan_fleet(nodes, {"orders": fleets.store()}, fleets.TIMELOCK, fleets.settings(**settings))
    return {**planned, "run_id": RUN_ID}


def end(**more) -> dict:
    """How it ended."""
    return {
        "outcome": "migrated", "already": False, "refused_for": [], "namespace": "orders", "renamed_from": None,
        "ts": str(TS), "restored_to": None, "fresh_before_start": str(TS + 3), "outage_seconds": 10.5,
        "window_seconds": 15.25, "down_since": None,
        "failure": None, "left": None, "accepted_unproven": None, **more,
    }  # fmt: skip


def lines() -> list:
    """Its journal."""
    found = [_look(0, "prepare", "plan", store="active", bound=TS - 1_000_000)]
    found += [_look(2, "prepare", "timelock", fresh_timestamp=1)]
    before = {"pids": [7], "listening": [8080], "connected": ["10.0.9.9:5432"]}
    for node in NODES:
        proofs = [
            {"kind": "hold", "node": node, "detail": "/opt/orders/install.yml is held", "taken": _time(5.5)},
            {"kind": "process", "node": node, "seen_before": True, "detail": "process 7 is gone", "taken": _time(5.5)},
        ]
        found += _effect(5, 8, "stop", "stop", node, before=before, proofs=proofs)
    found += [_look(9, "stop", "sessions", proofs=[{"kind": "sessions", "seen_before": True, "taken": _time(8.9)}])]
    witness = [{"source": "punch table", "number": TS - 4}]
    found += [_look(10, "read", "store", state="active", bound=TS, corroboration=witness)]
    proof = {"kind": "timelock", "fresh_timestamp": TS + 2, "taken": _time(12)}
    found += _effect(11, 12, "fast_forward", "fast-forward", before=2, fresh_timestamp=TS + 2, proofs=[proof])
    after = {"state": "invalidated", "bound": None, "backup": TS}
    found += _effect(13, 14, "invalidate", "invalidate", before={"state": "active", "bound": TS}, after=after)
    found += [_look(15, "read_back", "timelock", fresh_timestamp=TS + 3)]
    for node in NODES:
        serving = {"kind": "serving", "pids": [8], "listening": [8080], "timelock": ["10.0.8.1:8421"]}
        health = {"ok": True, "detail": "http://10.0.0.1/health: status 200"}
        step = "restart_first" if node == NODES[0] else "restart_others"
        found += _effect(16, 20, step, "start", node, started=True, proofs=[{**serving, "health": health}])
        if step == "restart_first":
            found += [_look(20.5, step, "timelock", fresh_timestamp=TS + 50)]
    found += _effect(21, 22, "report", "record")
    return found


def _time(second: float) -> str:
    return f"2026-11-22T18:05:{second:06.3f}+00:00"


def _line(second: float, step: str, node: str = NODES[0], **more) -> dict:
    who = {"run": RUN_ID, "service": "orders", "node": node, "step": step, "by": "alice@ops-1"}
    return {"time": _time(second), **who, **more}


def _look(second: float, step: str, look: str, **seen) -> dict:
    return _line(second, step, look=look, took=0.25, came="seen", **seen)


def _effect(began: float, ended: float, step: str, effect: str, node: str = NODES[0], **told) -> list:
    begun = _line(began, step, node, effect=effect, came="begun")
    return [begun, _line(ended, step, node, effect=effect, came="changed", **told)]
