# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is connected to a server on this host, whatever the server itself can tell of it. Nothing here writes."""

from __future__ import annotations

import time

from ansible_collections.atlasdb.timelock.plugins.module_utils.addresses import AddressSet, split
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.sockets import Socket, Sockets

_POLL_SECONDS = 0.1


class Waiting:
    """How long to wait, in seconds, and for whom not: ``known`` clients, and those of other local ``addresses``.

    Without ``addresses`` all local ones count.
    """

    def __init__(self, seconds: float, known: list, addresses: list):
        """Raises ValueError for an address that is none."""
        self.seconds = seconds
        self._known = AddressSet(known)
        self._everywhere = not addresses
        self._addresses = AddressSet(addresses)

    def is_for(self, connection: Socket) -> bool:
        """Whether this one is waited for."""
        local, remote = split(connection.local)[0], split(connection.remote)[0]
        return remote not in self._known and (self._everywhere or local in self._addresses)


def look(sockets: Sockets, ports: list[int], waiting: Waiting) -> tuple[dict, float]:
    """One look, and the moment (time.monotonic) before it. Waits while anybody is left who is waited for.

    ``sockets``: the established ones with a local port of ``ports`` (any port that is listened on where there are
    none); ``listening``: the local ends of those that listen on them; ``addresses``: the host's own.
    """
    deadline = time.monotonic() + waiting.seconds
    while True:
        looked_at = time.monotonic()
        table = sockets.table()
        listening = [found for found in table.listening if not ports or found.port in ports]
        incoming = table.incoming(ports or [found.port for found in listening])
        left = [found for found in incoming if waiting.is_for(found)]
        if not left or time.monotonic() >= deadline:
            break
        time.sleep(_POLL_SECONDS)
    return {
        "sockets": sorted(
            ({"local": found.local, "remote": found.remote} for found in incoming),
            key=lambda pair: (pair["local"], pair["remote"]),
        ),
        "listening": sorted({found.local for found in listening}),
        "addresses": sockets.addresses(),
    }, looked_at
