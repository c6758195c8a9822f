# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a node as they are before a migration: its AtlasDB-shaped configuration and its start script."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

INSTALL = """\
# {node} - written by the lab
server:
  applicationContextPath: /
  port: {port}   # health, and the other nodes of {service}

logging: {{level: INFO}}

{root}:
  # Everything that {service} stores.
  keyValueService:
{key_value_service}{leader}  initializeAsync: false
"""

RELATIONAL = """\
    type: relational
    ddl:
      type: postgres
    connection:
      type: postgres
      host: {host}
      port: {port}
      dbName: {name}
      dbLogin: {name}
      dbPassword: '{password}'
"""

CASSANDRA = """\
    type: cassandra
    servers:
{servers}
    keyspace: {name}
    credentials:
      username: {name}
      password: '{password}'
    replicationFactor: {nodes}
"""

CASSANDRA_TLS = """\
    ssl: true
    sslConfiguration:
      trustStorePath: {trust_store}
      keyStorePath: {key_store}
"""

LEADER = """\
  # Timestamps and locks of our own: one of us leads.
  leader:
    quorumSize: {quorum}
    leaders:
{leaders}
    localServer: {local_server}
    learnerLogDir: var/data/paxos/learner
    acceptorLogDir: var/data/paxos/acceptor
    sslConfiguration:
      trustStorePath: {trust_store}
"""

RUNTIME = """\
{root}:
  timestampClient:
    enableTimestampBatching: true
"""

SCRIPT = """\
#!/bin/sh
# start | stop | status | console of {node}, as a service's own start script does it
ROOT={unit}
PID_FILE={pid_file}
PYTHONPATH={python_path}
{lab_variable}={lab_id}
export PYTHONPATH {lab_variable}
cd "$ROOT" || exit 1

pid() {{
    PID=$(cat "$PID_FILE" 2>/dev/null) && grep -qs 'lab.node' "/proc/$PID/cmdline"
}}

case "$1" in
start)
    if pid; then
        echo "{node} runs already"
        exit 0
    fi
    setsid {command} >>"$ROOT/var/log/{service}.log" 2>&1 </dev/null &
    echo $! >"$PID_FILE"
    ;;
stop)
    if pid; then
        kill "$PID"
        for try in $(seq 300); do
            pid || break
            sleep 0.1
        done
        pid && exit 1
    fi
    rm -f "$PID_FILE"
    ;;
status)
    if pid; then
        echo "{node} runs as $PID"
    elif [ -e "$PID_FILE" ]; then
        exit 1
    else
        exit 3
    fi
    ;;
console)
    exec {command}
    ;;
*)
    echo "usage: $0 start|stop|status|console"
    exit 2
    ;;
esac
"""


def relational_block(name: str, password: str, port: int, host: str = "127.0.0.1") -> str:
    """The `keyValueService` of a service whose database and login have its name."""
    return RELATIONAL.format(name=name, password=password, port=port, host=host)


def cassandra_block(
    name: str, password: str, addresses: list[str], cql_port: int, thrift_port: int | None,
    stores: tuple[Path, Path] | None = None,
) -> str:  # fmt: skip
    """The same of a keyspace; with hosts for CQL only where the cluster has no Thrift.

    `stores`: the node's for trust and its own keys, where the cluster speaks TLS.
    """
    if thrift_port is not None:
        servers = "\n".join(f"      - {address}:{thrift_port}" for address in addresses)
    else:
        hosts = "\n".join(f"        - {address}:{cql_port}" for address in addresses)
        servers = f"      type: cqlCapable\n      thriftHosts: []\n      cqlHosts:\n{hosts}"
    block = CASSANDRA.format(name=name, password=password, servers=servers, nodes=len(addresses))
    return block + (CASSANDRA_TLS.format(trust_store=stores[0], key_store=stores[1]) if stores else "")


def leader_block(urls: list[str], own: str, trust_store: Path) -> str:
    leaders = "\n".join(f"      - {url}" for url in urls)
    return LEADER.format(quorum=len(urls) // 2 + 1, leaders=leaders, local_server=own, trust_store=trust_store)


def node_command(options: dict[str, str], python: str = sys.executable) -> str:
    """The command line of `python -m lab.node`, quoted for a shell."""
    words = [python, "-m", "lab.node"]
    for name, value in options.items():
        words += [f"--{name}", value]
    return shlex.join(words)
