# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster with TLS has: an authority, one certificate for its nodes and one for its clients.

In PEM for clients, in PKCS12 for Java. The keys are RSA: Cassandra 2.2 offers nothing else.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

LIFETIME = datetime.timedelta(days=30)
PASSWORD = "lab-stores"
AUTHORITY, CLIENT, CLIENT_KEY = "ca.pem", "client.pem", "client.key"
CLIENT_STORE = "client-store.pem"
"""Both of the client's in one file."""
KEYSTORE, TRUSTSTORE = "node.p12", "trust.p12"


def write(folder: Path, addresses: list[str]) -> None:
    """The files in `folder`, of a new authority; the nodes' certificate is good for `addresses`."""
    folder.mkdir(parents=True)
    authority_key = _key()
    name = _name("lab authority of Cassandra")
    authority = (
        _builder(name, name, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )

    def issue(common_name: str, key: rsa.RSAPrivateKey) -> x509.Certificate:
        names = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        return (
            _builder(_name(common_name), name, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
            .sign(authority_key, hashes.SHA256())
        )

    node_key, client_key = _key(), _key()
    encryption = serialization.BestAvailableEncryption(PASSWORD.encode())
    pem = serialization.Encoding.PEM
    files = {
        AUTHORITY: authority.public_bytes(pem),
        CLIENT: issue("client", client_key).public_bytes(pem),
        CLIENT_KEY: client_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        KEYSTORE: pkcs12.serialize_key_and_certificates(
            b"node", node_key, issue("node", node_key), [authority], encryption
        ),
        TRUSTSTORE: pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(authority, b"authority")], encryption),
    }
    files[CLIENT_STORE] = files[CLIENT] + files[CLIENT_KEY]
    for file, content in files.items():
        (folder / file).write_bytes(content)


def context(folder: Path) -> ssl.SSLContext:
    """What a client connects with: the authority, and the client's certificate."""
    made = ssl.create_default_context(cafile=str(folder / AUTHORITY))
    # Cassandra 2.2 offers only what is not in Python's own list.
    made.set_ciphers("DEFAULT")
    made.load_cert_chain(folder / CLIENT, folder / CLIENT_KEY)
    return made


def options(folder: Path, require_client: bool) -> dict:
    """`client_encryption_options` of cassandra.yaml."""
    return {
        "enabled": True,
        "optional": False,
        "keystore": str(folder / KEYSTORE),
        "keystore_password": PASSWORD,
        "require_client_auth": require_client,
        "truststore": str(folder / TRUSTSTORE),
        "truststore_password": PASSWORD,
        "store_type": "PKCS12",
    }


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
    )
