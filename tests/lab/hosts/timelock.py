# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TimeLock cluster of simulators, each on a host of its own, as a unit of its systemd; or hosts to become one."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import ssl
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from lab.hosts import programs
from lab.hosts.host import Host
from lab.timelock import package
from lab.timelock.tls import authority_path, make_authority

FOLDER = "/var/lib/timelock"
UNIT = "timelock"
PORTS = {"application": 8421, "admin": 8422, "peer": 8423}
READY_SECONDS = 60
JAVA = "usr/lib/jvm/lab"

SOCKET = """\
[Unit]
Description=TimeLock's ports
[Socket]
{listen}
[Install]
WantedBy=sockets.target
"""
SERVICE = """\
[Unit]
Description=TimeLock
[Service]
User={user}
{environment}
ExecStart=/usr/bin/python3 -S -m lab.timelock.node {folder} {index} 3 4 5
Restart=always
[Install]
WantedBy=multi-user.target
"""


class TimeLock:
    """The cluster on these hosts; `folder`, on this machine, keeps its authority."""

    def __init__(self, folder: Path, hosts: list[Host]):
        self.folder = folder
        self.hosts = hosts
        self.urls = [f"https://{host.address}:{PORTS['application']}" for host in hosts]

    @property
    def ca_path(self) -> Path:
        return Path(authority_path(str(self.folder)))

    def variables(self) -> dict[str, object]:
        """What an inventory says of these hosts besides."""
        return {}

    def write(self) -> None:
        """Its files on its hosts, before these boot."""
        make_authority(str(self.folder), [host.address for host in self.hosts])
        nodes = [
            {**PORTS, "host": host.address, "url": url} for host, url in zip(self.hosts, self.urls, strict=True)
        ]  # fmt: skip
        settings = {
            "id": secrets.token_hex(8), "flavour": "dropwizard", "context_path": "", "tls": True, "max_clients": 500,
            "no_quorum_wait": 6.4, "leader_timeout": 3.0, "nodes": nodes,
        }  # fmt: skip
        listen = "\n".join(f"ListenStream={port}" for port in PORTS.values())
        for index, host in enumerate(self.hosts):
            user = programs.add_user(host)
            host.write(f"{FOLDER}/cluster.json", json.dumps(settings))
            host.write(f"{FOLDER}/node-{index}/.keep", "")
            shutil.copytree(self.folder / "tls", host.root / FOLDER.lstrip("/") / "tls")
            programs.give(host, FOLDER, user)
            programs.add_unit(host, f"{UNIT}.socket", SOCKET.format(listen=listen), "sockets.target")
            unit = SERVICE.format(
                user=programs.USER, environment=programs.environment(), folder=FOLDER, index=index
            )  # fmt: skip
            programs.add_unit(host, f"{UNIT}.service", unit, "multi-user.target")

    def wait_ready(self) -> None:
        """Until every node answers, from inside the hosts' network. Raises RuntimeError."""
        deadline = time.monotonic() + READY_SECONDS
        for host in self.hosts:
            while self._ask(host) is None:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{host.name}: {programs.log(host, UNIT)}")
                time.sleep(0.1)

    def _ask(self, host: Host) -> int | None:
        context = ssl.create_default_context(cafile=os.fspath(self.ca_path))
        connection = http.client.HTTPSConnection(host.address, PORTS["application"], timeout=2, context=context)
        try:
            connection.request("GET", "/leader/ping")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


class Unfounded(TimeLock):
    """Hosts with nothing but a Java, of which the role timelock_server is to make a cluster, and what it is given."""

    VERSION = "0.1175.0"

    def __init__(self, folder: Path, hosts: list[Host]):
        super().__init__(folder, hosts)
        self._package = folder / f"timelock-server-{self.VERSION}.sls.tgz"
        self._key_store = folder / "tls/server.p12"
        self._password = secrets.token_hex(12)
        self._checksum = ""

    def variables(self) -> dict[str, object]:
        return {
            "timelock_server_version": self.VERSION, "timelock_server_distribution": str(self._package),
            "timelock_server_checksum": self._checksum, "timelock_server_keystore": str(self._key_store),
            "timelock_server_keystore_password": self._password, "timelock_server_truststore": str(self.ca_path),
        }  # fmt: skip

    def write(self) -> None:
        make_authority(str(self.folder), [host.address for host in self.hosts])
        self._key_store.write_bytes(_key_store(self.folder / "tls", self._password))
        self._checksum = package.write_package(self._package, self.VERSION)
        for host in self.hosts:
            package.write_java(host.root / JAVA)

    def wait_ready(self) -> None:
        """There is nothing to wait for before the role has run."""


def _key_store(folder: Path, password: str) -> bytes:
    """The server's certificate and key, as Java keeps them."""
    key = serialization.load_pem_private_key((folder / "server.key").read_bytes(), None)
    certificate = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
    encryption = serialization.BestAvailableEncryption(password.encode())
    return pkcs12.serialize_key_and_certificates(b"server", key, certificate, None, encryption)
