# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fence on a real Cassandra: sessions of the old login go on, and may do nothing any more."""

from __future__ import annotations

import contextlib
import json
import re
import time
from pathlib import Path

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.fence_look import fence_look
from ansible_collections.atlasdb.timelock.plugins.module_utils.operations.kvs_login import kvs_login
from ansible_collections.atlasdb.timelock.plugins.module_utils.planning.fence import forward
from ansible_collections.atlasdb.timelock.plugins.module_utils.proofs import NODE_KINDS, Guard, stamp_now
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores import (
    cassandra_connection,
    cassandra_login,
    cassandra_trial,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.cassandra_connection import CassandraConnection
from cassandra import Unauthorized
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import NoHostAvailable

import cassandra_here
from lab.cassandra import distribution
from lab.cassandra.cluster import Cassandra
from stores import opened, refused
from thrift_session import ThriftSession

__all__ = ["opened"]

pytestmark = cassandra_here.only_wide

one_version = pytest.mark.parametrize("whole", [distribution.DEFAULT_VERSION], indirect=True)
"""Of tests that are about what this collection makes of it, and not about what Cassandra does."""

PAGE = (Path(__file__).resolve().parents[2] / "docs/privileges.md").read_text(encoding="utf-8")
STATEMENTS = re.search(r"### The fence on Cassandra\n.*?```sql\n(.*?)```", PAGE, re.DOTALL).group(1).splitlines()
HOLDER = {"user": "alice", "host": "controller", "pid": 1, "since": "now", "run_id": "one"}
NEW = {"username": "orders_2", "password": "new"}
RUN = {"run_id": "one", "epoch": 1}
BOUND = 1_010_000
READ = 'SELECT value FROM orders."_timestamp" WHERE key = 0x7473 AND column1 = 0x7473 AND column2 = -1'
CAS = (
    'UPDATE orders."_timestamp" SET value = 0x00000000001E9190'
    " WHERE key = 0x7473 AND column1 = 0x7473 AND column2 = -1 IF value = 0x00"
)
WRITE = "INSERT INTO orders.data (key, value) VALUES (1, 2)"
HELD = "SELECT resource, permissions FROM system_auth.role_permissions WHERE role = 'orders'"
ROLE = "SELECT can_login, member_of FROM system_auth.roles WHERE role = 'orders'"


class Fenced:
    """A service `orders` with its old and new login and the collection's, as a superuser sees them."""

    def __init__(self, cluster: Cassandra):
        self.cluster = cluster
        self.release = distribution.VERSIONS[cluster.version].release
        self._password = cluster.create_keyspace("orders")
        cluster.create_timestamp_table("orders")
        self._superuser = cluster.connect()
        self.cql("CREATE TABLE orders.data (key int PRIMARY KEY, value int)")

    def cql(self, *statements: str) -> list:
        for statement in statements:
            rows = list(self._superuser.execute(statement).current_rows or [])
        return rows

    def begin(self) -> None:
        """As it is before any run, with the rights of the page."""
        passwords = {"orders": self._password, "orders_2": "new", "dba": "dba", "app": ""}
        self.cql(
            *(f"DROP ROLE IF EXISTS {role}" for role in passwords),
            *(f"CREATE ROLE {role} WITH LOGIN = true AND PASSWORD = '{word}'" for role, word in passwords.items()),
            "GRANT ALL PERMISSIONS ON KEYSPACE orders TO orders",
            "GRANT CREATE ON ALL KEYSPACES TO orders",
            *STATEMENTS,
            *(["GRANT SELECT ON system_views.clients TO dba"] if self.release >= (4, 0) else []),
            "DROP KEYSPACE IF EXISTS atlasdb_timelock",
            'TRUNCATE orders."_timestamp"',
            'INSERT INTO orders."_timestamp" (key, column1, column2, value)'
            f" VALUES (0x7473, 0x7473, -1, 0x{BOUND:016x})",
        )
        self.await_forgotten()

    def await_forgotten(self) -> None:
        """Until the servers have forgotten what roles could do (lab.cassandra.configuration)."""
        time.sleep(1.2)

    def close(self) -> None:
        self._superuser.cluster.shutdown()

    def kvs_of(self, user: str, password: str) -> dict:
        return {
            "type": "cassandra", "hosts": self.cluster.addresses[:1], "port": self.cluster.port, "keyspace": "orders",
            "user": user, "password": password,
            "service_login": {"username": "orders", "password": self._password},
        }  # fmt: skip

    @property
    def dba(self) -> dict:
        return self.kvs_of("dba", "dba")

    @property
    def own(self) -> dict:
        return self.kvs_of("orders", self._password)

    def session(self):
        """One of the old login."""
        return self.cluster.connect(auth_provider=PlainTextAuthProvider("orders", self._password))

    def thrift(self) -> ThriftSession:
        return ThriftSession(
            self.cluster.addresses[0], self.cluster.thrift_port, "orders", self._password, "orders"
        )

    def rights(self) -> tuple:
        """What the old login has: whether it may log in, its roles, and its rights by resource."""
        (role,) = self.cql(ROLE)
        rights = {row.resource: set(row.permissions) for row in self.cql(HELD) if row.permissions}
        return role.can_login, sorted(role.member_of or ()), rights


@pytest.fixture(scope="module", params=cassandra_here.VERSIONS)
def whole(request, tmp_path_factory):
    cluster = Cassandra(tmp_path_factory.mktemp("cassandra"), {})
    cluster.create(cassandra_here.require(request.param))
    try:
        cluster.start()
        made = Fenced(cluster)
        yield made
        made.close()
    finally:
        cluster.stop()


@pytest.fixture
def fenced(whole):
    whole.begin()
    return whole


@pytest.fixture
def locked(fenced, opened):
    """The same, with the lock of a run."""
    opened(fenced.dba).take_lock(HOLDER, "orders", None)
    return fenced


def change(service: Fenced, state: str, check_mode: bool = False, **more) -> dict:
    proofs = [{"kind": kind, "node": "orders-1", "taken": stamp_now(), **RUN} for kind in NODE_KINDS]
    arguments = {"nodes": ["orders-1"], "node_proofs": proofs, "max_proof_age": 300.0, "login": "orders", **RUN}
    return kvs_login({**arguments, "kvs": service.dba, "state": state, **more}, check_mode)


def look(service: Fenced, opened, kvs: dict | None = None) -> dict:
    kvs = kvs or service.dba
    return fence_look(opened(kvs), kvs, "orders", NEW)


def against(seen: dict) -> list:
    """What the plan says against it."""
    identity = seen["trial"]["identity"] if seen["trial"] and "identity" in seen["trial"] else {}
    return forward("orders", [_node()], {"fence": seen, "identity": identity}, {})


def _node() -> dict:
    return {"name": "orders-1", "look": {"config": {"mode": "leader", "login": "orders"}}}


def gets_in(service: Fenced) -> bool:
    try:
        service.session().cluster.shutdown()
    except NoHostAvailable as error:
        assert "not permitted to log in" in str(error)
        return False
    return True


def test_the_rights_as_listed_are_enough(fenced, opened):
    seen = look(fenced, opened)
    assert against(seen) == []
    assert seen["state"] == {"enabled": True, "shut_out": False, "own": False, "missing_rights": [], "elsewhere": []}
    store = opened(fenced.dba)
    assert store.missing_rights() == []
    store.take_lock(HOLDER, "orders", None)
    assert change(fenced, "disabled")["changed"]
    assert against(look(fenced, opened))[0].code == "fence-login", "no run on record has shut it out"
    assert look(fenced, opened)["state"]["missing_rights"] == [], "what was taken has to be given again"
    fenced.await_forgotten()
    session = fenced.cluster.connect(auth_provider=PlainTextAuthProvider(*NEW.values()))
    try:
        session.execute("CREATE TABLE IF NOT EXISTS orders.made_after (key int PRIMARY KEY)")
        assert session.execute(READ).one()
    finally:
        session.cluster.shutdown()


@one_version
@pytest.mark.parametrize("number", range(len(STATEMENTS)), ids=STATEMENTS)
def test_without_any_one_of_them_the_plan_sees_it(fenced, opened, number):
    fenced.cql(re.sub("GRANT (.*) TO (.*?);", r"REVOKE \1 FROM \2;", STATEMENTS[number]))
    fenced.await_forgotten()
    assert against(look(fenced, opened)) != []


def test_sessions_that_the_old_login_has_can_neither_read_nor_compare_and_set_and_come_back_with_it(locked):
    before = locked.rights()
    with contextlib.ExitStack() as stack:
        session = locked.session()
        stack.callback(session.cluster.shutdown)
        thrift = locked.thrift() if locked.cluster.thrift_port else None
        if thrift:
            stack.callback(thrift.close)
            assert (thrift.get(b"ts"), thrift.cas(b"ts", b"never", b"0")) == (None, None)
        for statement in (READ, CAS, WRITE):
            session.execute(statement)
        foreseen = change(locked, "disabled", check_mode=True)
        assert locked.rights() == before and session.execute(READ).one()

        done = change(locked, "disabled")
        assert (foreseen["changed"], foreseen["before"], foreseen["after"]) == (True, done["before"], done["after"])
        assert (done["after"], done["sessions"]) == ({"login": "orders", "enabled": False}, [])
        for statement in (READ, CAS, WRITE):
            with pytest.raises(Unauthorized):
                session.execute(statement)
        if thrift:
            assert "no SELECT permission" in thrift.get(b"ts")
            assert "permission" in thrift.cas(b"ts", b"never", b"0")
        assert not gets_in(locked)
        assert locked.rights() == (False, [], {})
        assert not change(locked, "disabled")["changed"]

        assert change(locked, "enabled")["changed"]
        assert locked.rights() == before
        for statement in (READ, CAS, WRITE):
            session.execute(statement)
        assert thrift is None or thrift.get(b"ts") is None
        assert gets_in(locked)
        assert not change(locked, "enabled")["changed"]


def test_whatever_way_it_has_its_rights_they_are_taken_and_the_very_same_are_given_back(locked, opened):
    locked.cql(
        "REVOKE ALL PERMISSIONS ON KEYSPACE orders FROM orders",
        "GRANT SELECT ON orders.data TO orders",
        'GRANT MODIFY ON orders."_timestamp" TO orders',
        "GRANT ALTER ON ALL KEYSPACES TO orders",
        "GRANT ALL PERMISSIONS ON KEYSPACE orders TO app",
        "GRANT app TO orders",
        "CREATE TABLE IF NOT EXISTS orders.dropped (key int PRIMARY KEY)",
        "GRANT SELECT ON orders.dropped TO orders",
        "GRANT DESCRIBE ON ALL ROLES TO orders",
    )
    locked.await_forgotten()
    asked = look(locked, opened)["state"]["missing_rights"]
    assert 'GRANT AUTHORIZE ON ROLE "app" TO "dba"' in asked and 'GRANT ALTER ON ALL KEYSPACES TO "dba"' in asked
    locked.cql(*asked)
    locked.await_forgotten()
    before = locked.rights()
    session = locked.session()
    try:
        session.execute(READ)
        change(locked, "disabled")
        assert locked.rights() == (False, [], {"roles": {"DESCRIBE"}}), "what is no right to the data stays"
        for statement in (READ, CAS, WRITE):
            with pytest.raises(Unauthorized):
                session.execute(statement)
    finally:
        session.cluster.shutdown()
    locked.cql("DROP TABLE orders.dropped")
    change(locked, "enabled")
    before[2].pop("data/orders/dropped")
    assert locked.rights() == before


class Killed(Exception):
    """The run ends here, as if it had been killed."""


@one_version
@pytest.mark.parametrize("sent", [0, 1, 3])
@pytest.mark.parametrize("then", ["disabled", "enabled"])
def test_after_a_run_that_was_killed_midway_all_is_taken_or_given_back(locked, monkeypatch, sent, then):
    before = locked.rights()
    with monkeypatch.context() as patched:
        _killed_after(patched, sent)
        with pytest.raises(Killed):
            change(locked, "disabled")
    change(locked, then)
    assert locked.rights() == ((False, [], {}) if then == "disabled" else before)
    with monkeypatch.context() as patched:
        _killed_after(patched, sent)
        with contextlib.suppress(Killed):
            change(locked, "enabled")
    if sent:
        # Midway back, and forward again.
        change(locked, "disabled")
        assert locked.rights() == (False, [], {})
    change(locked, "enabled")
    assert locked.rights() == before


def _killed_after(patched, sent: int) -> None:
    plain, left = CassandraConnection.define, [sent]

    def define(self, statement):
        if statement.startswith("CREATE"):
            return plain(self, statement)
        if not left[0]:
            raise Killed
        left[0] -= 1
        return plain(self, statement)

    patched.setattr(CassandraConnection, "define", define)


@one_version
def test_what_is_taken_is_on_record_before_it_is_taken(locked, opened, monkeypatch):
    _killed_after(monkeypatch, 0)
    with pytest.raises(Killed):
        change(locked, "disabled")
    (taken,) = opened(locked.dba).record().document["taken"].values()
    assert {name: set(rights) for name, rights in taken["rights"].items()} == locked.rights()[2]
    assert "password" not in json.dumps(taken)


@one_version
def test_a_run_that_has_lost_its_lock_takes_nothing_and_gives_nothing_back(locked):
    before = locked.rights()
    assert refused(lambda: change(locked, "disabled", epoch=2, node_proofs=[], nodes=[])).code == "operator-lock-lost"
    assert locked.rights() == before
    change(locked, "disabled")
    assert refused(lambda: change(locked, "enabled", run_id="two")).code == "operator-lock-lost"
    assert locked.rights() == (False, [], {})


@one_version
def test_a_run_that_loses_its_lock_midway_takes_nothing_more(locked, opened, monkeypatch):
    plain = CassandraConnection.define

    def define(self, statement):
        plain(self, statement)
        opened(locked.dba).take_lock({**HOLDER, "run_id": "two"}, "orders", "one")

    monkeypatch.setattr(CassandraConnection, "define", define)
    assert refused(lambda: change(locked, "disabled")).code == "operator-lock-lost"
    may_log_in, _roles, rights = locked.rights()
    assert may_log_in and "data/orders" in rights


@one_version
def test_nobody_is_let_in_again_to_a_store_that_is_invalidated(locked, opened):
    change(locked, "disabled")
    opened(locked.dba).invalidate(BOUND, Guard("one", 1))
    assert refused(lambda: change(locked, "enabled")).code == "bound-moved"
    assert locked.rights() == (False, [], {})
    opened(locked.dba).restore(BOUND, Guard("one", 1), guarded=True)
    assert change(locked, "enabled")["after"]["enabled"]


@one_version
def test_the_collection_s_own_login_and_one_that_is_not_there_are_not_shut_out(locked):
    locked.cql("GRANT SELECT ON system_auth.roles TO orders", "GRANT SELECT ON system_auth.role_permissions TO orders")
    locked.cql("GRANT ALL PERMISSIONS ON KEYSPACE atlasdb_timelock TO orders")
    locked.await_forgotten()
    assert refused(lambda: change(locked, "disabled", kvs=locked.own)).code == "fence-denied"
    assert refused(lambda: change(locked, "disabled", login="nobody")).code == "fence-login"


def test_a_superuser_is_refused_and_one_with_rights_to_other_keyspaces(fenced, opened):
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    fenced.cql(
        f"CREATE KEYSPACE IF NOT EXISTS billing WITH replication = {replication}",
        "GRANT SELECT ON KEYSPACE billing TO app",
        "GRANT app TO orders",
    )
    assert look(fenced, opened)["state"]["elsewhere"] == ["billing"]
    fenced.cql("ALTER ROLE orders WITH SUPERUSER = true")
    (refusal,) = against(look(fenced, opened))
    assert refusal.code == "fence-unsupported" and "superuser" in refusal.found and "ALTER ROLE" in refusal.do


@one_version
def test_a_login_that_was_disabled_by_hand_is_refused_and_not_taken_for_shut_out_by_a_run(fenced, opened):
    fenced.cql("ALTER ROLE orders WITH LOGIN = false")
    fenced.await_forgotten()
    assert [one.code for one in against(look(fenced, opened))] == ["fence-login"]


@one_version
@pytest.mark.parametrize("known", [None, {"username": "orders", "password": "guess"}])
def test_where_the_old_login_cannot_be_tried_the_plan_refuses_and_nothing_is_taken(locked, opened, known):
    before, kvs = locked.rights(), {**locked.dba, "service_login": known}
    (refusal,) = against(look(locked, opened, kvs))
    assert refusal.code == "fence-login" and "Nobody could see" in refusal.found
    assert "guess" not in refusal.found and "service_login" in refusal.do
    assert refused(lambda: change(locked, "disabled", kvs=kvs)).code == "fence-open"
    assert locked.rights() == before


@one_version
def test_servers_that_remember_rights_for_longer_are_waited_for_and_then_named(locked, monkeypatch):
    monkeypatch.setattr(cassandra_trial, "FORGET_SECONDS", 0)
    session = locked.session()
    try:
        session.execute(READ)
        refusal = refused(lambda: change(locked, "disabled"))
    finally:
        session.cluster.shutdown()
    assert refusal.code == "fence-open" and "permissions_validity_in_ms" in refusal.do
    assert locked.cluster.addresses[0] in refusal.found
    assert locked.rights()[0], "it may still log in, since nobody has seen that it may do nothing"
    monkeypatch.undo()
    assert change(locked, "disabled")["after"] == {"login": "orders", "enabled": False}


def test_rights_that_somebody_gives_the_old_login_again_are_seen(locked, opened):
    change(locked, "disabled")
    assert opened(locked.dba).login("orders").shut_out
    locked.cql("GRANT SELECT ON KEYSPACE orders TO orders")
    assert not opened(locked.dba).login("orders").shut_out
    # Nobody could try what it may do: it may not log in.
    assert refused(lambda: change(locked, "disabled")).code == "fence-open"
    locked.cql("ALTER ROLE orders WITH LOGIN = true")
    locked.await_forgotten()
    assert change(locked, "disabled")["changed"]


@one_version
def test_a_statement_that_is_of_no_effect_is_told(locked, monkeypatch):
    monkeypatch.setattr(cassandra_login, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(CassandraConnection, "define", lambda self, statement: None)
    refusal = refused(lambda: change(locked, "disabled"))
    assert refusal.code == "fence-open" and 'REVOKE SELECT ON KEYSPACE "orders" FROM "orders"' in refusal.found


def test_a_new_login_that_has_its_rights_by_way_of_the_old_one_is_refused(fenced, opened):
    fenced.cql("REVOKE ALL PERMISSIONS ON KEYSPACE orders FROM orders_2", "GRANT orders TO orders_2")
    fenced.await_forgotten()
    (refusal,) = against(look(fenced, opened))
    assert refusal.code == "fence-login" and 'REVOKE "orders" FROM "orders_2"' in refusal.do


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    cluster = Cassandra(tmp_path_factory.mktemp("cassandra"), {})
    cluster.create(cassandra_here.require(), nodes=3)
    try:
        cluster.start()
        made = Fenced(cluster)
        made.begin()
        yield made
        made.close()
    finally:
        cluster.stop()


def test_of_three_nodes_all_must_answer_and_each_refuses_the_sessions_that_it_has(three, opened, monkeypatch):
    monkeypatch.setattr(cassandra_connection, "LOOK_SECONDS", 1)
    opened(three.dba).take_lock(HOLDER, "orders", None)
    before = three.rights()
    three.cluster.kill(2)
    (refusal,) = against(look(three, opened))
    assert refusal.code == "fence-login" and three.cluster.addresses[2] in refusal.found
    assert refused(lambda: change(three, "disabled")).code == "kvs-unreachable"
    assert three.rights() == before

    three.cluster.start()
    with contextlib.closing(CassandraConnection(three.own)) as session:
        hosts = session.hosts()
        assert len(hosts) == 3 and all(session.look(READ, host=host) for host in hosts)
        change(three, "disabled")
        for host in hosts:
            assert refused(lambda host=host: session.look(READ, host=host)).code == "kvs-denied"

    # The way back does not need a node that is down, but for the 20 s until the others have noticed.
    monkeypatch.undo()
    three.cluster.kill(1)
    change(three, "enabled")
    assert three.rights() == before


def test_a_cluster_without_an_authorizer_has_no_fence(tmp_path, opened):
    cluster = Cassandra(tmp_path, {})
    cluster.create(cassandra_here.require())
    settings = tmp_path / "node1/conf/cassandra.yaml"
    settings.write_text(settings.read_text().replace("CassandraAuthorizer", "AllowAllAuthorizer"))
    session = None
    try:
        cluster.start()
        session = cluster.connect()
        session.execute("CREATE ROLE orders WITH LOGIN = true AND PASSWORD = 'old'")
        kvs = {
            "type": "cassandra", "hosts": cluster.addresses, "keyspace": "orders",
            "user": "lab", "password": cluster.settings["password"],
        }  # fmt: skip
        (refusal,) = against(fence_look(opened(kvs), kvs, "orders", NEW))
        assert refusal.code == "fence-unsupported" and "authorizer" in refusal.found
        nobody = {**kvs, "user": None, "password": None}
        with pytest.raises(Refusal):
            opened(nobody)
    finally:
        if session:
            session.cluster.shutdown()
        cluster.stop()
