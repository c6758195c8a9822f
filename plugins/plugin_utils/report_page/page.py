# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a run as one page of HTML that needs nothing else."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from ansible_collections.atlasdb.timelock.plugins.module_utils.planning import verdict
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.diffs import alike
from ansible_collections.atlasdb.timelock.plugins.module_utils.report import steps
from ansible_collections.atlasdb.timelock.plugins.module_utils.report.history import BACKUP, BOUND, FRESH
from ansible_collections.atlasdb.timelock.plugins.module_utils.report.unchecked import UNPROVABLE
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.report_page import words
from ansible_collections.atlasdb.timelock.plugins.plugin_utils.report_page.charts import charts
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_NUMBERS = {BOUND: "bound in the store", BACKUP: "bound kept at the invalidation", FRESH: "fresh from TimeLock"}
_REVERSE = "reverse.yml"
_VERBS = {_REVERSE: verdict.REVERSED, "rename_namespace.yml": verdict.RENAMED}
_DONE = (verdict.MIGRATED, *_VERBS.values())
_TONES = {**dict.fromkeys(_DONE, "good"), verdict.FAILED: "bad", "refused": "bad"}


def page(report: dict) -> str:
    """The page of ``report``, a document of that kind. All that the run found or was told is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters.update(moment=_moment, clock=_clock, grouped=words.grouped, seconds=_seconds)
    way_back = report["playbook"] == _REVERSE
    services = [
        _service(name, service, f"service-{number}", way_back)
        for number, (name, service) in enumerate(report["services"].items(), 1)
    ]
    outcomes = [service["end"]["outcome"] for service in services]
    return environment.get_template("page.html.j2").render(
        report=report,
        services=services,
        began=min((step["began"] for service in services for step in service["end"]["steps"]), default=None),
        headline=_headline(outcomes, _VERBS.get(report["playbook"], verdict.MIGRATED)),
        numbers=_NUMBERS,
        unprovable=UNPROVABLE,
    )


def _headline(outcomes: list, what: str) -> str:
    done = outcomes.count(what)
    noun = "service" if len(outcomes) == 1 else "services"
    if done == len(outcomes):
        return f"{done} {noun} {what}"
    return f"{done} of {len(outcomes)} {noun} {what}"


def _service(name: str, service: dict, anchor: str, way_back: bool) -> dict:
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
        "facts": words.facts(service, way_back),
        "key_numbers": words.key_numbers(service, way_back),
        "outage": f"down since {_clock(end['down_since'])}" if end["down_since"] else _seconds(end["outage_seconds"]),
        "caption": words.caption(service),
        "proofs": words.proofs(service),
        "charts": [
            {key: Markup(value) if key != "width" and value else value for key, value in chart.items()}
            for chart in charts(end, steps.SHORT)
        ],
        "diffs": [(nodes, [_line(line) for line in text.splitlines()]) for nodes, text in alike(service["diffs"])],
    }


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
