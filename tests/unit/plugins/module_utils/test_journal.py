# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run writes down of its effects."""

from __future__ import annotations

import fcntl
import json
import os
import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.atlasdb.timelock.plugins import module_utils
from ansible_collections.atlasdb.timelock.plugins.module_utils import journal
from ansible_collections.atlasdb.timelock.plugins.module_utils.journal import (
    EFFECTS,
    LOOKS,
    append,
    entry,
    look_entry,
    read,
    short,
)

WHO = {"run": "r1", "service": "orders", "node": "orders-1", "step": "invalidate"}
NOT_OF_A_PLAYBOOK = {"node_stage"}
"""client_config runs it, which is the effect."""
OF_THE_CONTROLLER = {"handover_report"}
OF_THE_SERVERS = {"timelock_server_record"}
"""It hands no service over: a server has a record of its own, in the folder where it is installed."""


def test_every_module_that_changes_anything_is_an_effect():
    folder = Path(next(iter(module_utils.__path__))).parent / "modules"
    files = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("[a-z]*.py")}
    looking = {name for name, text in files.items() if re.search(r"description: Nothing (is changed|changes)\b", text)}
    assert {*files} - looking - NOT_OF_A_PLAYBOOK - OF_THE_CONTROLLER - OF_THE_SERVERS == set(EFFECTS)


@pytest.mark.parametrize(
    ("result", "came"),
    [
        (None, "begun"),
        ({"changed": True}, "changed"),
        ({"changed": False}, "unchanged"),
        ({"failed": True, "code": "bound-moved", "found": "It moved."}, "refused"),
        ({"failed": True, "code": "kvs-unreachable", "fate_unknown": True}, "unknown"),
        ({"failed": True, "msg": "Traceback"}, "unknown"),
        ({"unreachable": True, "msg": "no route"}, "unknown"),
    ],
)
def test_a_line_says_how_an_effect_came_out(result, came):
    assert entry("invalidate", WHO, result)["came"] == came


def test_a_line_says_who_did_what_where_and_what_it_was_before_and_after():
    proofs = [{"kind": "hold", "node": "orders-1"}]
    result = {"changed": True, "before": {"bound": 5}, "diff": {"after": {"backup": 5}}, "proofs": proofs}
    line = entry("invalidate", WHO, result)
    assert {key: line[key] for key in WHO} == WHO
    assert "@" in line["by"]
    assert (line["before"], line["after"], line["proofs"]) == ({"bound": 5}, {"backup": 5}, proofs)


def test_a_proof_is_told_with_when_it_was_taken_and_what_it_saw():
    stamp = {"wall": 1_795_714_094.25, "boot": 1.0, "boot_id": "b"}
    gone = {"kind": "process", "node": "orders-1", "seen_before": True, "detail": "process 7 is gone", "taken": stamp}
    line = entry("stop", WHO, {"changed": True, "proofs": [gone], "seen": {"pids": [{"pid": 7, "cmd0": "java"}]}})
    (proof,) = line["proofs"]
    assert proof == {**gone, "taken": "2026-11-26T17:28:14.250+00:00"}
    assert line["before"]["pids"] == [7]
    serving = {"kind": "serving", "pids": [{"pid": 8, "start": 5}], "listening": [80], "timelock": ["10.0.0.1:8421"]}
    (proof,) = entry("start", WHO, {"changed": True, "proof": serving, "proofs": []})["proofs"]
    assert proof == {"kind": "serving", "pids": [8], "listening": [80], "timelock": ["10.0.0.1:8421"]}


@pytest.mark.parametrize(
    ("look", "result", "told"),
    [
        ("store", {"state": "active", "bound": 5, "backup": None}, {"came": "seen", "state": "active", "bound": 5}),
        ("timelock", {"fresh_timestamp": 9, "leader": "tl-1"}, {"fresh_timestamp": 9, "leader": "tl-1"}),
        ("plan", {"services": {"orders": {"store": "active", "bound": 5}}}, {"store": "active", "bound": 5}),
        ("timelock", {"failed": True, "code": "timelock-no-leader"}, {"came": "refused", "code": "timelock-no-leader"}),
        (
            "sessions",
            {"sessions": [{"user": "a", "application": "psql", "address": "10.0.0.9"}]},
            {"sessions": "1 of a (psql) from 10.0.0.9"},
        ),
    ],
)
def test_a_look_is_told_with_what_it_saw(look, result, told):
    line = look_entry(look, WHO, {"changed": False, **result}, 0.12345)
    assert {key: line[key] for key in told} == told
    assert (line["took"], line["look"]) == (0.123, look)


def test_every_look_of_the_handover_is_one_that_the_journal_knows():
    folder = Path(next(iter(module_utils.__path__))).parent / "modules"
    assert {name for name in LOOKS if (folder / f"{name}.py").exists()} == set(LOOKS)


def test_a_line_holds_nothing_of_a_result_but_what_is_known_to_be_no_secret():
    given = {"kvs": {"password": "s3cret"}}
    result = {"changed": True, "content_b64": "czNjcmV0", "invocation": given, "msg": "s3cret"}
    told = json.dumps(entry("configure", WHO, result))
    assert "s3cret" not in told and "czNjcmV0" not in told


def test_lines_of_many_writers_are_all_there_and_whole(tmp_path):
    path = str(tmp_path / "reports" / "r1.jsonl")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: append(path, {"number": number, "filling": "x" * 3000}), range(200)))
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    assert sorted(line["number"] for line in lines) == list(range(200))


def _write_some(path: str) -> None:
    for _number in range(100):
        append(path, entry("stop", WHO))


def test_lines_of_many_processes_stand_in_the_order_of_their_times(tmp_path):
    path = str(tmp_path / "r1.jsonl")
    with ProcessPoolExecutor(8) as pool:
        list(pool.map(_write_some, [path] * 8))
    times = [line["time"] for line in read(path)]
    assert len(times) == 800 and times == sorted(times)


def test_a_writer_that_is_suspended_in_the_middle_stops_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_TURN_SECONDS", 0.1)
    path = tmp_path / "r1.jsonl"
    with path.open("a") as suspended:
        fcntl.flock(suspended, fcntl.LOCK_EX)
        append(str(path), entry("stop", WHO))
    assert [line["effect"] for line in read(str(path))] == ["stop"]


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_a_journal_is_its_owners_alone_whatever_the_umask(tmp_path, umask):
    path = tmp_path / "reports" / "r1.jsonl"
    before = os.umask(umask)
    try:
        append(str(path), {})
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_in_short_each_effect_of_a_service_has_one_item_that_says_how_it_came_out(tmp_path):
    path = tmp_path / "r1.jsonl"
    other = {**WHO, "service": "users", "node": "users-1"}
    for effect, who, result in [
        ("stop", WHO, None),
        ("stop", other, None),
        ("stop", WHO, {"changed": True, "proofs": [{"kind": "hold"}]}),
        ("invalidate", WHO, None),
        ("invalidate", WHO, {"failed": True, "code": "bound-moved", "found": "It moved."}),
        ("start", WHO, None),
    ]:
        append(str(path), entry(effect, who, result))
    append(str(path), look_entry("store", WHO, {"state": "active"}, 0.1))
    first, *others = path.read_text().splitlines(keepends=True)
    path.write_text("".join([first, '{"service": "orders", "cut of\n', *others, '{"cut off']))
    told = short(read(str(path)), "orders")
    assert [(one["effect"], one["came"], one.get("code")) for one in told] == [
        ("stop", "changed", None),
        ("invalidate", "refused", "bound-moved"),
        ("start", "begun", None),
    ]
    assert set(told[0]) == {"time", "step", "node", "effect", "came"}


def test_a_run_without_effects_has_no_journal_to_read(tmp_path):
    assert read(str(tmp_path / "r1.jsonl")) == []
