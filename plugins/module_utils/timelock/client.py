# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TimeLock HTTP client: who leads, which namespaces exist, fresh timestamps, fast-forward.

The paths and their answers are those recorded from TimeLock 0.905.0; timestamps and their management did not
change up to 0.1175.0. The standard library suffices, so a host that TimeLock is asked from needs nothing
installed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ..bound import LARGEST_BOUND
from ..refusal import Refusal
from . import wire
from .deadline import Deadline
from .namespace import require_namespace
from .servers import Server, find_listed, majority, parse_servers

_LEADER_PING = wire.Request("GET", "/leader/ping", 200, wire.parse_bool)
_LEADER_UUID = wire.Request("GET", "/leader/uuid", 200, wire.parse_uuid)
_NAMESPACES = wire.Request("POST", "/tl/management/getNamespaces", 200, wire.parse_names, bearer=True)

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_ELECTION_SECONDS = 10.0
"""Two leaders for longer are no election: a change of leader took 0.6 to 8.3 s in the recordings, most of it load."""
_SETTLE_SECONDS = 1.0
"""How long a server may go on pointing elsewhere after another has become leader."""
_DIAGNOSIS_SECONDS = 2.0

_CODES = {wire.TLS: "timelock-tls", wire.NOT_TIMELOCK: "timelock-not-timelock", wire.SILENT: "timelock-unreachable"}


class TimeLock:
    """A TimeLock cluster, for one operation: the deadline runs from the making of the object.

    ``servers`` are base URLs with their context path (https://HOST:PORT or https://HOST:PORT/CONTEXT);
    ``deadline`` are the seconds for everything asked of the object, repetitions and waiting for an election
    included; ``request_timeout`` the seconds for one request. A server's redirect is never followed to a
    server that is not listed. Proxies of the environment are ignored (see ``wire.Wire``).

    Asking for a namespace in any way creates it (TimeLock 0.905.0): ``ping``, ``fresh_timestamp`` and
    ``fast_forward`` do; ``nodes`` and ``namespaces`` do not.

    All methods raise Refusal: ``timelock-unreachable``, ``timelock-tls``, ``timelock-not-timelock``,
    ``timelock-clusters-differ``; those with a namespace also ``config-namespace-illegal``,
    ``timelock-no-leader``, ``timelock-many-leaders``, ``timelock-client-limit`` and ``timelock-stuck``.
    """

    def __init__(
        self,
        servers: list[str],
        *,
        ca_path: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        validate_certs: bool = True,
        deadline: float = 30.0,
        request_timeout: float = 5.0,
    ):
        self.servers = parse_servers(servers)
        self.quorum = majority(len(self.servers))
        encrypted = any(server.scheme == "https" for server in self.servers)
        context = wire.tls_context(ca_path, client_cert, client_key, validate_certs) if encrypted else None
        self._wire = wire.Wire(context, request_timeout)
        reserve = min(_DIAGNOSIS_SECONDS, deadline / 4)
        self._whole = Deadline(deadline)
        self._trying = Deadline(deadline - reserve)
        self._leader: Server | None = None
        self._highest: dict[str, int] = {}
        self.requests = 0
        """How many requests were sent that only a leader serves. One whose answer was lost may have been served."""

    @property
    def urls(self) -> list[str]:
        """The servers, as this client writes them."""
        return [server.url for server in self.servers]

    @property
    def leader(self) -> str | None:
        """The URL of whoever last answered as the leader does."""
        return self._leader.url if self._leader else None

    def nodes(self) -> list[dict]:
        """What each server says of itself, in the order listed; creates nothing.

        Each has ``url``, ``reachable``, ``is_leader`` and ``uuid`` (None where unknown), and where it did not
        answer as TimeLock ``code`` and ``error`` (else None). No server need lead: none does until a
        namespace has been asked for since the cluster started. A server that has lost its quorum goes on
        calling itself leader.

        Raises Refusal ``timelock-many-leaders`` when several call themselves leader for longer than an
        election.
        """
        election = self._trying.cut(_ELECTION_SECONDS)
        pauses = _pauses()
        while True:
            answers = self._ask_quorum(_LEADER_PING)
            leaders = [answer.server.url for answer in answers if answer.value]
            if len(leaders) < 2:
                return self._describe(answers)
            if not election.pause(next(pauses)):
                raise Refusal("timelock-many-leaders", f"{' and '.join(leaders)} call themselves leader.")

    def namespaces(self) -> list[str]:
        """The names of all namespaces, sorted; creates nothing.

        What a majority of the servers lists is complete, since a namespace's first timestamp needs a
        majority. Only leaderPaxos would be missing, which ``require_namespace`` refuses.
        """
        answers = self._ask_quorum(_NAMESPACES)
        return sorted({name for answer in answers if answer.kind == wire.ANSWERED for name in answer.value})

    def ping(self, namespace: str) -> dict:
        """Ask for ``namespace`` through every server, which creates it and wakes the election, until exactly
        one leads.

        Returns ``leader`` (a URL) and ``answers``: for each server ``url``, ``answer`` (a kind of ``wire``),
        ``detail``, and ``leader``, the URL of whom it holds for the leader (or None). A pong proves that its
        server leads with a quorum, but not that the namespace can issue timestamps.
        """
        path = f"/{require_namespace(namespace)}/timestamp-management/ping"
        request = wire.Request("GET", path, 200, wire.parse_pong)
        election = self._trying.cut(_ELECTION_SECONDS)
        settling = None
        answers, pongs = [], []
        for answers in self._rounds(lambda: self._ask_all(request, self._trying)):
            self._require_listed(answers)
            pongs = [answer for answer in answers if answer.kind == wire.ANSWERED]
            if len(pongs) == 1:
                settling = settling or Deadline(_SETTLE_SECONDS)
                if not settling.left() or self._agree(answers, pongs[0].server):
                    break
            if _hopeless(answers) or (len(pongs) > 1 and not election.left()):
                break
        if not pongs:
            raise self._below_quorum(answers) if _hopeless(answers) else self._no_answer(namespace, answers)
        if len(pongs) > 1:
            raise Refusal(
                "timelock-clusters-differ",
                f"Several servers lead namespace {namespace} at once, each with a quorum of its own, or are one server "
                f"under several names: {_words(pongs)}.",
            )
        self._leader = pongs[0].server
        return {"leader": self._leader.url, "answers": [self._reported(answer) for answer in answers]}

    def fresh_timestamp(self, namespace: str) -> int:
        """The next timestamp of ``namespace``, which is consumed.

        Raises Refusal: ``timelock-went-backwards`` unless it is above all that this object was given before,
        ``bound-out-of-range`` for one below 1 or without headroom.
        """
        path = f"/{require_namespace(namespace)}/timestamp/fresh-timestamp"
        number = self._ask_leader(namespace, wire.Request("POST", path, 200, wire.parse_long))
        before = self._highest.get(namespace)
        if before is not None and number <= before:
            raise Refusal(
                "timelock-went-backwards", f"Namespace {namespace} gave the fresh timestamp {number} after {before}."
            )
        if not 0 < number <= LARGEST_BOUND:
            raise Refusal(
                "bound-out-of-range",
                f"Namespace {namespace} gave the fresh timestamp {number}, which is not from 1 to {LARGEST_BOUND}.",
            )
        self._highest[namespace] = number
        return number

    def fast_forward(self, namespace: str, timestamp: int) -> None:
        """Make ``namespace`` issue only timestamps above ``timestamp``; a lower one than it already issues
        changes nothing.

        An answer that was lost is asked for again, since repeating does no harm
        (PersistentTimestamp.increaseTo takes the larger). TimeLock's consent proves nothing: read a fresh
        timestamp afterwards.
        """
        if not 0 <= timestamp <= LARGEST_BOUND:
            raise Refusal(
                "bound-out-of-range", f"A fast-forward to {timestamp} is refused; the largest is {LARGEST_BOUND}."
            )
        path = f"/{require_namespace(namespace)}/timestamp-management/fast-forward?currentTimestamp={timestamp:d}"
        self._ask_leader(namespace, wire.Request("POST", path, 204, wire.parse_nothing))

    def _ask_all(self, request: wire.Request, deadline: Deadline) -> list[wire.Answer]:
        with ThreadPoolExecutor(max_workers=len(self.servers)) as pool:
            return list(pool.map(lambda server: self._wire.ask(server, request, deadline), self.servers))

    def _ask_quorum(self, request: wire.Request) -> list[wire.Answer]:
        """All servers' answers, a majority of them successes, as soon as that is so."""
        answers = []
        for answers in self._rounds(lambda: self._ask_all(request, self._trying)):
            if sum(answer.kind == wire.ANSWERED for answer in answers) >= self.quorum:
                return answers
            if _hopeless(answers):
                break
        raise self._below_quorum(answers)

    def _rounds(self, ask):
        """The answers that ``ask`` gets, again and again until the time is over.

        A round that the deadline cut short says less than the one before, so it counts only where it got somewhere.
        """
        yield ask()
        for pause in _pauses():
            if not self._trying.pause(pause):
                return
            answers = ask()
            if self._trying.left() or any(answer.kind == wire.ANSWERED for answer in answers):
                yield answers

    def _describe(self, answers: list[wire.Answer]) -> list[dict]:
        uuids = {answer.server: answer.value for answer in self._ask_all(_LEADER_UUID, self._whole)}
        nodes = []
        for answer in answers:
            reachable = answer.kind == wire.ANSWERED
            nodes.append(
                {
                    "url": answer.server.url,
                    "reachable": reachable,
                    "is_leader": answer.value,
                    "uuid": uuids[answer.server] if reachable else None,
                    "code": None if reachable else _CODES.get(answer.kind, "timelock-unreachable"),
                    "error": None if reachable else answer.words,
                }
            )
        return nodes

    def _ask_leader(self, namespace: str, request: wire.Request):
        """The value of the one 2xx answer: each server in turn, those pointed to first, until the deadline."""
        slow: set[Server] = set()
        answers = []
        for answers in self._rounds(lambda: self._sweep(request, slow)):
            last = answers[-1]
            if last.kind == wire.ANSWERED:
                self._leader = last.server
                return last.value
            self._require_listed(answers)
            if _hopeless(answers):
                raise self._below_quorum(answers)
            slow.clear()
            slow.update(answer.server for answer in answers if answer.kind == wire.SILENT)
        raise self._no_answer(namespace, answers)

    def _sweep(self, request: wire.Request, slow: set[Server]) -> list[wire.Answer]:
        """Each server's answer, ending with the first success."""
        waiting = sorted(self.servers, key=lambda server: (server in slow, server != self._leader))
        answers: list[wire.Answer] = []
        while waiting:
            self.requests += 1
            answer = self._wire.ask(waiting.pop(0), request, self._trying)
            answers.append(answer)
            if answer.kind == wire.ANSWERED:
                break
            target = find_listed(self.servers, answer.target) if answer.target else None
            if target in waiting:
                waiting.remove(target)
                waiting.insert(0, target)
        return answers

    def _agree(self, answers: list[wire.Answer], leader: Server) -> bool:
        """Whether every other server that answered points to ``leader``."""
        others = [answer for answer in answers if answer.kind in (wire.REDIRECTED, wire.NOT_LEADING)]
        return all(answer.target and find_listed(self.servers, answer.target) == leader for answer in others)

    def _reported(self, answer: wire.Answer) -> dict:
        seen = find_listed(self.servers, answer.target) if answer.target else None
        if answer.kind == wire.ANSWERED:
            seen = answer.server
        return {
            "url": answer.server.url,
            "answer": answer.kind,
            "detail": answer.words,
            "leader": seen.url if seen else None,
        }

    def _require_listed(self, answers: list[wire.Answer]) -> None:
        for answer in answers:
            if answer.target and find_listed(self.servers, answer.target) is None:
                raise Refusal(
                    "timelock-clusters-differ",
                    f"{answer.server.url} {answer.words}, which is not in the list: {', '.join(self.urls)}.",
                )

    def _below_quorum(self, answers: list[wire.Answer]) -> Refusal:
        kinds = {answer.kind for answer in answers}
        code = next((_CODES[kind] for kind in _CODES if kind in kinds), "timelock-unreachable")
        return Refusal(code, f"No quorum of {self.quorum} of {len(self.servers)} servers answers: {_words(answers)}.")

    def _no_answer(self, namespace: str, answers: list[wire.Answer]) -> Refusal:
        """Why no server served ``namespace`` in time, by asking only what creates nothing."""
        found = f"No server served namespace {namespace} in time: {_words(answers)}."
        listing = [answer.value for answer in self._ask_all(_NAMESPACES, self._whole) if answer.kind == wire.ANSWERED]
        absent = len(listing) >= self.quorum and not any(namespace in names for names in listing)
        if any(answer.kind == wire.FAILED for answer in answers):
            if absent:
                return Refusal("timelock-client-limit", f"{found} It was not created.")
            return Refusal("timelock-stuck", f"{found} It exists, as far as could be asked.")
        if any(answer.kind == wire.NOT_TIMELOCK and answer.status in (200, 204) for answer in answers):
            return Refusal("timelock-not-timelock", found)
        pings = self._ask_all(_LEADER_PING, self._whole)
        if sum(answer.kind == wire.ANSWERED for answer in pings) < self.quorum:
            return self._below_quorum(answers)
        leaders = [answer.server.url for answer in pings if answer.value]
        if len(leaders) > 1:
            return Refusal("timelock-many-leaders", f"{found} {' and '.join(leaders)} call themselves leader.")
        silenced = [answer for answer in answers if answer.server.url in leaders and answer.kind == wire.NOT_LEADING]
        if absent and silenced:
            return Refusal("timelock-client-limit", f"{found} {leaders[0]} leads, and did not create it.")
        return Refusal("timelock-no-leader", f"{found} {' and '.join(leaders) or 'None'} claims to lead.")


def _pauses():
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE)


def _hopeless(answers: list[wire.Answer]) -> bool:
    """Whether no waiting will make any of these an answer of TimeLock."""
    return all(answer.kind in (wire.TLS, wire.NOT_TIMELOCK) for answer in answers)


def _words(answers: list[wire.Answer]) -> str:
    return "; ".join(f"{answer.server.url} {answer.words}" for answer in answers)
