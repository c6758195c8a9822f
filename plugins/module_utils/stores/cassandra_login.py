# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A login on Cassandra that is to be shut out of a service's keyspace: what it may do there, and how that is taken.

Seen on 2.2 to 5.0: ``LOGIN = false`` keeps a role from new sessions, and those that it has go on; no CQL ends one. So
what the role may do is taken from it, and is written into the record before. A node remembers what a role may do for
``permissions_validity`` and, of its memberships, ``roles_validity`` (2 s each by default; before 4.0 no CQL tells
them). It remembers by role and not by session, so a session of the role that is refused shows that any is.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass

from ..proofs import Guard
from ..refusal import Refusal
from . import cassandra_cluster, lock
from .cassandra_connection import CassandraConnection, NotUnderstood
from .cassandra_record import CassandraRecord
from .cassandra_rights import RECORD_KEYSPACE, missing_power, place, quoted
from .cassandra_trial import PAUSE_SECONDS, CassandraTrial
from .interface import LoginState

SETTLE_SECONDS = 20
TAKEN = "taken"
"""Where the record has, by login, what was taken from it: ``roles``, and ``rights`` by resource."""

_ROLES, _PERMISSIONS = "system_auth.roles", "system_auth.role_permissions"


@dataclass(frozen=True)
class _Role:
    """``rights`` by resource, as system_auth spells it: ``data``, ``data/orders``, ``data/orders/_timestamp``."""

    may_log_in: bool
    is_super: bool
    member_of: list
    rights: dict


class CassandraLogins:
    """The logins of the service that ``kvs`` describes, as the one that is connected sees and changes them."""

    def __init__(self, kvs: dict, connection: CassandraConnection, record: CassandraRecord):
        self._kvs = kvs
        self._keyspace = kvs["keyspace"]
        self._connection = connection
        self._record = record

    def state(self, login: str) -> LoginState | None:
        """See Store.login. Writes nothing."""
        self._require_authorizer()
        try:
            roles = self._with_granted(login)
        except Refusal as refusal:
            if refusal.code != "kvs-denied":
                raise
            user = quoted(self._connection.user)
            do = f"Run: GRANT SELECT ON {_ROLES} TO {user}; GRANT SELECT ON {_PERMISSIONS} TO {user}."
            raise Refusal("fence-denied", f"What {login} may do is not shown: {refusal.found}", do) from None
        role, taken = roles.get(login), self._taken(login)
        if role is None:
            return None
        if role.is_super:
            do = f"Grant it what it needs, then run: ALTER ROLE {quoted(login)} WITH SUPERUSER = false."
            raise Refusal("fence-unsupported", f"{login} is a superuser, from which no right can be taken.", do)
        held = self._held(role)
        return LoginState(
            enabled=role.may_log_in and not self._givings(login, taken),
            shut_out=_is_shut_out(role, held),
            own=login == self._connection.user,
            missing_rights=missing_power(self._connection, login, **_both(held, taken)),
            elsewhere=self._elsewhere(roles.values()),
        )

    def untried(self, login: str) -> str | None:
        """See Store.untried."""
        try:
            with contextlib.closing(self._trial(login)) as trial:
                trial.visit()
        except Refusal as refusal:
            return refusal.found
        return None

    def shut_out(self, login: str, guard: Guard) -> None:
        """Take what ``login`` may do with the keyspace, see every node refuse it, and let it log in no more.

        Read at ALL: what is granted and revoked is written to one replica, and each node believes its own.
        """
        role = self._require(login, everywhere=True)
        held = self._held(role)
        if _is_shut_out(role, held):
            return
        with contextlib.closing(self._require_trial(login)) as trial:
            self._note(login, _both(held, self._taken(login)), guard)
            self._settle(guard, lambda: self._takings(login))
            trial.require_refused()
        self._settle(guard, lambda: self._login_statements(login, False, everywhere=True))
        self._require_kept_out(login)

    def let_in(self, login: str, guard: Guard) -> None:
        """Give ``login`` what was taken from it, and nothing else."""
        taken = self._taken(login)
        # It may log in first: one that may not, and has rights, is one that nobody can try.
        self._settle(guard, lambda: self._login_statements(login, True) + self._givings(login, taken))
        if taken:
            self._note(login, None, guard)
            self._wait_until_served(login)

    def _require_authorizer(self) -> None:
        do = "Unset atlasdb_kvs_new_login: what the handover observes is the same without."
        if not self._connection.user:
            raise Refusal("fence-unsupported", "The collection has no login on this Cassandra.", do)
        try:
            self._connection.look(f"LIST ALL PERMISSIONS OF {quoted(self._connection.user)}")
        except Refusal as refusal:
            if refusal.code != "kvs-denied" and not isinstance(refusal, NotUnderstood):
                raise
            found = "Its servers have no authorizer: whoever has a session may do everything."
            raise Refusal("fence-unsupported", found, do) from None

    def _role(self, name: str, everywhere: bool = False) -> _Role | None:
        level = {"everywhere": True} if everywhere else {"quorum": True}
        rows = self._connection.look(
            f"SELECT can_login, is_superuser, member_of FROM {_ROLES} WHERE role = %s", (name,), **level
        )
        if not rows:
            return None
        rights = self._connection.look(
            f"SELECT resource, permissions FROM {_PERMISSIONS} WHERE role = %s", (name,), **level
        )
        return _Role(
            bool(rows[0]["can_login"]),
            bool(rows[0]["is_superuser"]),
            sorted(rows[0]["member_of"] or ()),
            {row["resource"]: sorted(row["permissions"]) for row in rights if row["permissions"]},
        )

    def _require(self, login: str, everywhere: bool = False) -> _Role:
        role = self._role(login, everywhere)
        if role is None:
            raise Refusal("fence-login", f"There is no login {login} any more.")
        return role

    def _with_granted(self, login: str) -> dict:
        """The role, and those that it is a member of, at whatever remove, by name."""
        found: dict = {}
        names = [login]
        while names:
            name = names.pop()
            role = None if name in found else self._role(name)
            if role:
                found[name] = role
                names += role.member_of
        return found

    def _held(self, role: _Role) -> dict:
        """What of a role reaches the keyspace; a membership does, whatever the other role has."""
        own = f"data/{self._keyspace}"
        rights = {
            resource: rights
            for resource, rights in role.rights.items()
            if resource in ("data", own) or resource.startswith(f"{own}/")
        }
        return {"roles": role.member_of, "rights": rights}

    def _elsewhere(self, roles) -> list:
        resources = {resource for role in roles for resource in role.rights if resource.startswith("data/")}
        keyspaces = {resource.split("/")[1] for resource in resources} - {self._keyspace, RECORD_KEYSPACE}
        return sorted(name for name in keyspaces if name != "system" and not name.startswith("system_"))

    def _taken(self, login: str) -> dict | None:
        return self._all_taken().get(login)

    def _all_taken(self) -> dict:
        record = self._record.read()
        return (record and record.document.get(TAKEN)) or {}

    def _note(self, login: str, taken: dict | None, guard: Guard) -> None:
        others = {name: one for name, one in self._all_taken().items() if name != login}
        self._record.note(guard, {TAKEN: {**others, **({login: taken} if taken else {})}}, release=False)

    def _takings(self, login: str) -> list:
        held = self._held(self._require(login, everywhere=True))
        return [
            *(f"REVOKE {right} FROM {quoted(login)}" for right in _each(held["rights"])),
            *(f"REVOKE {quoted(name)} FROM {quoted(login)}" for name in held["roles"]),
        ]

    def _givings(self, login: str, taken: dict | None) -> list:
        """What is still to be given of ``taken``. A table or role that is gone took the right to it with it."""
        if not taken:
            return []
        held = self._held(self._require(login))
        tables = cassandra_cluster.tables(self._connection, self._keyspace)
        there = {"data", f"data/{self._keyspace}", *(f"data/{self._keyspace}/{name}" for name in ("*", *tables))}
        wanted = {
            resource: [right for right in rights if right not in held["rights"].get(resource, ())]
            for resource, rights in taken["rights"].items()
            if resource in there
        }
        return [
            *(f"GRANT {right} TO {quoted(login)}" for right in _each(wanted)),
            *(
                f"GRANT {quoted(name)} TO {quoted(login)}"
                for name in taken["roles"]
                if name not in held["roles"] and self._role(name)
            ),
        ]

    def _login_statements(self, login: str, enabled: bool, everywhere: bool = False) -> list:
        if self._require(login, everywhere).may_log_in == enabled:
            return []
        return [f"ALTER ROLE {quoted(login)} WITH LOGIN = {str(enabled).lower()}"]

    def _settle(self, guard: Guard, needed) -> None:
        """Run the statements that ``needed()`` names until it names none, each while ``guard`` has the lock.

        One whose answer is lost, or that a slower clock has put before what it is to undo, is sent again.
        """
        statements = needed()
        deadline = time.monotonic() + SETTLE_SECONDS
        while statements:
            for statement in statements:
                lock.require_guard(self._record.read(), guard)
                try:
                    self._connection.define(statement)
                except NotUnderstood:
                    continue  # made meanwhile, or about what is gone meanwhile
                except Refusal as refusal:
                    if refusal.code != "kvs-unreachable":
                        raise
            time.sleep(PAUSE_SECONDS)
            statements = needed()
            if statements and time.monotonic() > deadline:
                raise Refusal("fence-open", f"These have no effect: {'; '.join(statements)}.")

    def _trial(self, login: str) -> CassandraTrial:
        return CassandraTrial(self._kvs, login, cassandra_cluster.tables(self._connection, self._keyspace))

    def _require_trial(self, login: str) -> CassandraTrial:
        try:
            return self._trial(login)
        except Refusal as refusal:
            do = "See that the login gets in as the service's configuration says, and run again."
            raise Refusal("fence-open", f"What {login} may still do cannot be tried: {refusal.found}", do) from None

    def _require_kept_out(self, login: str) -> None:
        """Since 4.0 a node remembers for a moment who may log in as well."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            try:
                self._trial(login).close()
            except Refusal as refusal:
                if refusal.code == "kvs-denied":
                    return
                raise
            if time.monotonic() > deadline:
                raise Refusal("fence-open", f"{login} may not log in, and still does.")
            time.sleep(PAUSE_SECONDS)

    def _wait_until_served(self, login: str) -> None:
        """Until the nodes have forgotten that ``login`` may do nothing, as far as that can be seen."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while (self._kvs.get("service_login") or {}).get("username") == login:
            with contextlib.suppress(Refusal), contextlib.closing(self._trial(login)) as trial:
                if trial.is_served():
                    return
            if time.monotonic() > deadline:
                return
            time.sleep(PAUSE_SECONDS)


def _is_shut_out(role: _Role, held: dict) -> bool:
    return not (role.may_log_in or held["roles"] or held["rights"])


def _both(held: dict, taken: dict | None) -> dict:
    taken = taken or {"roles": [], "rights": {}}
    rights = {
        resource: sorted({*held["rights"].get(resource, ()), *taken["rights"].get(resource, ())})
        for resource in {**held["rights"], **taken["rights"]}
    }
    return {"roles": sorted({*held["roles"], *taken["roles"]}), "rights": rights}


def _each(rights: dict) -> list:
    """Each right, as GRANT and REVOKE name it."""
    return [f"{right} ON {place(resource).name}" for resource in sorted(rights) for right in rights[resource]]
