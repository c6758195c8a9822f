# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root that all hosts share: a Debian made once by mmdebstrap, kept in the user's cache by what went into it."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
SUITE = "bookworm"
PYTHON = "3.11"
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "python3", "sudo", "iproute2", "procps", "cron", "faketime",
)  # fmt: skip
LIBRARIES = Path("opt/lab/lib")
"""Where what the lab's services import lies in the image, for its Python."""

LOGIN = "ops"
COMMANDS = (
    f"useradd --create-home --shell /bin/bash {LOGIN}",
    "systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer",
)
TOOLS = {
    "systemd-nspawn": "systemd-container", "mmdebstrap": "mmdebstrap", "ip": "iproute2", "nsenter": "util-linux",
    "ssh": "openssh-client", "ssh-keygen": "openssh-client",
}  # fmt: skip
BUILD_SECONDS = 900
CAPABILITIES = 1 << 12 | 1 << 21
"""CAP_NET_ADMIN and CAP_SYS_ADMIN."""


class NotAvailable(Exception):
    """Hosts cannot be had here; the message is one line."""


def may() -> bool:
    """Whether this process may mount and make networks."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (effective,) = re.findall(r"^CapEff:\s*(\w+)$", status, re.MULTILINE)
    return os.geteuid() == 0 and int(effective, 16) & CAPABILITIES == CAPABILITIES


@functools.cache
def why_not() -> str | None:
    """Why there can be no hosts here, in one line, or None once their image is in the cache."""
    try:
        _require()
        root()
    except NotAvailable as error:
        return str(error)
    return None


def _require() -> None:
    if not may():
        raise NotAvailable("Hosts of their own need root, with the right to mount and to make networks.")
    missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if missing:
        raise NotAvailable(f"Hosts of their own need more (on Debian: apt-get install {' '.join(missing)}).")
    control_groups()


@functools.cache
def control_groups() -> Path:
    """The root of the unified hierarchy of control groups. Raises NotAvailable."""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _device, place, kind, options = line.split(" ")[:4]
        if kind == "cgroup2" and "rw" in options.split(","):
            return Path(place)
    raise NotAvailable("Hosts of their own need the unified hierarchy of control groups, writable.")


def root() -> Path:
    """The image's root, after it was built where the cache has none. Raises NotAvailable."""
    folder = _cache() / f"hosts-{_key()}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with open(folder.parent / "hosts.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                _build(folder)
    return folder


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "atlasdb-timelock-lab"


def _requirements() -> tuple[Path, ...]:
    return TESTS.parent / "requirements.txt", TESTS / "constraints.txt"


def _key() -> str:
    """Other contents are another folder."""
    parts = [SUITE, PYTHON, str(LIBRARIES), *PACKAGES, *COMMANDS]
    parts += [path.read_text(encoding="utf-8") for path in _requirements()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _build(folder: Path) -> None:
    """A folder in the cache is complete: it is made beside and renamed."""
    for left in folder.parent.glob(".hosts-*"):
        shutil.rmtree(left)
    made = Path(tempfile.mkdtemp(prefix=".hosts-", dir=folder.parent))
    made.chmod(0o755)
    hooks = [f'--customize-hook=chroot "$1" {command}' for command in COMMANDS]
    _run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", *hooks, SUITE, made)
    requirements, constraints = _requirements()
    _run(
        sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check",
        "--target", made / LIBRARIES, "--python-version", PYTHON, "--implementation", "cp", "--only-binary=:all:",
        "-c", constraints, "-r", requirements, "PyYAML",
    )  # fmt: skip
    made.rename(folder)


def _run(*command: str | Path) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise NotAvailable(f"The hosts' image cannot be made: {command[0]} ended with {done.returncode}: {why}")
