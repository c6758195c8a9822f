# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The store and TLS, on a real PostgreSQL: whom it trusts, what it shows, and what it says where that fails.

The lab's own server, out of a wheel, is built without TLS; so this is one that the system has.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from pathlib import Path

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.stores.opening import open_store

from lab.cassandra import certificates
from lab.postgres import Postgres

SYSTEMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
pytestmark = pytest.mark.skipif(not SYSTEMS, reason="needs a PostgreSQL with TLS: Debian's package postgresql")

NAME = "orders"


class Server:
    """A server that lets nobody in without TLS; ``strict`` asks clients for a certificate as well."""

    def __init__(self, folder: Path, tls: Path, hba: str):
        self.server = Postgres(folder, {}, SYSTEMS[-1])
        self.server.create(20)
        settings = f"ssl = on\nssl_ca_file = '{tls / certificates.AUTHORITY}'\n"
        settings += f"ssl_cert_file = '{tls / certificates.CLIENT}'\nssl_key_file = '{tls / certificates.CLIENT_KEY}'\n"
        with open(self.server.data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.write(settings)
        lines = f"host all postgres 127.0.0.1/32 scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256 {hba}\n"
        (self.server.data / "pg_hba.conf").write_text(lines)
        self.server.start()
        self.password = self.server.create_database(NAME)
        with self.server.connect(NAME) as session:
            session.execute("CREATE TABLE _timestamp (last_allocated int8 NOT NULL)")
            session.execute("INSERT INTO _timestamp VALUES (1010001)")
            session.execute(f"ALTER TABLE _timestamp OWNER TO {NAME}")
            session.execute(f"GRANT CREATE ON SCHEMA public TO {NAME}")

    def kvs(self, **more) -> dict:
        return {
            "type": "postgres", "hosts": ["127.0.0.1"], "port": self.server.port, "database": NAME, "user": NAME,
            "password": self.password, **more,
        }  # fmt: skip


@pytest.fixture(scope="module")
def folder():
    made = Path(tempfile.mkdtemp(prefix="pg-tls-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def tls(folder):
    """An authority, with one certificate for the server and its clients, good for 127.0.0.1 alone."""
    certificates.write(folder / "tls", ["127.0.0.1"])
    key = folder / "tls" / certificates.CLIENT_KEY
    key.chmod(0o600)
    if os.geteuid() == 0:
        shutil.copy(key, folder / "tls/clients.key")
        os.chown(key, pwd.getpwnam("nobody").pw_uid, -1)
    else:
        (folder / "tls/clients.key").symlink_to(key)
    return folder / "tls"


def _started(folder: Path, tls: Path, hba: str):
    folder.mkdir(mode=0o755)
    made = Server(folder, tls, hba)
    try:
        yield made
    finally:
        made.server.stop()


@pytest.fixture(scope="module")
def server(folder, tls):
    yield from _started(folder / "server", tls, "")


@pytest.fixture(scope="module")
def strict(folder, tls):
    yield from _started(folder / "strict", tls, "clientcert=verify-ca")


@pytest.fixture
def others(tmp_path):
    """Certificates of an authority that no server knows."""
    certificates.write(tmp_path / "others", ["127.0.0.1"])
    (tmp_path / "others" / certificates.CLIENT_KEY).chmod(0o600)
    return tmp_path / "others"


def _bound(kvs: dict) -> int:
    store = open_store(kvs)
    try:
        return store.read().bound
    finally:
        store.close()


def _refused(kvs: dict) -> Refusal:
    with pytest.raises(Refusal) as raised:
        _bound(kvs)
    assert kvs["password"] not in str(raised.value)
    return raised.value


def test_a_server_that_the_authority_vouches_for_is_trusted(server, tls):
    assert _bound(server.kvs(ca_path=str(tls / certificates.AUTHORITY))) == 1010001


def test_a_server_of_another_authority_is_refused(server, others):
    refusal = _refused(server.kvs(ca_path=str(others / certificates.AUTHORITY)))
    assert refusal.code == "kvs-unreachable" and "certificate verify failed" in refusal.found


def test_a_server_whose_certificate_has_another_name_is_refused(server, tls):
    refusal = _refused(server.kvs(hosts=["localhost"], ca_path=str(tls / certificates.AUTHORITY)))
    assert refusal.code == "kvs-unreachable" and "localhost" in refusal.found and "certificate" in refusal.found


def test_what_it_is_not_asked_to_check_it_does_not_check(server, others):
    kvs = server.kvs(hosts=["localhost"], ca_path=str(others / certificates.AUTHORITY), validate_certs=False)
    assert _bound(kvs) == 1010001


def test_a_server_that_asks_for_a_certificate_is_shown_one(strict, tls):
    shown = {"client_cert": str(tls / certificates.CLIENT), "client_key": str(tls / "clients.key")}
    assert _bound(strict.kvs(ca_path=str(tls / certificates.AUTHORITY), **shown)) == 1010001


def test_a_server_that_asks_for_a_certificate_lets_nobody_in_without_one(strict, tls):
    refusal = _refused(strict.kvs(ca_path=str(tls / certificates.AUTHORITY)))
    assert refusal.code == "kvs-denied" and "client certificate" in refusal.found


def test_a_certificate_of_another_authority_is_not_taken(strict, tls, others):
    shown = {
        "client_cert": str(others / certificates.CLIENT),
        "client_key": str(others / certificates.CLIENT_KEY),
    }
    refusal = _refused(strict.kvs(ca_path=str(tls / certificates.AUTHORITY), **shown))
    assert refusal.code in ("kvs-denied", "kvs-unreachable") and refusal.found


def test_a_server_without_tls_is_refused_where_it_is_to_be_trusted(database, tls):
    refusal = _refused({**database.kvs, "ca_path": str(tls / certificates.AUTHORITY)})
    assert refusal.code == "kvs-unreachable" and "does not support SSL" in refusal.found
