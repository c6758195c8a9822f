# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a run as one page of HTML that needs nothing else."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ansible_collections.atlasdb.timelock.plugins.module_utils.planning import verdict
from ansible_collections.atlasdb.timelock.plugins.module_utils.report import steps
from ansible_collections.atlasdb.timelock.plugins.module_utils.report.history import BACKUP, BOUND, FRESH
from ansible_collections.atlasdb.timelock.plugins.module_utils.report.unchecked import UNPROVABLE
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.report_page import words
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.report_page.charts import charts
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_NUMBERS = {BOUND: "bound in the store", BACKUP: "bound kept at the invalidation", FRESH: "fresh from TimeLock"}
_DONE = (verdict.REVERSED, verdict.RENAMED, verdict.MIGRATED)
_TONES = {**dict.fromkeys(_DONE, "good"), verdict.FAILED: "bad", "refused": "bad"}


def page(report: dict) -> str:
    """The page of ``report``, a document of that kind. All that the run found or was told is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters.update(moment=_moment, clock=_clock, grouped=words.grouped, seconds=_seconds)
    services = [
        _service(name, service, f"service-{number}")
        for number, (name, service) in enumerate(report["services"].items(), 1)
    ]
    return environment.get_template("page.html.j2").render(
        report=report,
        services=services,
        headline=_headline([service["end"]["outcome"] for service in services]),
        numbers=_NUMBERS,
        unprovable=UNPROVABLE,
    )


def _headline(outcomes: list) -> str:
    what = next((one for one in _DONE if one in outcomes), verdict.MIGRATED)
    done = outcomes.count(what)
    noun = "service" if len(outcomes) == 1 else "services"
    if done == len(outcomes):
        return f"{done} {noun} {what}"
    return f"{done} of {len(outcomes)} {noun} {what}"


def _service(name: str, service: dict, anchor: str) -> dict:
    end = service["end"]
    sequence = steps.sequence(service["todo"], [step["step"] for step in end["steps"]])
    return {
        "name": name,
        "titles": {step: steps.title(step, sequence) for step in steps.SHORT},
        "anchor": anchor,
        "end": end,
        "tone": _TONES.get(end["outcome"], "still"),
        "words": words.in_short(service),
        "refusals": service["refusals"],
        "accepted": words.accepted(service),
        "noted": words.noted(service),
        "facts": words.facts(service),
        "first_after": words.first_after(end),
        "proofs": words.proofs(service),
        "charts": [
            {key: Markup(value) if key != "width" and value else value for key, value in chart.items()}
            for chart in charts(end, steps.SHORT)
        ],
        "diffs": _diffs(service["diffs"]),
    }


def _diffs(diffs: dict) -> list:
    """Pairs of the nodes whose files change alike, and the lines of that change."""
    alike: dict = {}
    for node, text in diffs.items():
        if text:
            alike.setdefault(text, []).append(node)
    return [(nodes, [_line(line) for line in text.splitlines()]) for text, nodes in alike.items()]


def _line(text: str) -> dict:
    if text.startswith(("+++", "---", "@@")):
        return {"tone": "head", "text": text}
    return {"tone": {"+": "new", "-": "old"}.get(text[:1], ""), "text": text}


def _moment(time: str) -> str:
    return f"{datetime.fromisoformat(time):%Y-%m-%d %H:%M:%S} UTC"


def _clock(time: str) -> str:
    return datetime.fromisoformat(time).strftime("%H:%M:%S.%f")[:-3]


def _seconds(number: float | None) -> str:
    return "–" if number is None else f"{number:.1f} s"
