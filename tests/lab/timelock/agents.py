# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clients are sent to the leader by a redirect, and which only hear 503.

AtlasDB 0.905.0: ProtocolAwareness, AtlasDbRemotingConstants; conjure-java-runtime-api: UserAgents.
"""
from __future__ import annotations

import re

_AGENT = re.compile(r"([a-zA-Z][a-zA-Z0-9\-]*)/([0-9a-z.\-]+)")
REDIRECTED = ("atlasdb-http-client", "2.0")


def understands_redirects(user_agent):
    """Whether an agent after the first one is AtlasDB's client with protocol 2.0."""
    agents = [match.groups() for match in _AGENT.finditer(user_agent or "")]
    return REDIRECTED in agents[1:]
