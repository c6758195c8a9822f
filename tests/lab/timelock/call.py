# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request on its way to an endpoint: reading its parameters as the server flavour does.

Each reading raises the failure that the flavour answers with, so the order of readings is the order of checks.
"""
from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl

from lab.timelock.errors import internal, invalid_argument, jersey, unauthorized, unprocessable
from lab.timelock.java import MAX_INT, MIN_INT, parse_int, parse_long

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*\Z")


class Call:
    """What both flavours share."""

    def __init__(self, request, service, namespace):
        self._request = request
        self._parameters = parse_qsl(request.query, keep_blank_values=True)
        self.service = service
        self.namespace = namespace

    def authorize(self):
        """Insist on a token that looks like one; nobody compares it with anything."""
        header = self._request.headers.get("authorization")
        if header is None:
            raise unauthorized("Conjure:MissingCredentials")
        token = header[len("Bearer "):] if header.startswith("Bearer ") else header
        if not _TOKEN.match(token) or "authorization" in self._request.repeated:
            raise unauthorized("Conjure:MalformedCredentials")

    def long(self, name, default):
        return self._number(name, default, parse_long)

    def integer(self, name, default):
        return self._number(name, default, parse_int)

    def _number(self, name, default, parse):
        text = self.text(name)
        if text is None:
            return default
        try:
            return parse(text)
        except ValueError:
            raise invalid_argument() from None

    def _values(self, name):
        return [value for key, value in self._parameters if key == name]

    def body(self):
        """Return the JSON value of the body, as Python reads it."""
        raise NotImplementedError

    def field(self, name, fits):
        """Return a field of the JSON object in the body that ``fits(value)``."""
        value = self.body()
        if not isinstance(value, dict):
            raise self.mismatch()
        if name not in value:
            raise invalid_argument()
        if not fits(value[name]):
            raise self.mismatch()
        return value[name]


class DropwizardCall(Call):
    """Jersey takes the first of several values, the default of a primitive for none, and null for an empty body."""

    SERVER_VERSION = "0.0.0"

    def text(self, name):
        values = self._values(name)
        return values[0] if values else None

    def primitive_long(self, name):
        return self.long(name, 0)

    def primitive_integer(self, name):
        return self.integer(name, 0)

    def required_text(self, name):
        return self.text(name)

    @staticmethod
    def mismatch():
        return invalid_argument()

    def body(self):
        content_type = self._request.headers.get("content-type")
        if self._request.body and content_type is None:
            raise jersey(415, "NotSupportedException")
        value = json_value(self._request.body) if self._request.body else None
        if value is None:
            # The resource looks the namespace up before it looks into its null request.
            self.service.open(self.namespace)
            raise internal()
        return value


class UndertowCall(Call):
    """Undertow's conjure endpoints take exactly one value, and refuse a primitive that is missing."""

    SERVER_VERSION = {"empty": False, "present": True}

    def text(self, name):
        values = self._values(name)
        if len(values) > 1:
            raise invalid_argument()
        return values[0] if values else None

    def primitive_long(self, name):
        self.required_text(name)
        return self.long(name, None)

    def primitive_integer(self, name):
        self.required_text(name)
        return self.integer(name, None)

    def required_text(self, name):
        text = self.text(name)
        if text is None:
            raise invalid_argument()
        return text

    @staticmethod
    def mismatch():
        return unprocessable()

    def body(self):
        if not self._request.headers.get("content-type", "").startswith("application/json"):
            raise invalid_argument()
        if not self._request.body:
            raise unprocessable()
        value = json_value(self._request.body)
        if value is None:
            raise invalid_argument()
        return value


def json_value(body):
    """Return the parsed JSON, or raise the failure for bytes that are none."""
    try:
        return json.loads(body)
    except ValueError:
        raise invalid_argument() from None


def is_integer(value):
    """Whether Jackson reads this JSON value into a Java int without coercion."""
    return isinstance(value, int) and not isinstance(value, bool) and MIN_INT <= value <= MAX_INT
