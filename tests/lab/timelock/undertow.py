# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Palantir's Undertow endpoints, at a context path."""
from __future__ import annotations

import re
from urllib.parse import unquote

from lab.timelock.call import UndertowCall
from lab.timelock.endpoints import ENDPOINTS
from lab.timelock.errors import internal, not_found
from lab.timelock.flavour import Flavour, error_body
from lab.timelock.wire import Answer


class Undertow(Flavour):
    """Routes by path and method together; names are judged by the endpoint, and Accept by nobody."""

    call_class = UndertowCall

    async def answer(self, request):
        path = _decoded(request.path)
        if path != self.context_path and not path.startswith(self.context_path + "/"):
            return Answer(404)
        segments = path[len(self.context_path):].split("/")[1:]
        for endpoint in ENDPOINTS:
            namespace = _match(endpoint.segments, segments)
            if endpoint.method == request.method and namespace is not None:
                return await self.run(endpoint, request, namespace)
        return error_body(not_found())

    def unavailable(self, request):
        return Answer(503)

    def redirect(self, target):
        return Answer(308, location=target)

    def too_many_clients(self):
        return error_body(internal())


def _decoded(path):
    """Decode a path as Undertow does: without path parameters, and with an encoded slash left as it is."""
    path = re.sub(";[^/]*", "", path)
    return "".join(part if part.lower() == "%2f" else unquote(part) for part in re.split("(%2[Ff])", path))


def _match(template, segments):
    """Return the namespace ("" where the template has none), or None; only a template may end with a slash more."""
    variable = "{namespace}" in template
    if variable and len(segments) == len(template) + 1 and segments[-1] == "":
        segments = segments[:-1]
    if len(segments) != len(template):
        return None
    namespace = ""
    for part, segment in zip(template, segments, strict=True):
        if part == "{namespace}":
            namespace = segment
        elif part != segment:
            return None
    return namespace
