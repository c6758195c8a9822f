# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions of the AtlasDB client library, and the configuration that each understands."""

from __future__ import annotations

import re

from ..refusal import Refusal

INSTALL_WITH_CLIENT = "install-with-client"
"""Up to 0.54: ``timelock: {client, serversList}`` in the install configuration."""

INSTALL = "install"
"""0.55 to 0.66: ``timelock: {serversList}`` and ``namespace`` in the install configuration."""

RUNTIME = "runtime"
"""From 0.67: ``timelock`` and ``namespace`` in the install, ``timelockRuntime: {serversList}`` in the runtime
configuration.
"""

OLDEST = (0, 49, 0)
RUNTIME_ALONE_SWITCHES = (0, 75, 0)
"""From here on a runtime block without an install block moves a client to TimeLock (TransactionManagers)."""

_VERSION = re.compile(r"v?([0-9]{1,9})\.([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:[-+.][0-9A-Za-z.+-]*)?\Z")


def parse_version(text: str, of: str = "the service's AtlasDB client") -> tuple:
    """The three numbers of a version such as 0.905.0 or 0.905.0-3-gabc1234, whose tail says commits after it.

    Raises Refusal ``config-version-unknown`` for anything else; ``of`` is what it is the version of.
    """
    found = _VERSION.match(text.strip()) if isinstance(text, str) else None
    if not found:
        said = f"is {text!r}, which is not a version" if text else "is not known"
        raise Refusal("config-version-unknown", f"The version of {of} {said}.")
    return tuple(int(part or 0) for part in found.groups())


def shape_for(version: str) -> str:
    """INSTALL_WITH_CLIENT, INSTALL or RUNTIME: where a client of ``version`` looks for TimeLock.

    Source: AtlasDB's release notes 0.55.0 and 0.67.0, TimeLockClientConfig.java. Raises Refusal
    ``config-client-too-old`` below 0.49.0, whose lock service no TimeLock has had since 0.117.0, and
    ``config-version-unknown``.
    """
    numbers = parse_version(version)
    if numbers < OLDEST:
        raise Refusal(
            "config-client-too-old",
            f"AtlasDB {version} needs a lock service that TimeLock lost in 0.117.0; since 0.49.0 clients do without.",
        )
    if numbers < (0, 55, 0):
        return INSTALL_WITH_CLIENT
    return INSTALL if numbers < (0, 67, 0) else RUNTIME
