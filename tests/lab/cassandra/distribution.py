# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cassandra's jars by version: downloaded once by Maven into the user's cache, checked against the sums in data/.

A folder in the cache is complete: it is made beside and renamed, under a lock that parallel runs share.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

DEFAULT_VERSION = "3.11"
DATA = Path(__file__).with_name("data")
DOWNLOAD_SECONDS = 540
# 5.0 does not run where the security manager is gone (24); older ones than 17 lack options that are given.
JAVA_OLDEST, JAVA_NEWEST = 17, 23


class Version(NamedTuple):
    """`release`: as `system.local` tells it, in numbers; `packages`: group:artifact:version; `pins`: ones replaced."""

    release: tuple[int, int]
    packages: tuple[str, ...]
    pins: tuple[str, ...] = ()
    partitioner: str = "Murmur3Partitioner"

    @property
    def has_thrift(self) -> bool:
        return self.release < (4, 0)


def _apache(version: str) -> Version:
    major, minor, _patch = version.split(".")
    release = (int(major), int(minor))
    names = ("cassandra-all", "cassandra-thrift") if release < (4, 0) else ("cassandra-all",)
    return Version(release, tuple(f"org.apache.cassandra:{name}:{version}" for name in names))


VERSIONS = {
    "2.2": _apache("2.2.19"),
    "3.11": _apache("3.11.19"),
    "4.1": _apache("4.1.10"),
    "5.0": _apache("5.0.9"),
    # What AtlasDB since 0.129 needs. The libthrift that it names lacks what its own server calls.
    "palantir": Version(
        (2, 2),
        tuple(f"com.palantir.cassandra:{name}:2.2.18-1.108.0" for name in ("cassandra-all", "cassandra-thrift")),
        ("org.apache.thrift:libthrift:0.9.2",),
        "ByteOrderedPartitioner",
    ),
}


class NotAvailable(Exception):
    """Cassandra cannot be had here; the message is one line."""


class WrongContent(Exception):
    """What was downloaded is not what was downloaded when the sums were written down."""


@functools.cache
def why_not(version: str) -> str | None:
    """Why this version cannot run here, in one line, or None once its jars are in the cache. Raises WrongContent."""
    try:
        java()
        jars(version)
    except NotAvailable as error:
        return str(error)
    return None


@functools.cache
def java() -> str:
    """The path of a Java that runs Cassandra. Raises NotAvailable."""
    path = shutil.which("java")
    if path is None:
        raise NotAvailable("There is no Java (on Debian: apt-get install openjdk-17-jre-headless).")
    told = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(\d+)', told)
    if match is None or not JAVA_OLDEST <= int(match[1]) <= JAVA_NEWEST:
        found = match[1] if match else "of no known version"
        raise NotAvailable(f"{path} is Java {found}, and Cassandra is run with {JAVA_OLDEST} to {JAVA_NEWEST}.")
    return path


@functools.cache
def jars(version: str) -> list[Path]:
    """The class path, after a download where the cache has none. Raises NotAvailable and WrongContent."""
    folder = _cache() / f"cassandra-{version}-{_key(version)}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with open(folder.parent / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                _download(version, folder)
    return sorted(folder.glob("*.jar"))


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "atlasdb-timelock-lab"


def _key(version: str) -> str:
    """Another list of sums is another folder."""
    return hashlib.sha256(_sums(version).read_bytes()).hexdigest()[:12]


def _sums(version: str) -> Path:
    return DATA / f"{version}.sha256"


def _download(version: str, folder: Path) -> None:
    """Raises NotAvailable and WrongContent; then nothing is left."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        copied = Path(temporary) / "jars"
        fetch(version, copied)
        wanted = dict(reversed(line.split()) for line in _sums(version).read_text().splitlines())
        got = sums(copied)
        if got != wanted:
            different = sorted(name for name in got.keys() | wanted.keys() if got.get(name) != wanted.get(name))
            raise WrongContent(f"Cassandra {version} as downloaded differs from {_sums(version)} in: {different}")
        copied.rename(folder)


def fetch(version: str, folder: Path) -> None:
    """Have Maven copy the version's jars, with all that they depend on, to a folder. Raises NotAvailable."""
    maven = shutil.which("mvn")
    if maven is None:
        raise NotAvailable("There is no Maven to download Cassandra with (on Debian: apt-get install maven).")
    folder.mkdir()
    pom = folder.with_name("pom.xml")
    pom.write_text(_pom(VERSIONS[version]))
    command = [
        maven, "--quiet", "--batch-mode", "--file", pom,
        "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies", f"-DoutputDirectory={folder}",
    ]  # fmt: skip
    try:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=DOWNLOAD_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotAvailable(f"Maven did not download Cassandra {version} in {DOWNLOAD_SECONDS} s.") from None
    if result.returncode:
        said = next((line for line in result.stdout.splitlines() if "ERROR" in line), "no error line")
        raise NotAvailable(f"Maven could not download Cassandra {version}: {said}")


def sums(folder: Path) -> dict[str, str]:
    """The sha256 of each file by its name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _pom(version: Version) -> str:
    return (
        "<project><modelVersion>4.0.0</modelVersion>"
        "<groupId>lab</groupId><artifactId>cassandra</artifactId><version>1</version>"
        f"<dependencyManagement><dependencies>{_dependencies(version.pins)}</dependencies></dependencyManagement>"
        f"<dependencies>{_dependencies(version.packages)}</dependencies></project>\n"
    )


def _dependencies(coordinates: tuple[str, ...]) -> str:
    return "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
            *each.split(":")
        )
        for each in coordinates
    )
