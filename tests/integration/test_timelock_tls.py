# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TimeLock client's TLS: what it trusts, what it shows, and what it says when either is refused."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.timelock.client import TimeLock
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ADDRESS = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
DAY = datetime.timedelta(days=1)
PASSPHRASE = b"hunter2"


class Authority:
    """Issues certificates into ``folder``."""

    def __init__(self, folder, name):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = self._write(f"{name}.pem", self._sign(self.name, self.key, [], DAY, authority=True))

    def issue(self, name, alternatives=(ADDRESS,), lifetime=DAY, passphrase=None):
        """The paths of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key, alternatives, lifetime)
        wrapping = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, wrapping)
        return self._write(f"{name}.pem", certificate), self._write(f"{name}.key", pem)

    def _sign(self, subject, key, alternatives, lifetime, authority=False):
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + lifetime)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(alternatives)), critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _write(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return str(path)


class Namespaces(BaseHTTPRequestHandler):
    """A TimeLock that has been asked for its namespaces."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = b'["orders"]'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Keep the test's output for the test."""


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "authority")


@pytest.fixture
def serve():
    """Serves over TLS with the certificate given, and returns the URL; ``clients`` is the authority of its clients."""
    servers = []

    def start(certificate, clients=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        if clients:
            context.load_verify_locations(clients.path)
            context.verify_mode = ssl.CERT_REQUIRED
        server = ThreadingHTTPServer(("127.0.0.1", 0), Namespaces)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *_args: None
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"https://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def refusal(url, **options):
    with pytest.raises(Refusal) as refused:
        TimeLock([url], deadline=2.0, **options).namespaces()
    assert refused.value.code == "timelock-tls"
    return refused.value.found


def test_the_authority_of_ca_path_is_trusted(authority, serve):
    assert TimeLock([serve(authority.issue("server"))], ca_path=authority.path).namespaces() == ["orders"]


def test_without_ca_path_a_private_authority_is_not_trusted(authority, serve):
    assert "issuer certificate" in refusal(serve(authority.issue("server")))


def test_bundles_of_the_environment_are_not_used(authority, serve, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, authority.path)
    refusal(serve(authority.issue("server")))


def test_an_expired_certificate_is_refused(authority, serve):
    assert "expired" in refusal(serve(authority.issue("server", lifetime=-DAY)), ca_path=authority.path)


def test_a_certificate_for_another_name_is_refused(authority, serve):
    url = serve(authority.issue("server", alternatives=[x509.DNSName("tl-1.example.com")]))
    assert "127.0.0.1" in refusal(url, ca_path=authority.path)


def test_a_certificate_of_another_authority_is_refused(authority, serve, tmp_path):
    other = Authority(tmp_path, "other")
    assert "certificate" in refusal(serve(other.issue("server")), ca_path=authority.path)


def test_nothing_of_this_is_checked_where_the_user_says_so(authority, serve):
    url = serve(authority.issue("server", alternatives=[], lifetime=-DAY))
    assert TimeLock([url], validate_certs=False).namespaces() == ["orders"]


def test_a_client_certificate_is_shown_where_it_is_asked_for(authority, serve):
    url = serve(authority.issue("server"), clients=authority)
    certificate, key = authority.issue("client")
    shown = TimeLock([url], ca_path=authority.path, client_cert=certificate, client_key=key)
    assert shown.namespaces() == ["orders"]


def test_a_certificate_and_its_key_may_be_one_file(authority, serve, tmp_path):
    url = serve(authority.issue("server"), clients=authority)
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join(Path(path).read_bytes() for path in authority.issue("client")))
    assert TimeLock([url], ca_path=authority.path, client_cert=str(both)).namespaces() == ["orders"]


def test_a_missing_client_certificate_is_told(authority, serve):
    refusal(serve(authority.issue("server"), clients=authority), ca_path=authority.path)


def test_a_client_certificate_that_the_server_does_not_trust_is_told(authority, serve, tmp_path):
    certificate, key = Authority(tmp_path, "other").issue("client")
    url = serve(authority.issue("server"), clients=authority)
    refusal(url, ca_path=authority.path, client_cert=certificate, client_key=key)


def test_a_key_under_a_passphrase_is_refused_and_never_asked_for(authority, serve):
    certificate, key = authority.issue("client", passphrase=PASSPHRASE)
    found = refusal("https://127.0.0.1:1", ca_path=authority.path, client_cert=certificate, client_key=key)
    assert key in found


def test_a_key_of_another_certificate_is_refused(authority):
    certificate, _key = authority.issue("client")
    _certificate, key = authority.issue("another")
    assert key in refusal("https://127.0.0.1:1", client_cert=certificate, client_key=key)
