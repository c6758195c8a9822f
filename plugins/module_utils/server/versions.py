# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions of the TimeLock server: what each can be trusted with, and from which to which one may go."""

from __future__ import annotations

from ..client_config.versions import parse_version
from ..refusal import Refusal

OLDEST = (0, 54, 0)
"""Before it a server knows only the namespaces that its configuration lists."""

ISSUES_ONCE = (0, 643, 0)
"""Below it a race can issue a timestamp twice."""

SQLITE_COUNTS = (0, 224, 2)
"""From here on what was agreed lies in SQLite; the files in the data directory are a tail that no longer grows."""

INSTALL_AND_RUNTIME = (0, 140, 0)
CLUSTER_IN_RUNTIME = (0, 409, 0)

_NOT_BELOW = (
    ((0, 105, 0), "below it a fast-forward can overflow, and nothing notices a lost data directory"),
    ((0, 117, 0), "below it another lock service is used"),
    ((0, 218, 4), "from there on the logs move to SQLite, which an older server does not read"),
    (SQLITE_COUNTS, "an older server would go on from files that no longer grow, and issue timestamps again"),
    ((0, 253, 1), "its next start after an upgrade would fail, since files and SQLite then disagree"),
    ((0, 370, 0), "below it a race can issue the same timestamps twice"),
    (ISSUES_ONCE, "below it a race can issue the same timestamps twice"),
    ((0, 979, 0), "below it a leader can answer mostly 503"),
    ((0, 1000, 0), "below it a namespace can be unusable until the next election"),
)


def server_version(text: str) -> tuple:
    """The three numbers of a TimeLock version. Raises Refusal ``config-version-unknown``."""
    return parse_version(text, of="TimeLock")


def require_trusted(version: str, accept_old: str) -> None:
    """Refuse, as ``timelock-too-old``, what can issue a timestamp twice unless ``accept_old`` says why it may be."""
    numbers = server_version(version)
    if numbers < OLDEST:
        raise Refusal(
            "timelock-too-old",
            f"TimeLock {version} knows only the namespaces in its configuration, and is not installed.",
        )
    if numbers < ISSUES_ONCE and not accept_old:
        raise Refusal("timelock-too-old", f"TimeLock {version} can issue a timestamp twice.")


def change(before: str | None, after: str) -> str:
    """``none``, ``upgrade`` or ``downgrade`` from one version to another.

    Raises Refusal ``server-downgrade`` where an older server cannot go on from what the newer one has written, or
    lacks a mend without which timestamps or locks are in danger.
    """
    to = server_version(after)
    if before is None:
        return "none"
    since = server_version(before)
    for limit, why in reversed(_NOT_BELOW):
        if to < limit <= since:
            crossed = ".".join(map(str, limit))
            raise Refusal("server-downgrade", f"From TimeLock {before} to {after} crosses {crossed}: {why}.")
    if to == since:
        return "none"
    return "upgrade" if to > since else "downgrade"
