# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator as a TimeLock server of its own, by a timelock.yml: ``server CONFIGURATION``, run in its package.

It starts, and refuses to, as TimeLock of the package's version does. Its peers speak two ports above the application's.
"""
from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from lab.timelock.node import Node
from lab.timelock.peers import Peer
from lab.timelock.store import Store
from lab.timelock.wire import LIMIT

PEER = 2
LEGACY = {"clients", "algorithm", "cluster", "server", "timeLimiter", "slowLockLogTriggerMillis", "asyncLock"}
DATA_EXISTS = (
    "This timelock server has been configured as a new stack but the Paxos data directories already exist. Almost"
    " surely this is because it has already been turned on at least once, and thus the configuration must change.")
DATA_MISSING = (
    "The timelock data directories do not appear to exist. If you are trying to move the nodes on your timelock cluster"
    " or add new nodes, you have likely already made a mistake by this point.")


class Refused(Exception):
    """The server does not start."""


class Settings:
    """What the configuration says, in the shape that the version reads."""

    def __init__(self, document, version):
        self.shape = (version >= (0, 140, 0)) + (version >= (0, 409, 0))
        known = [LEGACY, {"install", "runtime", "server"}, {"install", "runtime", "server"}][self.shape]
        _require_known(document, known)
        if self.shape == 0:
            algorithm, place = document["algorithm"], document["cluster"]
            if algorithm.get("type") != "paxos" or "clients" not in document:
                raise Refused("clients may not be null, and the algorithm is atomix")
            self.is_new = None
            self.data = algorithm["paxosDataDir"]
            self.sqlite = "var/data/sqlitePaxos"
            self.uris, self.local = place["servers"], place["localServer"]
            self.security = algorithm.get("sslConfiguration")
        else:
            install, runtime = document["install"], document["runtime"]
            _require_known(install, {"paxos"} | ({"cluster"} if self.shape == 1 else set()))
            _require_known(
                runtime, {"paxos", "max-number-of-clients"}
                | ({"cluster-config-not-live-reloaded"} if self.shape == 2 else set()))
            place = install["cluster"] if self.shape == 1 else runtime["cluster-config-not-live-reloaded"]
            self.is_new = install["paxos"]["is-new-service"]
            self.data = install["paxos"].get("data-directory", "var/data/paxos")
            sqlite = install["paxos"].get("sqlite-persistence", {})
            self.sqlite = sqlite.get("data-directory", "var/data/sqlitePaxos")
            self.uris, self.local = place["cluster"]["uris"], place["local-server"]
            self.security = place["cluster"].get("security")
            if len(self.uris) < 3 and not place.get("enableNonstandardAndPossiblyDangerousTopology"):
                raise Refused("This TimeLock cluster is set up to use an insufficient (< 3) number of servers")
        if self.local not in self.uris:
            raise Refused("The localServer must be included in the server entries.")
        if len(self.uris) > 1 and not self.security:
            raise Refused("Dialogue must be configured with SSL.")
        (self.connector,) = document["server"]["applicationConnectors"]
        (self.admin,) = document["server"]["adminConnectors"]

    def make_directories(self):
        """As the invariant of new services is checked: whether the data directory exists, and nothing else."""
        exists = os.path.isdir(self.data)
        if self.is_new is not None and self.is_new == exists:
            raise Refused(DATA_EXISTS if exists else DATA_MISSING)
        for role in ("acceptor", "learner"):
            folder = Path(self.data, "leaderPaxos", role)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "-1").touch()
        Path(self.sqlite).mkdir(parents=True, exist_ok=True)


def _require_known(document, known):
    unknown = set(document) - known
    if unknown:
        raise Refused(f"Unrecognized field: {', '.join(sorted(unknown))}; did you mean {', '.join(sorted(known))}?")


def _server_context(connector):
    if connector["type"] == "http":
        return None
    environment = dict(os.environ, STORE=connector["keyStorePassword"])
    store = connector["keyStorePath"]
    command = [os.path.join(os.environ["JAVA_HOME"], "bin", "openssl"), "pkcs12", "-in", store, "-passin", "env:STORE",
               "-nodes"]  # fmt: skip
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if done.returncode:
        raise Refused(f"Keystore was tampered with, or password was incorrect: {store}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(dir="var/run") as file:
        file.write(done.stdout)
        file.flush()
        context.load_cert_chain(file.name)
    return context


async def serve(settings):
    """Run until SIGTERM."""
    server_context = _server_context(settings.connector)
    client_context = settings.security and ssl.create_default_context(cafile=settings.security["trustStorePath"])
    settings.make_directories()
    cluster_id = hashlib.sha256("\n".join(settings.uris).encode()).hexdigest()
    index = settings.uris.index(settings.local)
    peers = {}
    for other, uri in enumerate(settings.uris):
        host, _colon, port = uri.rpartition(":")
        if other != index:
            peers[other] = Peer(cluster_id, int(port) + PEER, host, client_context)
    about = {
        "id": cluster_id, "flavour": "dropwizard", "context_path": "", "max_clients": 500, "leader_timeout": 3.0,
        "no_quorum_wait": 6.4,
        "nodes": [{"url": f"{settings.connector['type']}://{uri}"} for uri in settings.uris]}
    node = Node(about, index, Store(os.path.join(settings.sqlite, "sqliteData.db")), peers, "var/log/requests.jsonl")
    for handler, port, tls in (
            (node.serve_peer, settings.connector["port"] + PEER, server_context),
            (node.serve_admin, settings.admin["port"], None),
            (node.serve_application, settings.connector["port"], server_context)):
        await asyncio.start_server(handler, None, port, ssl=tls, limit=LIMIT)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: os._exit(143))
    await node.election.run()


def main():
    command, path = sys.argv[1:]
    version = yaml.safe_load(Path("deployment/manifest.yml").read_text())["product-version"]
    try:
        settings = Settings(yaml.safe_load(Path(path).read_text()), tuple(map(int, version.split("."))))
        if command == "server":
            asyncio.run(serve(settings))
    except Refused as error:
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
