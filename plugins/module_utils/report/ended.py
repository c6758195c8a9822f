# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a run ended for a service, by what its journal says that was done and seen."""

from __future__ import annotations

from datetime import datetime

from .. import journal
from ..bound import ACTIVE
from ..planning.service import REVERSED
from ..planning.verdict import FAILED, MIGRATED, RENAMED
from ..proofs import SERVING
from .steps import PUT_BACK, sequence

_DONE = (journal.CHANGED, journal.UNCHANGED)
_OUTCOMES = {"report": MIGRATED, "reverse_report": REVERSED, "rename_report": RENAMED}
"""What a service is that has come to the end of its last step."""


def ended(lines: list, plan: dict) -> dict:
    """``outcome``, ``ts``, ``fresh_before_start``, ``outage_seconds``, ``window_seconds`` and ``down_since``, as far as
    ``lines`` tell.

    ``plan`` is the service's. Nothing of one of which they tell no effect. It has ended well whose last effect, the end
    written into the record, was made. That one failed is said only where it was put back, or its last effect is not
    known to be made: a line that is missing may be one that could not be written.
    """
    own = [line for line in lines if line["service"] == plan["service"]]
    effects = [line for line in own if "effect" in line]
    if not effects:
        return {}
    steps = list(sequence(plan["todo"], [line["step"] for line in own]))
    stop, (first, others, last) = steps[1], steps[-3:]
    well = _at(own, last, "handover_record", _DONE)
    failed = effects[-1]["came"] not in _DONE or any(line["step"] == PUT_BACK for line in effects)
    told = {"outcome": _OUTCOMES[last] if well else FAILED if failed else None}
    read = _seen(own, "read", journal.LOOKS["timestamp_info"])
    told["ts"] = None if read is None else _text(read.get("bound" if read.get("state") == ACTIVE else "backup"))
    fresh = _seen(own, "read_back", journal.LOOKS["timelock_info"])
    told["fresh_before_start"] = None if fresh is None else _text(fresh.get("fresh_timestamp"))
    began = _at(own, stop, "node_offline", (journal.BEGUN,))[:1]
    serves = _at(own, first, "node_online", _DONE)
    serves_again = [line["time"] for line in own if line["step"] == PUT_BACK and SERVING in _proofs(line)]
    told["outage_seconds"] = _between(began, serves or serves_again[:1])
    gone = {line["node"] for line in own if line["step"] == stop and "process" in _proofs(line)}
    down = gone == set(plan["nodes"]) and not serves and not _at(own, PUT_BACK, "node_online", _DONE)
    told["down_since"] = began[0] if began and down else None
    told["window_seconds"] = _between(began, _at(own, others, "node_online", _DONE) or serves) if well else None
    return {key: value for key, value in told.items() if value is not None}


def _at(lines: list, step: str, module: str, came: tuple) -> list:
    """When an effect of the step came out so, in the order of time."""
    effect = journal.EFFECTS[module]
    return [
        line["time"] for line in lines if (line["step"], line.get("effect")) == (step, effect) and line["came"] in came
    ]


def _proofs(line: dict) -> list:
    return [proof["kind"] for proof in line.get("proofs") or []]


def _seen(lines: list, step: str, look: str) -> dict | None:
    found = [line for line in lines if (line["step"], line.get("look"), line["came"]) == (step, look, journal.SEEN)]
    return found[-1] if found else None


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _between(began: list, ended_at: list) -> float | None:
    if not began or not ended_at:
        return None
    return round((datetime.fromisoformat(ended_at[-1]) - datetime.fromisoformat(began[0])).total_seconds(), 3)
