# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every key-value service offers to the handover, whatever database it is."""

from __future__ import annotations

from dataclasses import dataclass

from ..bound import StoreState
from ..proofs import Guard
from ..refusal import Refusal

PUNCH_TABLE = "punch table"
"""The witness of ``Store.corroboration`` that clients write wherever their timestamps come from."""


@dataclass(frozen=True)
class Change:
    """What an effect did: whether it changed anything, and the store's state before and after, both read."""

    changed: bool
    before: StoreState
    after: StoreState


@dataclass(frozen=True)
class Record:
    """The row of a service in the schema or keyspace ``atlasdb_timelock`` of its own key-value service.

    ``epoch`` grows with each run that takes the lock. ``holder`` is the run that has it, or None. ``document``
    is what the runs wrote down: intent, identities, numbers seen.
    """

    epoch: int
    holder: dict | None
    document: dict

    def highest(self) -> int:
        """The largest number on record, 0 where there is none."""
        return max([0] + [int(number) for number in self.document.get("numbers", {}).values()])


@dataclass(frozen=True)
class LoginState:
    """A login of the key-value service: whether it is as before any fence, is shut out, and is the one that looks. One
    that a run has left in between is neither enabled nor shut out.

    ``missing_rights`` are the statements that would let the one that looks change that and make its sessions harmless;
    ``elsewhere`` names other databases in which it has sessions, or other keyspaces in which it has rights.
    """

    enabled: bool
    shut_out: bool
    own: bool
    missing_rights: list
    elsewhere: list

    def counts_as_enabled(self, wanted: bool) -> bool:
        """Whether it is enabled, for whoever wants it to be so or not: in between it is not as it is ``wanted``."""
        return self.enabled if wanted else not self.shut_out


@dataclass(frozen=True)
class LoginChange:
    """What became of a login: whether it was enabled before and is now, and which of its sessions were ended."""

    before: bool
    after: bool
    ended: list


class Store:
    """A key-value service. Every method may raise Refusal ``kvs-unreachable``, ``kvs-denied`` or ``kvs-lock-held``."""

    ends_sessions = False
    """Whether the sessions of a login that is shut out are ended. Where not, they may do nothing any more."""

    def identity(self) -> dict:
        """What tells this key-value service from any other: see the module identity.

        Raises Refusal ``kvs-identity`` for one that only follows another.
        """
        raise NotImplementedError

    def read(self) -> StoreState:
        """The state of the bound, whatever it is. Writes nothing."""
        raise NotImplementedError

    def corroboration(self) -> list:
        """Timestamps that were issued, by other witnesses than the bound: ``{"source", "number"}``. Writes nothing."""
        raise NotImplementedError

    def missing_rights(self) -> list:
        """What the login lacks for the handover, as the statements that would grant it. Writes nothing."""
        raise NotImplementedError

    def filled_table(self) -> str | None:
        """A table that has rows, where the service would keep its own, or None. Writes nothing."""
        raise NotImplementedError

    def sessions(self, ignore: list) -> list:
        """The sessions of others: ``{"user", "application", "address", "port"}``, without those that ``ignore`` names.

        What the login may not see of a session is empty; the session is listed all the same.
        """
        raise NotImplementedError

    def session_view(self) -> dict:
        """How much ``sessions`` can show: ``complete``, and where that is False, what else has to be looked at.

        ``own``: our own connections (``address``, ``port``); ``addresses`` and ``ports``: where the servers' clients
        connect to.
        """
        return {"complete": True, "own": [], "addresses": [], "ports": []}

    def invalidate(self, expected_bound: int, guard: Guard | None) -> Change:
        """Invalidate the bound on condition that it is ``expected_bound``; unchanged where that was done before.

        Raises Refusal ``bound-moved``, ``operator-lock-lost`` (the record names another run or epoch than ``guard``),
        ``operator-locked`` (there is no guard, and a run has the lock), or the state's own code.
        """
        raise NotImplementedError

    def repair(self, expected_bound: int, guard: Guard | None) -> Change:
        """Bring a backup that an old manual procedure put in the wrong place to where AtlasDB looks for it.

        Only on condition that it is ``expected_bound``. Raises as ``invalidate`` does.
        """
        raise NotImplementedError

    def restore(
        self, at_least: int, guard: Guard | None, raise_only: bool = False, guarded: bool = False
    ) -> Change:
        """Make the bound live, at ``at_least`` or higher, above the backup and above every number on record.

        Never lowers a bound, and never puts one back to a number that it had. With ``raise_only`` it must be live now.
        With ``guarded`` the embedded service works with it, and AtlasDB's own migration refuses it, until ``open_up``.
        Raises as ``invalidate`` does.
        """
        raise NotImplementedError

    def open_up(self, guard: Guard | None) -> Change:
        """Take from a live bound what makes AtlasDB's own migration refuse it; embedded nodes may use it meanwhile.

        Raises as ``invalidate`` does.
        """
        raise NotImplementedError

    def record(self) -> Record | None:
        """The record, or None where there is none. Writes nothing."""
        raise NotImplementedError

    def take_lock(self, holder: dict, service: str, take_over: str | None, above: int = 0) -> Record:
        """Take the lock for ``holder``, with the next epoch, above ``above``; unchanged where it has it already.

        Raises OperatorLocked while another run has it, unless ``take_over`` names that run.
        """
        raise NotImplementedError

    def note(self, guard: Guard, changes: dict, release: bool) -> Record:
        """Write ``changes`` into the record's document, and give the lock back where ``release`` is set.

        Numbers only grow. Raises Refusal ``operator-lock-lost`` unless ``guard`` has the lock.
        """
        raise NotImplementedError

    def login(self, login: str) -> LoginState | None:
        """What there is of a login, or None where there is none of that name. Writes nothing.

        Raises Refusal ``fence-unsupported`` where it cannot be shut out at all, ``fence-denied`` where it is not shown.
        """
        raise NotImplementedError

    def require_login(self, login: str) -> LoginState:
        """The same. Raises Refusal ``fence-login`` where there is none. Writes nothing."""
        state = self.login(login)
        if state is None:
            raise Refusal("fence-login", f"There is no login {login}.")
        return state

    def require_told(self, login: str, enabled: bool) -> bool:
        """Whether it is enabled now, which is ``enabled``. Raises Refusal ``fence-open`` where it is not."""
        after = self.require_login(login).counts_as_enabled(enabled)
        if after != enabled:
            raise Refusal("fence-open", f"{login} was told to be {'en' if enabled else 'dis'}abled, and is not.")
        return after

    def missing_use(self, old: str, looker: str) -> list:
        """What this store's own login lacks to stand for ``old``, the service's, as statements. Writes nothing.

        Its sessions must be ones that the login ``looker`` sees.
        """
        raise NotImplementedError

    def untried(self, login: str) -> str | None:
        """Why nobody could see that ``login``, the service's, is shut out, as a sentence; else None. Writes nothing."""
        return None

    def put_login(self, login: str, enabled: bool, guard: Guard) -> LoginChange:
        """Let ``login`` in again as it was, or shut it out with the sessions it has; unchanged where that was done
        before.

        Raises Refusal ``fence-open`` where a session does not end or may still do something, ``operator-lock-lost``,
        and for letting somebody in while the bound is not live ``bound-moved`` or the state's own code.
        """
        raise NotImplementedError

    def close(self) -> None:
        """End the connection."""
        raise NotImplementedError
