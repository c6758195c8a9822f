# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How TimeLock refuses, before a server flavour has given it a form."""
from __future__ import annotations


class Failure(Exception):
    """An answer that is not a result."""


class NotLeading(Failure):
    """This node cannot prove that it leads: a follower, a leader without a quorum, or nobody elected yet."""


class TooManyClients(Failure):
    """The node serves as many namespaces as max-number-of-clients allows."""


class Reported(Failure):
    """A failure with the JSON error body that palantir's servers share."""

    def __init__(self, status, code, name):
        super().__init__(status, code, name)
        self.status = status
        self.code = code
        self.name = name


def invalid_argument():
    return Reported(400, "INVALID_ARGUMENT", "Default:InvalidArgument")


def unprocessable():
    return Reported(422, "INVALID_ARGUMENT", "Conjure:UnprocessableEntity")


def unauthorized(name):
    return Reported(401, "UNAUTHORIZED", name)


def not_found():
    return Reported(404, "NOT_FOUND", "Default:NotFound")


def internal():
    return Reported(500, "INTERNAL", "Default:Internal")


def jersey(status, exception):
    """An exception of Jersey's own, which is named by its Java class."""
    return Reported(status, "javax.ws.rs." + exception, exception)
