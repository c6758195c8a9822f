# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two charts of a service: its timestamps over time across the handover, and its steps on a bar."""

from __future__ import annotations

import math
from datetime import datetime
from xml.etree import ElementTree

from ansible_collections.atlasdb.timelock.plugins.module_utils.report.history import BACKUP, BOUND, FRESH

try:
    import pygal
except ImportError:
    pygal = None

WIDTHS = {"wide": 860, "narrow": 340}
"""For a desktop or paper, and for a phone: text in a picture does not grow by itself."""

_SVG = "{http://www.w3.org/2000/svg}"
_LEFT_OUT = ("comment", "defs", "desc", "script", "style", "title")
_SERIES = ((BOUND, "bound in the store"), (BACKUP, "bound kept at the invalidation"), (FRESH, "fresh from TimeLock"))


def charts(end: dict, titles: dict) -> list:
    """The charts as SVG for each of WIDTHS: dictionaries with ``width``, ``numbers`` (or None) and ``steps``.

    ``end`` is that of a report's service, ``titles`` the names of its steps. Empty where there is nothing to show, or
    no pygal to draw it with.
    """
    if pygal is None or not end["steps"]:
        return []
    zero = _zero(end["steps"])
    return [
        {"width": name, "numbers": _numbers(end, zero, width), "steps": _steps(end["steps"], titles, zero, width)}
        for name, width in WIDTHS.items()
    ]


def _zero(steps: list) -> datetime:
    """When the outage began; in a run that did not get there, when it began."""
    stops = [step for step in steps if step["step"] in ("stop", "quiet_stop")]
    return datetime.fromisoformat((stops or steps)[0]["began"])


def _seconds(time: str, zero: datetime) -> float:
    return (datetime.fromisoformat(time) - zero).total_seconds()


def reference(end: dict) -> tuple | None:
    """The number that the others are shown relative to, and its name."""
    if end.get("ts"):
        return int(end["ts"]), "TS"
    bounds = [int(one["number"]) for one in end["numbers"] if one["what"] == BOUND]
    return (bounds[-1], "bound") if bounds else None


def _numbers(end: dict, zero: datetime, width: int) -> str | None:
    found = reference(end)
    if found is None:
        return None
    base, name = found
    chart = _chart(width, 330 if width > 500 else 300, end["steps"], zero)
    for what, title in _SERIES:
        points = [(_seconds(one["time"], zero), int(one["number"])) for one in end["numbers"] if one["what"] == what]
        if what == BOUND:
            points = _staircase(points)
        chart.add(title, [{"value": (x, _squeezed(number - base))} for x, number in points])
    distances = [int(one["number"]) - base for one in end["numbers"]]
    chart.range = (_squeezed(min(distances)) - 0.5, _squeezed(max(distances)) + 0.5)
    chart.y_labels = [{"value": _squeezed(d), "label": _distance(d, name)} for d in _ticks(distances)]
    return _drawn(chart, f"Timestamps over time, relative to {name} {base:,}")


def _steps(steps: list, titles: dict, zero: datetime, width: int) -> str:
    chart = _chart(width, 46 + 22 * len(steps), steps, zero)
    chart.show_legend = False
    for row, step in enumerate(steps):
        chart.add(titles[step["step"]], [(_seconds(step[key], zero), -row) for key in ("began", "ended")])
    chart.y_labels = [{"value": -row, "label": titles[step["step"]]} for row, step in enumerate(steps)]
    chart.range = (0.6 - len(steps), 0.6)
    return _drawn(chart, "The steps over time")


def _chart(width: int, height: int, steps: list, zero: datetime):
    left = min(_seconds(step["began"], zero) for step in steps)
    right = max(left + 1, *(_seconds(step["ended"], zero) for step in steps))
    return pygal.XY(
        width=width,
        height=height,
        xrange=(left, right),
        x_labels=_round_seconds(left, right, 8 if width > 500 else 4),
        x_value_formatter=lambda seconds: f"{seconds:g} s",
        legend_at_bottom=True,
        legend_at_bottom_columns=3 if width > 500 else 1,
        truncate_label=-1,
        truncate_legend=-1,
        dots_size=3.5,
        margin=4,
        js=(),
        style=pygal.style.Style(font_family="inherit", label_font_size=12, legend_font_size=12),
    )


def _round_seconds(left: float, right: float, count: int) -> list:
    """At most about ``count`` round moments between the two."""
    wide = 10 ** math.floor(math.log10((right - left) / count))
    pause = next(wide * factor for factor in (1, 2, 5, 10) if (right - left) / (wide * factor) <= count)
    return [number * pause for number in range(math.ceil(left / pause), math.floor(right / pause) + 1)]


def _staircase(points: list) -> list:
    """A bound stays where it is until it is moved; all that is known is that it was moved between two looks."""
    stairs: list = []
    for x, number in points:
        if stairs and stairs[-1][1] != number:
            stairs.append((x, stairs[-1][1]))
        stairs.append((x, number))
    return stairs


def _squeezed(distance: int) -> float:
    """A distance on a scale that shows 2 beside 1,000,000, on both sides of zero."""
    return math.copysign(math.log10(1 + abs(distance)), distance)


def _ticks(distances: list) -> list:
    """Zero, and powers of a thousand as far as there is something."""
    powers = [1000**power for power in range(1, 7)]
    above = [power for power in powers if power <= 10 * max(distances)]
    below = [-power for power in powers if -power >= 10 * min(distances)]
    return sorted({0, *above, *below})


def _distance(distance: int, name: str) -> str:
    return name if distance == 0 else f"{name} {'+' if distance > 0 else '−'} {abs(distance):,}"


def _drawn(chart, title: str) -> str:
    """The chart as SVG that takes its looks from the page, and holds no program."""
    root = chart.render_tree()
    for parent in list(root.iter()):
        for child in list(parent):
            name = child.tag.removeprefix(_SVG) if isinstance(child.tag, str) else "comment"
            if name in _LEFT_OUT or "tooltip-overlay" in child.get("class", ""):
                parent.remove(child)
    root.set("role", "img")
    root.set("aria-label", title)
    return ElementTree.tostring(root, encoding="unicode")
