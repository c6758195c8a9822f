# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The admin port, as Dropwizard has it; nothing on it knows about leadership."""
from __future__ import annotations

import datetime
import json
import threading

from lab.timelock.dropwizard import error_page
from lab.timelock.wire import Answer

MENU = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN"
        "http://www.w3.org/TR/html4/loose.dtd">
<html>
<head>
  <title>Metrics</title>
</head>
<body>
  <h1>Operational Menu</h1>
  <ul>
    <li><a href="/metrics?pretty=true">Metrics</a></li>
    <li><a href="/ping">Ping</a></li>
    <li><a href="/threads">Threads</a></li>
    <li><a href="/healthcheck?pretty=true">Healthcheck</a></li>
    <li><a href="/pprof">CPU Profile</a></li>
    <li><a href="/pprof?state=blocked">CPU Contention</a></li>
  </ul>
</body>
</html>"""


async def answer(request):
    """Return the Answer to a request on the admin port."""
    page = PAGES.get(request.path)
    if request.path.startswith("/tasks/") or (page is not None and request.method not in ("GET", "HEAD")):
        return Answer(405)
    if page is None:
        return error_page(request, 404, "com.codahale.metrics.servlets.AdminServlet-34bf66af")
    content_type, text = page
    return Answer(200, text(), content_type)


def _healthcheck():
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return json.dumps({"deadlocks": {"healthy": True, "duration": 0, "timestamp": now}}, separators=(",", ":"))


def _metrics():
    kinds = ("gauges", "counters", "histograms", "meters", "timers")
    return json.dumps(dict({"version": "4.0.0"}, **{kind: {} for kind in kinds}), separators=(",", ":"))


def _threads():
    return "".join(f'"{thread.name}" id={thread.ident} state=RUNNABLE\n' for thread in threading.enumerate())


PAGES = {
    "/": ("text/html;charset=utf-8", lambda: MENU),
    "/ping": ("text/plain;charset=iso-8859-1", lambda: "pong"),
    "/healthcheck": ("application/json", _healthcheck),
    "/metrics": ("application/json", _metrics),
    "/threads": ("text/plain", _threads),
}
