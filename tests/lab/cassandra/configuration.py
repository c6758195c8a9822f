# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node is started with: cassandra.yaml, logback.xml and the options of Java."""

from __future__ import annotations

import json
from pathlib import Path

from lab.cassandra.distribution import Version

DATACENTER = "datacenter1"

# More than Cassandra's defaults need on Java 17; 2.2 and 3.11 would do with fewer (found by elimination on 3.11.5).
ADD_EXPORTS = (
    "java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch java.base/java.lang.ref"
    " java.base/sun.security.ssl java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry"
    " java.rmi/sun.rmi.server java.sql/java.sql jdk.unsupported/sun.misc"
)
ADD_OPENS = (
    "java.base/java.lang.module java.base/jdk.internal.loader java.base/jdk.internal.ref"
    " java.base/jdk.internal.reflect java.base/jdk.internal.math java.base/jdk.internal.module"
    " java.base/jdk.internal.util.jar java.base/sun.nio.ch java.base/java.io java.base/java.nio java.base/java.lang"
    " java.base/java.lang.reflect java.base/java.util java.base/java.util.concurrent"
    " java.base/java.util.concurrent.atomic java.base/java.net jdk.management/com.sun.management.internal"
    " java.rmi/sun.rmi.transport.tcp"
)

LOGBACK = """\
<configuration>
  <appender name="LOG" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%date %-5level [%thread] %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="LOG"/></root>
</configuration>
"""


def write(
    folder: Path, version: Version, addresses: list[str], index: int, cluster: str, auth: bool, tls: dict | None
) -> None:
    """The configuration of node `index` in `folder`/conf, and the folders that it names.

    `tls`: its `client_encryption_options`, None without.
    """
    conf = folder / "conf"
    for each in (conf, folder / "tmp", folder / "persistent"):
        each.mkdir(parents=True)
    (conf / "logback.xml").write_text(LOGBACK)
    (conf / "cassandra-rackdc.properties").write_text(f"dc={DATACENTER}\nrack=rack1\n")
    encryption = {"client_encryption_options": tls} if tls else {}
    # YAML takes JSON.
    (conf / "cassandra.yaml").write_text(
        json.dumps({**_yaml(folder, version, addresses, index, cluster, auth), **encryption}, indent=2) + "\n"
    )


def _yaml(folder: Path, version: Version, addresses: list[str], index: int, cluster: str, auth: bool) -> dict:
    """4.1 and later still know the names with units in them."""
    settings = {
        "cluster_name": cluster,
        "num_tokens": 1,
        "initial_token": _token(version, index, len(addresses)),
        "partitioner": f"org.apache.cassandra.dht.{version.partitioner}",
        "authenticator": "PasswordAuthenticator" if auth else "AllowAllAuthenticator",
        "authorizer": "CassandraAuthorizer" if auth else "AllowAllAuthorizer",
        "permissions_validity_in_ms": 500,
        "roles_validity_in_ms": 500,
        "data_file_directories": [str(folder / "data")],
        "commitlog_directory": str(folder / "commitlog"),
        "saved_caches_directory": str(folder / "saved_caches"),
        # Otherwise a killed node loses what it acknowledged last.
        "commitlog_sync": "batch",
        "commitlog_segment_size_in_mb": 8,
        "memtable_heap_space_in_mb": 32,
        "memtable_offheap_space_in_mb": 16,
        "key_cache_size_in_mb": 4,
        "file_cache_size_in_mb": 16,
        # Each is a seed, so that each starts while others are down.
        "seed_provider": [
            {
                "class_name": "org.apache.cassandra.locator.SimpleSeedProvider",
                "parameters": [{"seeds": ",".join(addresses)}],
            }
        ],
        "listen_address": addresses[index],
        "rpc_address": addresses[index],
        # A node reads its own copy first.
        "endpoint_snitch": "GossipingPropertyFileSnitch",
        "dynamic_snitch": False,
        "start_native_transport": True,
        "auto_snapshot": False,
        "auto_bootstrap": False,
    }
    if version.has_thrift:
        settings["start_rpc"] = True
        settings["commitlog_sync_batch_window_in_ms"] = 2
    if version.release >= (3, 0):
        settings["hints_directory"] = str(folder / "hints")
    if version.release >= (3, 11):
        settings["cdc_raw_directory"] = str(folder / "cdc_raw")
    if version.partitioner == "ByteOrderedPartitioner":
        settings["persistent_settings_directory"] = str(folder / "persistent")
    return settings


def _token(version: Version, index: int, nodes: int) -> str:
    if version.partitioner == "ByteOrderedPartitioner":
        return f"{256 * index // nodes:02x}"
    return str(2**64 * index // nodes - 2**63)


def java_options(folder: Path, version: Version, jars: list[Path]) -> list[str]:
    """Little memory, a quick start, and no JMX port."""
    agent = next(jar for jar in jars if jar.name.startswith("jamm-"))
    options = [
        "-Xms128m", "-Xmx128m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "-XX:MaxDirectMemorySize=128m", "-XX:+PerfDisableSharedMem", "-XX:+UnlockDiagnosticVMOptions",
        "-XX:-BytecodeVerificationRemote", f"-javaagent:{agent}",
        "-Djdk.attach.allowAttachSelf=true", "-Djava.security.manager=allow", "-Djava.net.preferIPv4Stack=true",
        f"-Djava.io.tmpdir={folder / 'tmp'}", "-Dlogback.configurationFile=logback.xml",
        *(f"--add-exports={package}=ALL-UNNAMED" for package in ADD_EXPORTS.split()),
        *(f"--add-opens={package}=ALL-UNNAMED" for package in ADD_OPENS.split()),
    ]  # fmt: skip
    properties = {
        "config": f"file://{folder / 'conf' / 'cassandra.yaml'}",
        "storagedir": folder,
        "skip_wait_for_gossip_to_settle": 0,
        "ring_delay_ms": 1000,
        "superuser_setup_delay_ms": 0,
        "consistent.rangemovement": "false",
        "shutdown_announce_in_ms": 0,
        "available_processors": 2,
        "auth_bcrypt_gensalt_log2_rounds": 4,
    }
    if version.release < (3, 0):
        # Its netty's epoll reads a field that Java 9 closed: every frame would fail.
        properties["native.epoll.enabled"] = "false"
    options += [f"-Dcassandra.{name}={value}" for name, value in properties.items()]
    class_path = ":".join(str(entry) for entry in (folder / "conf", *jars))
    return [*options, "-Dcassandra-foreground=yes", "-cp", class_path, "org.apache.cassandra.service.CassandraDaemon"]
