# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The open-source launcher: Jersey on Jetty, usually mounted at the root."""
from __future__ import annotations

import html
import http
import json
import re
import secrets
from urllib.parse import unquote

from lab.timelock.call import DropwizardCall
from lab.timelock.endpoints import ENDPOINTS, TEXT
from lab.timelock.errors import jersey, not_found
from lab.timelock.flavour import Flavour, error_body
from lab.timelock.wire import BAD_MESSAGE, Answer

HTML = "text/html;charset=iso-8859-1"
# Root resources other than the namespaces'; Jersey does not look elsewhere once it is inside one of them.
ROOTS = ("tl", "lw", "lk", "leader")
_NAME = re.compile(r"[a-zA-Z0-9_-]+\Z")


class Dropwizard(Flavour):
    """Routes by path, then method, then Content-Type, then Accept; parameters are read after that."""

    call_class = DropwizardCall

    async def answer(self, request):
        if _escapes_root(request.path):
            return Answer(400, BAD_MESSAGE, HTML)
        if not request.path.startswith(self.context_path + "/"):
            status = 404 if request.method in ("GET", "HEAD") else 405
            return error_page(request, status, "org.eclipse.jetty.servlet.DefaultServlet")
        segments = _segments(request.path[len(self.context_path):])
        matches = list(_matches(segments))
        if not matches:
            return error_body(not_found())
        methods = {endpoint.method for endpoint, _namespace in matches}
        if request.method == "OPTIONS":
            return _options(methods)
        wanted = "GET" if request.method == "HEAD" else request.method
        if wanted not in methods:
            return error_body(jersey(405, "NotAllowedException"))
        endpoint, namespace = next(match for match in matches if match[0].method == wanted)
        content_type = request.headers.get("content-type")
        if endpoint.consumes_json and content_type is not None and not _accepts(content_type, "application/json"):
            return error_body(jersey(415, "NotSupportedException"))
        if not _accepts(request.headers.get("accept", "*/*"), endpoint.produces):
            return error_body(jersey(406, "NotAcceptableException"))
        return await self.run(endpoint, request, namespace)

    def unavailable(self, request):
        return error_page(request, 503, "jersey")

    def redirect(self, target):
        return Answer(308, location=target, reason="")

    def too_many_clients(self):
        text = f"There was an error processing your request. It has been logged (ID {secrets.token_hex(8)})."
        return Answer(500, json.dumps({"code": 500, "message": text}, separators=(",", ":")), "application/json")


def error_page(request, status, servlet):
    """Return Jetty's error page."""
    phrase = http.HTTPStatus(status).phrase
    rows = {"URI": html.escape(request.path), "STATUS": status, "MESSAGE": phrase, "SERVLET": servlet}
    table = "".join(f"<tr><th>{name}:</th><td>{value}</td></tr>\n" for name, value in rows.items())
    body = (
        '<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html;charset=ISO-8859-1"/>\n'
        f"<title>Error {status} {phrase}</title>\n</head>\n"
        f"<body><h2>HTTP ERROR {status} {phrase}</h2>\n<table>\n{table}</table>\n\n</body>\n</html>")
    return Answer(status, body, HTML)


def _escapes_root(path):
    depth = 0
    for segment in path.split("/")[1:]:
        depth += {"..": -1, ".": 0}.get(unquote(segment), 1)
        if depth < 0:
            return True
    return False


def _segments(path):
    """Split a path, without matrix parameters and without one slash at its end."""
    segments = [segment.partition(";")[0] for segment in path.split("/")[1:]]
    return segments[:-1] if len(segments) > 1 and segments[-1] == "" else segments


def _matches(segments):
    for endpoint in ENDPOINTS:
        template = endpoint.segments
        if len(template) != len(segments):
            continue
        if template[0] == "{namespace}":
            if segments[0] not in ROOTS and _NAME.match(segments[0]) and template[1:] == segments[1:]:
                yield endpoint, segments[0]
        elif template == segments:
            yield endpoint, None
        elif template[-1] == "{namespace}" and template[:-1] == segments[:-1] and segments[-1]:
            yield endpoint, unquote(segments[-1])


def _options(methods):
    allowed = (["HEAD"] if "GET" in methods else []) + sorted(methods) + ["OPTIONS"]
    return Answer(200, ", ".join(allowed), TEXT, allow=",".join(allowed))


def _accepts(header, produced):
    """Whether a list of media ranges has one that fits, and that is not refused by q=0."""
    main = produced.partition("/")[0]
    for item in header.split(","):
        media_range, *parameters = [part.strip() for part in item.split(";")]
        refused = any(re.match(r"q=0(\.0*)?\Z", parameter) for parameter in parameters)
        if media_range in ("*/*", "*", main + "/*", produced) and not refused:
            return True
    return not header.strip()
