# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report and its page, whatever the run was told: words stay words."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.journal import append, read
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.handover_report import report_of, write
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.report_page import charts
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.report_page.page import page
from ansible_collections.atlasdb.timelock.tests.unit.hostile import NAMES
from ansible_collections.atlasdb.timelock.tests.unit.plugins.module_utils.report import runs
from hypothesis import given, settings
from hypothesis import strategies as st

OURS = ("time", "effect", "look", "came", "step", "kind", "state", "todo", "outcome", "source", "run_id", "taken")
"""Keys whose words are the collection's own."""
NAMED = ("services", "modes", "diffs", "digests", "proofs", "up")
"""Dictionaries whose keys are names."""
FAILURE = {"step": "stop", "code": "node-still-running", "msg": "It runs."}


class Tags(HTMLParser):
    """The elements of a page in their order with the names of their attributes, the values of these, and its words."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.values = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, *(name for name, _value in attrs)))
        self.values += [value for name, value in attrs if name != "class"]

    def handle_comment(self, data):
        self.tags.append(("a comment", data))

    def handle_decl(self, decl):
        self.tags.append(("a declaration", decl))

    def handle_data(self, data):
        self.words.append(data)


def spoilt(value, word, key=None):
    """Whatever comes from outside, with ``word`` at its end."""
    if isinstance(value, dict):
        return {(f"{name}{word}" if key in NAMED else name): spoilt(inner, word, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [spoilt(inner, word, None if isinstance(inner, dict) else key) for inner in value]
    return f"{value}{word}" if isinstance(value, str) and key not in OURS else value


def report(folder, word, **end):
    """The report of a run that was told ``word`` wherever somebody else had a word."""
    plan = runs.plan()
    for service in plan["services"].values():
        service["refusals"] = [{"code": "bound-moved", "found": "It moved.", "do": "Stop it.", "msg": "It moved."}]
        service["notes"] = ["it is odd", "accepted unproven (why): odd"]
    given = {
        "directory": str(folder), "plan": spoilt(plan, word), "server_version": word, "validate_certs": False,
        "playbook": "migrate.yml",
        "verdict": {"services": {f"orders{word}": spoilt(runs.end(**end), word)}},
    }  # fmt: skip
    for key in ("ts", "fresh_before_start"):
        given["verdict"]["services"][f"orders{word}"][key] = runs.end(**end)[key]
    journal = folder / f"{runs.RUN_ID}.jsonl"
    journal.unlink(missing_ok=True)
    for line in runs.lines():
        append(str(journal), spoilt(line, word))
    return report_of(given, runs.MADE, spoilt(runs.BY, word))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where reports lie, whose pages have no charts: these show numbers and steps alone, and take long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charts, "pygal", None)
        yield tmp_path_factory.mktemp("reports")


@given(NAMES, st.sampled_from([{}, {"outcome": "failed", "failure": FAILURE, "left": "put back"}]))
@settings(deadline=None)
def test_a_page_has_the_same_elements_whatever_the_run_was_told_and_says_it_all(folder, word, end):
    told = report(folder, word, **end)
    text = page(told)
    made, plain = Tags(text), Tags(page(report(folder, "x", **end)))
    # A change of a file has an element for each of its lines.
    assert [tag for tag in made.tags if tag[0] != "span"] == [tag for tag in plain.tags if tag[0] != "span"]
    assert made.values == plain.values
    assert {f"orders{word}", f"alice@ops-1{word}"} <= {*made.words}
    assert f"It runs.{word}" in made.words or not end
    assert json.loads(json.dumps(told)) == told
    write(str(folder / "page.html"), text)
    assert "</html>" in (folder / "page.html").read_text(encoding="utf-8")


@given(st.dictionaries(NAMES, NAMES))
def test_a_journal_gives_back_what_it_was_told(folder, told):
    path = folder / "journal.jsonl"
    path.unlink(missing_ok=True)
    for line in (told, {"other": 1}):
        append(str(path), line)
    first, second = read(str(path))
    assert first == {"time": first["time"], **told}
    assert second == {"time": second["time"], "other": 1}
