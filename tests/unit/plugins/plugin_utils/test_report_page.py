# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a run as a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.journal import append
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.handover_report import report_of
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.report_page import charts, words
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.report_page.page import page
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.report import runs

HOSTILE = """<script>alert("1")</script>'"><img src=x onerror=alert(2)>{{ 7 * 7 }}"""
EMPTY = ("meta", "br", "img", "rect", "path", "circle", "line")


class Page(HTMLParser):
    """Which elements a page has, and its text; every one must be closed where it was opened."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.attributes = []
        self.feed(text)
        self.close()
        assert self.open == []
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if tag not in EMPTY:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def report(folder, lines=None, end=None, plan=None, playbook="migrate.yml"):
    given = {
        "directory": str(folder), "plan": plan or runs.plan(), "verdict": {"services": {"orders": end or runs.end()}},
        "server_version": "0.905.1", "validate_certs": True, "playbook": playbook,
    }  # fmt: skip
    for line in runs.lines() if lines is None else lines:
        append(str(folder / f"{runs.RUN_ID}.jsonl"), line)
    return report_of(given, runs.MADE, runs.BY)


def test_a_page_says_why_it_was_safe(tmp_path):
    text = Page(page(report(tmp_path))).text
    for said in (
        "1 service migrated",
        "All 3 nodes were proved held down and gone, and nobody else had a session at its store.",
        "The bound, TS, was 2,000,000: no timestamp above it had ever been issued.",
        "TimeLock gave 2,000,002 after it was fast-forwarded, above TS.",
        "invalidated, on condition that its bound was still TS",
        "Only then did orders-1, orders-2, orders-3 start",
        "punch table 1,999,996",
        "process 7; listening on 8080; connected to 10.0.9.9:5432",
        "alice@ops-1",
        "atlasdb.timelock 0.1.0, ansible-core 2.19.0, Python 3.11.0",
        "What no run can prove",
        "Playbook migrate.yml Began 2026-11-22 18:04:59 UTC Ended 2026-11-22 18:06:00 UTC",
        "TimeLock 0.905.1 TimeLock servers",
        "AtlasDB client 0.905.0",
        "Its namespace moves orders, 18:05:20.500 How a fresh timestamp before the first node was started, and after"
        " Before 2,000,003 After 2,000,050",
    ):
        assert said in text, said


def _plan_of(todo, **more):
    plan = runs.plan()
    plan["services"]["orders"].update(todo=todo, **more)
    return plan


def _lines_at(*steps):
    """The run's journal, as if it had been of other ``steps`` from its first look at the store on."""
    own = ("read", "fast_forward", "invalidate", "read_back", "restart_first", "restart_others", "report")
    others = dict(zip(own, steps, strict=True))
    return [{**line, "step": others.get(line["step"], line["step"])} for line in runs.lines()]


def test_of_a_way_back_the_page_speaks_of_a_bound_made_live_and_not_of_a_migration(tmp_path):
    lines = _lines_at(*["reverse_restore"] * 4, "reverse_start_first", "reverse_start_others", "reverse_report")
    for line in lines:
        if line["step"] == "reverse_start_first" and "look" in line:
            line.update(bound=13_000_001, look="store")
            del line["fresh_timestamp"]
        if line["step"] == "stop":
            line["proofs"] = [*line.get("proofs", []), {"kind": "configured", "node": "orders-2", "seen_before": False}]
    end = runs.end(outcome="reversed", restored_to="12000001")
    text = Page(page(report(tmp_path, lines, end, _plan_of("reverse"), "reverse.yml"))).text
    for said in (
        "1 service reversed",
        "The bound was made live at 12,000,001.",
        "serve on their embedded timestamps.",
        "Service Outcome Bound made live Last from TimeLock Outage",
        "orders reversed 12,000,001 2,000,003 10.5 s 15.2 s",
        "All that TimeLock gave out is below the bound that was made live",
        "Before held, with its configuration for TimeLock",
        "Its bound moves orders, 18:05:20.500 How the bound in the store before the first node was started, and after"
        " Before 2,000,000 After 13,000,001",
    ):
        assert said in text, said
    for untrue in (
        "not migrated", "serve on TimeLock", "Serves on TimeLock", "TimeLock is above TS", "had ever been",
        "at or below TS", "First timestamp after", "it counts for nothing",
    ):  # fmt: skip
        assert untrue not in text, untrue


@pytest.mark.parametrize(
    ("playbook", "said"),
    [
        ("migrate.yml", "0 of 1 service migrated"),
        ("repair.yml", "0 of 1 service migrated"),
        ("reverse.yml", "0 of 1 service reversed"),
        ("rename_namespace.yml", "0 of 1 service renamed"),
    ],
)
def test_a_run_in_which_nothing_was_done_is_headed_with_what_it_was_to_do(tmp_path, playbook, said):
    plan = _plan_of("refused")
    text = Page(page(report(tmp_path, [], runs.end(outcome="refused", ts=None), plan, playbook))).text
    assert said in text and f"Playbook {playbook} Ended" in text


def test_a_run_without_a_service_has_a_page(tmp_path):
    nobody = {**report(tmp_path), "services": {}}
    assert "0 services migrated" in Page(page(nobody)).text


@pytest.mark.parametrize("todo", ["migrate", "reverse", "rename"])
def test_of_nodes_that_served_already_the_page_does_not_say_that_the_run_started_them(tmp_path, todo):
    outcome, playbook = {
        "migrate": ("migrated", "migrate.yml"),
        "reverse": ("reversed", "reverse.yml"),
        "rename": ("renamed", "rename_namespace.yml"),
    }[todo]
    lines = runs.lines()
    for line in lines:
        if line.get("effect") == "start" and line["node"] == "orders-1" and "started" in line:
            line.update(came="unchanged", started=False)
    plan = _plan_of(todo, nodes_to_stop=["orders-2"], renamed_from="sales" if todo == "rename" else None)
    text = Page(page(report(tmp_path, lines, runs.end(outcome=outcome), plan, playbook))).text
    assert "Only then did orders-2, orders-3 start, and serve on" in text
    assert re.search("orders-1 served on .* already\\.", text)
    for node, before in (
        ("orders-1", "it served already"),
        ("orders-2", "held, with no process"),
        ("orders-3", "configured, with no process"),
    ):
        assert re.search(f"Serves on [a-zA-Z ]+ {node}, 18:05:20.000 How [^.]*? Before {before}", text), node


def test_the_page_says_how_long_a_service_was_down_that_was_put_back(tmp_path):
    lines = [line for line in runs.lines() if line["step"] in ("prepare", "stop")]
    back = {"effect": "start", "step": "put_back", "came": "changed", "started": True}
    back["proofs"] = [{"kind": "serving", "pids": [9]}]
    lines.append({**lines[-1], "look": None, "time": "2026-11-22T18:05:30.000+00:00", **back})
    failure = {"step": "stop", "code": "node-still-running", "msg": "node-still-running: Process 7 is alive."}
    end = runs.end(outcome="failed", failure=failure, ts=None, fresh_before_start=None, window_seconds=None)
    text = Page(page(report(tmp_path, lines, end))).text
    assert "orders failed – – 25.0 s –" in text
    assert "Serves as before the run orders-1, 18:05:30.000" in text and "Serves on TimeLock" not in text


def test_the_page_says_since_when_a_service_is_down(tmp_path):
    lines = [line for line in runs.lines() if line["step"] in ("prepare", "stop", "read", "fast_forward", "invalidate")]
    end = runs.end(outcome="failed", fresh_before_start=None, outage_seconds=None, window_seconds=None)
    text = Page(page(report(tmp_path, lines[:-1], end))).text
    assert "down since 18:05:05.000" in text


def test_a_clients_own_migration_has_the_proof_that_its_namespace_moves(tmp_path):
    lines = _lines_at("read", "fast_forward", *["own_migration"] * 3, "restart_others", "report")
    last = next(line for line in lines if line.get("fresh_timestamp") == runs.TS + 50)
    verified = {**last, "time": "2026-11-22T18:05:20.900+00:00", "fresh_timestamp": runs.TS + 90}
    text = Page(page(report(tmp_path, [*lines, verified]))).text
    assert "Its namespace moves" in text and "Before 2,000,003 After 2,000,050" in text


def test_a_namespace_that_did_not_move_is_no_proof(tmp_path):
    failure = {"step": "restart_first", "code": "node-not-on-timelock", "msg": "node-not-on-timelock: It rests."}
    text = Page(page(report(tmp_path, runs.lines()[:-6], runs.end(outcome="failed", failure=failure)))).text
    assert "Its namespace moves" not in text


def test_of_a_rename_the_page_names_both_namespaces_and_takes_the_old_one_for_no_proof_of_the_new(tmp_path):
    old = {"kind": "timelock", "fresh_timestamp": runs.TS, "taken": runs.MADE}
    steps = ("rename_read", "fast_forward", "fast_forward", "rename_read_back", "restart_first", "restart_others")
    lines = _lines_at(*steps, "rename_report")
    lines = [{**line, "proofs": [old]} if line["step"] == "rename_read" else line for line in lines]
    (n, new) = next((n, line) for n, line in enumerate(lines) if line["step"] == "rename_read_back")
    lines.insert(n + 1, {**new, "fresh_timestamp": runs.TS - 1, "time": "2026-11-22T18:05:15.500+00:00"})
    plan = _plan_of("rename", renamed_from="sales", namespace="orders")
    end = runs.end(outcome="renamed", renamed_from="sales")
    text = Page(page(report(tmp_path, lines, end, plan, "rename_namespace.yml"))).text
    for said in (
        "1 service renamed",
        "The last timestamp of the namespace sales, TS, was 2,000,000.",
        "TimeLock gave 2,000,002 after it was fast-forwarded, above TS.",
        "serve on TimeLock with the namespace orders.",
        "What the old namespace gave out is below",
        "All that the old namespace can have issued is at or below TS; all that the new one gives",
        "Before 2,000,003 After 2,000,050",
    ):
        assert said in text, said
    assert "not above TS" not in text and "not migrated" not in text


def test_nodes_whose_files_change_alike_share_one_diff(tmp_path):
    text = Page(page(report(tmp_path))).text
    assert text.count("+ timelock: {}") == 1
    assert "orders-1, orders-2, orders-3 --- install before" in text


def test_a_page_needs_nothing_but_itself(tmp_path):
    made = Page(page(report(tmp_path)))
    assert not {"script", "link", "iframe", "object", "img"} & set(made.tags)
    assert {value[0] for name, value in made.attributes if name in ("href", "src", "xlink:href")} == {"#"}
    assert not [name for name, _value in made.attributes if name.startswith("on")]


def test_nothing_that_the_run_was_told_becomes_a_part_of_the_page(tmp_path):
    hostile = report(tmp_path)
    before = Page(page(hostile)).tags
    made = Page(page(_spoilt(hostile)))
    assert sorted(set(made.tags)) == sorted(set(before))
    assert made.tags.count("script") == 0 and 'alert("1")' in made.text and "{{ 7 * 7 }}" in made.text
    assert "onerror" not in [name for name, _value in made.attributes]


def _spoilt(value, key=None):
    """Every word in a report that comes from outside, hostile."""
    if isinstance(value, dict):
        return {
            HOSTILE if key in ("services", "modes", "diffs") else name: _spoilt(inner, name)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_spoilt(inner, key) for inner in value]
    ours = ("made", "time", "began", "ended", "number", "ts", "fresh_timestamp", "fresh_before_start", "bound", "kind")
    ours += ("what", "step", "outcome", "effect", "came", "todo", "state", "down_since")
    return value if key in ours or not isinstance(value, str) else f"{value}{HOSTILE}"


def test_of_a_run_that_failed_the_page_says_where_and_how_the_service_was_left(tmp_path):
    failure = {"step": "stop", "code": "node-still-running", "msg": "node-still-running: Process 7 is alive."}
    end = runs.end(
        outcome="failed", failure=failure, left="put back: the service runs as before", ts=None, fresh_before_start=None
    )
    text = Page(page(report(tmp_path, runs.lines()[:7], end))).text
    for said in (
        "0 of 1 service migrated",
        "Failed in step 2/9 Hold, stop, prove offline",
        "node-still-running: Process 7 is alive.",
        "How it was left: put back: the service runs as before.",
        "The service is not migrated.",
        "What belongs to steps that were not reached: 3/9 Read TS",
    ):
        assert said in text, said
    assert "nodes were proved" not in text, "two of three are not all"


def test_a_proof_of_a_probe_that_never_saw_its_node_is_no_proof_on_the_page(tmp_path):
    blind = [
        {**line, "proofs": [{**proof, "seen_before": False} for proof in line.get("proofs", [])]}
        for line in runs.lines()
    ]
    text = Page(page(report(tmp_path, blind))).text
    assert "proved held down and gone" not in text and "had a session" not in text


def test_of_a_service_that_is_half_on_timelock_the_page_says_which_nodes_were_stopped(tmp_path):
    plan = runs.plan()
    plan["services"]["orders"]["nodes_to_stop"] = ["orders-3"]
    text = Page(page(report(tmp_path, plan=plan))).text
    assert "orders-3, not yet on TimeLock, was proved held down and gone" in text


@pytest.mark.parametrize(
    ("outcome", "already", "said"),
    [
        ("migrated", True, "It was on TimeLock before this run, which changed nothing."),
        ("reversed", True, "It was back on its embedded timestamps before this run, which changed nothing."),
        ("not begun", False, "The run ended before it came to this service. Nothing was touched."),
        ("refused", False, "Nothing was touched."),
    ],
)
def test_a_service_on_which_nothing_was_done_has_its_place_on_the_page(tmp_path, outcome, already, said):
    text = Page(page(report(tmp_path, [], runs.end(outcome=outcome, already=already)))).text
    assert said in text and "Proofs" not in text


def test_what_was_accepted_without_a_proof_stands_with_its_reason(tmp_path):
    text = Page(page(report(tmp_path, end=runs.end(accepted_unproven="the pooler hides it, ticket 7")))).text
    assert "Accepted unproven At the invalidation: the pooler hides it, ticket 7" in text


@pytest.mark.parametrize(
    ("todo", "where"), [("reverse", "restoring of the bound"), ("rename", "start on the new namespace")]
)
def test_it_says_where_it_was_accepted(tmp_path, todo, where):
    plan = runs.plan()
    plan["services"]["orders"]["todo"] = todo
    text = Page(page(report(tmp_path, plan=plan, end=runs.end(accepted_unproven="ticket 7")))).text
    assert f"Accepted unproven At the {where}: ticket 7" in text


@pytest.mark.parametrize("number", ["", "9,000,000", "many"])
def test_what_an_operator_typed_for_a_number_and_is_none_keeps_no_page_from_being_written(number):
    service = {**runs.plan()["services"]["orders"], "highest_issued": number, "end": runs.end(fresh_before_start=None)}
    assert words.key_numbers(service, way_back=True)[1] == ("Last from TimeLock", "–")


def test_what_the_plan_notes_besides_is_not_said_to_be_accepted(tmp_path):
    plan = runs.plan()
    plan["services"]["orders"]["notes"] = ["new, as the inventory says", "accepted unproven (looked): no session"]
    text = Page(page(report(tmp_path, plan=plan))).text
    assert "The plan says: new, as the inventory says Accepted unproven accepted unproven (looked): no session" in text


def test_charts_show_every_number_and_every_step(tmp_path):
    made = Page(page(report(tmp_path)))
    assert made.tags.count("svg") == 4, "numbers and steps, for a desktop and for a phone"
    numbers, corner, steps = 9, 1, 9
    assert made.tags.count("circle") == 2 * (numbers + corner + 2 * steps)
    assert charts.charts({"steps": []}, {}) == [], "nothing was done, and there is nothing to show"


def test_without_its_library_the_page_has_the_same_as_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(charts, "pygal", None)
    made = Page(page(report(tmp_path)))
    assert "svg" not in made.tags
    assert "fresh from TimeLock 2,000,002 4/9 Fast-forward TimeLock to TS" in made.text
