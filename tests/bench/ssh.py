# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An sshd of the bench's own on loopback: own keys, own configuration; of the machine's, root and its shell alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from lab import ports

SSHD = Path("/usr/sbin/sshd")
START_SECONDS = 10

CONFIGURATION = """\
{addresses}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/login_key.pub
PidFile none
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
MaxStartups 100
"""
# sshd wants this folder of the machine's; it gets one that only itself sees.
IN_A_RUN_OF_ITS_OWN = "mount -t tmpfs run /run && mkdir -m 755 /run/sshd && exec {sshd} -D -e -f {configuration}"


def why_not() -> str | None:
    """Why there can be no sshd here, or None."""
    if not SSHD.exists() or not all(map(shutil.which, ("ssh", "ssh-keygen", "unshare"))):
        return "OpenSSH's server is not installed"
    if os.geteuid() != 0:
        return "an sshd needs root"
    unshared = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return None if unshared.returncode == 0 else "a mount namespace, which its sshd needs, cannot be had"


@contextlib.contextmanager
def server(folder: Path, addresses: list[str]) -> Iterator[dict]:
    """An sshd on each address while the block lasts; the variables with which Ansible logs in there.

    Raises RuntimeError with its log when it does not start.
    """
    port = ports.free_port()
    for name in ("host_key", "login_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    configuration = folder / "sshd_config"
    listen = "\n".join(f"ListenAddress {address}:{port}" for address in addresses)
    configuration.write_text(CONFIGURATION.format(addresses=listen, folder=folder))
    host_key = " ".join((folder / "host_key.pub").read_text().split()[:2])
    known = folder / "known_hosts"
    known.write_text("".join(f"[{address}]:{port} {host_key}\n" for address in addresses))
    script = IN_A_RUN_OF_ITS_OWN.format(sshd=SSHD, configuration=configuration)
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait(process, folder / "sshd.log")
        yield {
            "ansible_connection": "ssh", "ansible_port": port, "ansible_user": "root",
            "ansible_ssh_private_key_file": str(folder / "login_key"),
            "ansible_ssh_common_args": f"-F /dev/null -o UserKnownHostsFile={known} -o IdentitiesOnly=yes",
        }  # fmt: skip
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while "Server listening" not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"sshd does not start: {log.read_text()}")
        time.sleep(0.05)
