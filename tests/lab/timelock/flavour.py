# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the two server flavours have in common: calling an endpoint, and sending a client to the leader."""
from __future__ import annotations

import json
import uuid

from lab.timelock.agents import understands_redirects
from lab.timelock.errors import NotLeading, Reported, TooManyClients
from lab.timelock.wire import Answer


class Flavour:
    """A server: ``context_path`` is "" or begins with a slash; ``redirect_target()`` is a node's base URL or None."""

    call_class = None

    def __init__(self, context_path, service, redirect_target):
        self.context_path = context_path
        self.service = service
        self._redirect_target = redirect_target

    async def answer(self, request):
        """Return the Answer to a request, whatever it is."""
        raise NotImplementedError

    async def run(self, endpoint, request, namespace):
        """Call the endpoint and give its result, or its failure, the flavour's form."""
        call = self.call_class(request, self.service, namespace)
        try:
            if endpoint.conjure:
                call.authorize()
            body = await endpoint.handle(call)
        except Reported as failure:
            return error_body(failure)
        except TooManyClients:
            return self.too_many_clients()
        except NotLeading:
            redirected = endpoint.conjure or understands_redirects(request.headers.get("user-agent"))
            target = self._redirect_target() if redirected else None
            return self.unavailable(request) if target is None else self.redirect(target)
        return Answer(204) if body is None else Answer(200, body, endpoint.produces)

    def unavailable(self, request):
        raise NotImplementedError

    def redirect(self, target):
        raise NotImplementedError

    def too_many_clients(self):
        raise NotImplementedError


def error_body(failure):
    """Return the answer for a Reported failure."""
    body = {
        "errorCode": failure.code,
        "errorName": failure.name,
        "errorInstanceId": str(uuid.uuid4()),
        "parameters": {},
    }
    return Answer(failure.status, json.dumps(body, separators=(",", ":")), "application/json")
