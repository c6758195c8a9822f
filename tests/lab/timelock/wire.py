# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 as far as TimeLock's clients go: requests as they were written, answers byte by byte."""
from __future__ import annotations

import asyncio
import http
import re
from dataclasses import dataclass, field
from email.utils import formatdate

LIMIT = 2**20
BAD_MESSAGE = "<h1>Bad Message 400</h1><pre>reason: Bad Request</pre>"


@dataclass
class Request:
    """One request: ``target`` as it was sent, headers by lower-case name, and the names that were ``repeated``."""

    method: str
    target: str
    headers: dict
    body: bytes = b""
    repeated: set = field(default_factory=set)

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        return self.target.partition("?")[2]


@dataclass
class Answer:
    """One answer; ``content_type`` and ``location`` are left out when None."""

    status: int
    body: str = ""
    content_type: str | None = None
    location: str | None = None
    allow: str | None = None
    reason: str | None = None


class Malformed(Exception):
    """The bytes are not a request."""


async def read_request(reader):
    """Return the next request of the connection, or None at its end; raise Malformed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise Malformed(str(error)) from error
    lines = head.decode("latin-1").split("\r\n")[:-2]
    try:
        method, target, version = lines[0].split(" ")
    except ValueError as error:
        raise Malformed(lines[0]) from error
    headers, repeated = {}, set()
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon:
            raise Malformed(line)
        if name in headers:
            repeated.add(name)
        headers.setdefault(name, value.strip())
    if version == "HTTP/1.0":
        headers.setdefault("connection", "close")
    target = re.sub("^https?://[^/]*", "", target) or "/"
    return Request(method, target, headers, await _read_body(reader, headers), repeated)


async def _read_body(reader, headers):
    try:
        if "chunked" in headers.get("transfer-encoding", ""):
            return await _read_chunks(reader)
        length = int(headers.get("content-length", "0"))
        if length > LIMIT:
            raise Malformed(f"a body of {length} bytes")
        return await reader.readexactly(length)
    except (ValueError, asyncio.IncompleteReadError) as error:
        raise Malformed(str(error)) from error


async def _read_chunks(reader):
    body = b""
    while True:
        length = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        body += await reader.readexactly(length)
        await reader.readexactly(2)
        if length == 0:
            return body


def keeps_alive(request):
    return request.headers.get("connection", "").lower() != "close"


def encode_answer(answer, method, keep_alive):
    """Return the bytes of the answer to a request of this method."""
    body = answer.body.encode()
    reason = http.HTTPStatus(answer.status).phrase if answer.reason is None else answer.reason
    lines = [f"HTTP/1.1 {answer.status} {reason}", "Date: " + formatdate(usegmt=True)]
    for name, value in (("Content-Type", answer.content_type), ("Location", answer.location), ("Allow", answer.allow)):
        if value is not None:
            lines.append(f"{name}: {value}")
    if answer.status != 204:
        lines.append(f"Content-Length: {len(body)}")
    if not keep_alive:
        lines.append("Connection: close")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if method == "HEAD" else body)
