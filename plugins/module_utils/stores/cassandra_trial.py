# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Try what the nodes of a Cassandra cluster let a login do, by a session of it with every one of them."""

from __future__ import annotations

import time

from ..refusal import Refusal
from .cassandra_connection import CassandraConnection, NotUnderstood
from .cassandra_row import TABLE

FORGET_SECONDS = 30
PAUSE_SECONDS = 0.2


class CassandraTrial:
    """``login`` is the one of ``kvs["service_login"]``, and ``tables`` are those of its keyspace.

    Raises Refusal ``kvs-denied`` where it does not get in, ``kvs-unreachable``, and ``config-secret-encrypted`` where
    its password is not known.
    """

    def __init__(self, kvs: dict, login: str, tables: list):
        known = kvs.get("service_login") or {}
        if known.get("username") != login:
            found = f"The password of {login} is not in the configuration, or is encrypted there."
            raise Refusal("config-secret-encrypted", found, "Give both as service_login in atlasdb_kvs_overrides.")
        self._login = login
        name = f'"{kvs["keyspace"]}"."{TABLE}"'
        self._reading = f"SELECT * FROM {name} LIMIT 1"
        # Rights are looked at before the key, and an empty one is refused: whoever may write learns that.
        self._writing = f"DELETE FROM {name} WHERE key = 0x AND column1 = 0x00 AND column2 = 0"
        others = [f'SELECT * FROM "{kvs["keyspace"]}"."{table}" LIMIT 1' for table in tables if table != TABLE]
        self._statements = [self._reading, self._writing, *others]
        self._connection = CassandraConnection(
            {**kvs, "user": login, "password": known["password"]}, every_datacentre=True
        )

    def close(self) -> None:
        self._connection.close()

    def visit(self) -> None:
        """Raise Refusal ``kvs-unreachable`` unless every node answers."""
        for host in self._connection.hosts():
            self._connection.look("SELECT key FROM system.local", host=host)

    def require_refused(self) -> None:
        """Wait until every node refuses everything. Raises Refusal ``fence-open``."""
        deadline = time.monotonic() + FORGET_SECONDS
        while found := self._let():
            if time.monotonic() > deadline:
                do = (
                    "Bring back the nodes that do not answer, or lower permissions_validity_in_ms and"
                    " roles_validity_in_ms on all of them, and run again."
                )
                raise Refusal("fence-open", f"{FORGET_SECONDS} s after {self._login} lost its rights: {found}", do)
            time.sleep(PAUSE_SECONDS)

    def is_served(self) -> bool:
        """Whether every node lets it read its timestamp."""
        return all(self._answer(host, self._reading) == "" for host in self._connection.hosts())

    def _let(self) -> str | None:
        """What is not refused, by the first node and statement for which that is so."""
        for host in self._connection.hosts():
            for statement in self._statements:
                answer = self._answer(host, statement)
                if answer is not None:
                    return answer or f"{host.address} still lets it run {statement}."
        return None

    def _answer(self, host, statement: str) -> str | None:
        """None where the node refuses it, a sentence where it does not answer, empty where it lets it."""
        try:
            self._connection.look(statement, host=host)
        except NotUnderstood:
            return ""
        except Refusal as refusal:
            return None if refusal.code == "kvs-denied" else refusal.found
        return ""
