# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One request to one TimeLock server, and what its answer, or its silence, means."""

from __future__ import annotations

import http.client
import json
import os
import re
import ssl
from dataclasses import dataclass

from ..bound import MAX_LONG
from ..refusal import Refusal
from .deadline import Deadline
from .servers import Server, parse_server

ANSWERED = "answered"
REDIRECTED = "redirected"
NOT_LEADING = "not leading"
FAILED = "failed"
NOT_TIMELOCK = "not TimeLock"
TLS = "TLS"
SILENT = "silent"

# Only as the second agent does this name make TimeLock say who leads (ProtocolAwareness.java, 0.1175.0).
USER_AGENT = "atlasdb-timelock-ansible/1.0.0 atlasdb-http-client/2.0"

_CONNECT_SECONDS = 2.0
_LARGEST_BODY = 4 * 1024 * 1024
_INTEGER = re.compile(r"^-?(0|[1-9][0-9]{0,18})\Z")
_UUID = re.compile(r"^[0-9a-fA-F-]{36}\Z")
_ERROR_NAME = re.compile(r"^[A-Za-z.:]{1,80}\Z")
_MEDIA_TYPE = re.compile(r"^[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,40}\Z")


@dataclass(frozen=True)
class Request:
    """What is asked of a server: ``path`` below its base, ``success`` its status, ``parse`` its body's
    reader.

    ``parse`` takes the body's text and raises ValueError for one that TimeLock does not send.
    """

    method: str
    path: str
    success: int
    parse: object
    bearer: bool = False


@dataclass(frozen=True)
class Answer:
    """What ``server`` did with a request.

    ``kind`` is one of the constants above, ``words`` says it for a reader, ``value`` is what was asked for
    (ANSWERED), ``target`` the server that it points to (REDIRECTED), ``status`` the HTTP status or None.
    """

    server: Server
    kind: str
    words: str
    value: object = None
    target: Server | None = None
    status: int | None = None


def parse_long(text: str) -> int:
    """The 64-bit integer that ``text`` spells; ValueError for a float, a string, a bool or more than 64 bits."""
    if not _INTEGER.match(text) or not -MAX_LONG - 1 <= int(text) <= MAX_LONG:
        raise ValueError("no 64-bit integer")
    return int(text)


def parse_nothing(text: str) -> None:
    """Nothing; ValueError for anything else."""
    if text:
        raise ValueError("not empty")


def parse_pong(text: str) -> str:
    """``pong``; ValueError for anything else."""
    if text != "pong":
        raise ValueError("no pong")
    return text


def parse_bool(text: str) -> bool:
    """JSON's true or false; ValueError for anything else."""
    if text not in ("true", "false"):
        raise ValueError("neither true nor false")
    return text == "true"


def parse_uuid(text: str) -> str:
    """A UUID; ValueError for anything else."""
    uuid = text.strip('"').lower()
    if not _UUID.match(uuid):
        raise ValueError("no UUID")
    return uuid


def parse_names(text: str) -> list[str]:
    """A JSON list of strings; ValueError for anything else."""
    names = _json(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("no list of names")
    return names


def _json(text):
    """What JSON says; ValueError for what is none, or nests deeper than Python reads."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("lists in lists without end") from None


def tls_context(
    ca_path: str | None, client_cert: str | None, client_key: str | None, validate_certs: bool
) -> ssl.SSLContext:
    """The TLS settings of all requests: the CAs of ``ca_path`` (a PEM file), and no others; without it the
    system's.

    Raises Refusal ``timelock-tls`` for files that are missing or cannot be used, among them a key under a
    passphrase: it would be asked for on the terminal of whoever runs Ansible.
    """
    for option, path in (("ca_path", ca_path), ("client_cert", client_cert), ("client_key", client_key)):
        if path and not os.path.isfile(path):
            raise Refusal("timelock-tls", f"{option} {path} is no file where the module runs.")
    if client_key and not client_cert:
        raise Refusal("timelock-tls", f"client_key {client_key} is given without client_cert.")
    try:
        context = ssl.create_default_context(cafile=ca_path)
        if not validate_certs:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if client_cert:
            context.load_cert_chain(client_cert, client_key, password="")
    except OSError as error:
        names = ", ".join(path for path in (ca_path, client_cert, client_key) if path)
        raise Refusal("timelock-tls", f"{names} cannot be used: {error.strerror or error}.") from error
    return context


class Wire:
    """Sends requests, each over a connection of its own.

    Proxies, .netrc and certificate bundles of the environment are ignored: AtlasDB's nodes reach TimeLock
    directly, so an answer that came through a proxy of the controller's user would be no evidence of what
    they will find.
    """

    def __init__(self, context: ssl.SSLContext | None, request_timeout: float):
        self._context = context
        self._request_timeout = request_timeout

    def ask(self, server: Server, request: Request, deadline: Deadline) -> Answer:
        """What ``server`` answers by ``deadline``, or within the time for one request where that ends sooner."""
        limit = deadline.cut(self._request_timeout)
        if not limit.left():
            return Answer(server, SILENT, "was not asked, for want of time")
        try:
            status, headers, body = self._exchange(server, request, limit)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return Answer(server, SILENT, "closed the connection")
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", None) or error.reason or "handshake failed"
            return Answer(server, TLS, f"refused or was refused by TLS ({reason})")
        except (OSError, http.client.IncompleteRead) as error:
            if isinstance(error, TimeoutError) or "timed out" in str(error):
                return Answer(server, SILENT, "did not answer in time")
            reason = getattr(error, "strerror", None) or type(error).__name__
            return Answer(server, SILENT, f"gave no answer ({reason})")
        except http.client.HTTPException as error:
            return Answer(server, NOT_TIMELOCK, f"does not speak HTTP ({type(error).__name__})")
        return _judge(server, request, status, headers, body)

    def _exchange(self, server: Server, request: Request, limit: Deadline):
        connect_seconds = min(_CONNECT_SECONDS, limit.left())
        if server.scheme == "https":
            connection = http.client.HTTPSConnection(
                server.host, server.port, timeout=connect_seconds, context=self._context
            )
        else:
            connection = http.client.HTTPConnection(server.host, server.port, timeout=connect_seconds)
        try:
            connection.connect()
            connected = connection.sock
            connected.settimeout(max(limit.left(), 0.001))
            headers = {"User-Agent": USER_AGENT, "Accept": "*/*"}
            if request.bearer:
                # TimeLock wants a token there, and does not look at it (ConjureTimelockResource.java, 0.1175.0).
                headers.update({"Authorization": "Bearer omitted", "Content-Type": "application/json"})
            connection.request(request.method, server.path + request.path, headers=headers)
            response = connection.getresponse()
            body = b""
            while not response.isclosed() and len(body) <= _LARGEST_BODY:
                connected.settimeout(max(limit.left(), 0.001))
                chunk = response.read1(65536)
                if not chunk:
                    break
                body += chunk
            if response.status == request.success and (response.length or _ends_by_closing(response)):
                raise http.client.IncompleteRead(body)
            return response.status, response.headers, body
        finally:
            connection.close()


def _ends_by_closing(response: http.client.HTTPResponse) -> bool:
    """Whether only the closed connection ends the body: half a number would then look like a number."""
    return response.length is None and not response.chunked


def _judge(server: Server, request: Request, status: int, headers, body: bytes) -> Answer:
    if status == request.success:
        try:
            value = request.parse(body.decode("utf-8").strip())
        except ValueError as error:
            words = f"answered {status} with a body that TimeLock does not send there ({_body_words(error, headers)})"
            return Answer(server, NOT_TIMELOCK, words, status=status)
        return Answer(server, ANSWERED, f"answered {status}", value, status=status)
    if status == 308:
        return _judge_redirect(server, request, headers.get("Location", ""))
    if status in (429, 503):
        return Answer(server, NOT_LEADING, f"answered {status}", status=status)
    if status == 500:
        return Answer(server, FAILED, f"answered 500{_error_name(body)}", status=status)
    if status in (502, 504):
        return Answer(server, SILENT, f"is behind a proxy that answered {status}", status=status)
    words = f"answered {status}{_error_name(body)} ({_type(headers)})"
    return Answer(server, NOT_TIMELOCK, words, status=status)


def _judge_redirect(server: Server, request: Request, location: str) -> Answer:
    try:
        target = parse_server(location)
    except ValueError:
        return Answer(server, NOT_TIMELOCK, "answered 308 without naming another server", status=308)
    if target.path.endswith(request.path.partition("?")[0]):
        # TimeLock names a server's base; a proxy that moves requests elsewhere names the request's new place.
        return Answer(server, NOT_TIMELOCK, f"answered 308 as a proxy does, to {target.host}", status=308)
    return Answer(server, REDIRECTED, f"pointed to {target.url}", target=target, status=308)


def _body_words(error: ValueError, headers) -> str:
    words = "no UTF-8" if isinstance(error, UnicodeDecodeError) else None
    words = words or ("no JSON" if isinstance(error, json.JSONDecodeError) else str(error))
    return f"{words}, {_type(headers)}"


def _type(headers) -> str:
    if "Content-Type" not in headers:
        return "without a content type"
    found = headers.get_content_type()
    return found if _MEDIA_TYPE.match(found) else "of no content type that there is"


def _error_name(body: bytes) -> str:
    """The name in an error body of TimeLock's own, which holds nothing of the request, as words; else nothing."""
    try:
        name = _json(body)["errorName"]
    except (ValueError, TypeError, KeyError):
        return ""
    return f" {name}" if isinstance(name, str) and _ERROR_NAME.match(name) else ""
