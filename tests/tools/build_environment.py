# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the Python environment of a stage under .build and prints its path.

usage: python build_environment.py demo|test

The environment's name is a hash of the requirements, the Python and the checkout's place, so that a change of any of
them makes a new one. Exits with 75 where this Python cannot make environments.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
CONSTRAINTS = "tests/constraints.txt"
STAGES = {
    "demo": ["requirements.txt", "tests/requirements-lab.txt"],
    "test": ["tests/requirements.txt"],
}
UNFINISHED = "unfinished-"
CANNOT = 75


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def environment_key() -> str:
    digest = hashlib.sha256(f"{ROOT}\0{sys.version}\0{sys.base_prefix}\0".encode())
    for name in [CONSTRAINTS, *sum(STAGES.values(), [])]:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()[:12]


def run(command: list[str], log: Path, lock: int) -> bool:
    """Run it with its output in the log. It keeps the lock, so that it cannot outlive a killed parent unnoticed."""
    with log.open("ab") as output:
        return subprocess.run(command, stdout=output, stderr=output, pass_fds=[lock], check=False).returncode == 0


def create(environment: Path, log: Path, lock: int) -> None:
    shutil.rmtree(environment, ignore_errors=True)
    log.unlink(missing_ok=True)
    say(f"Making {environment.relative_to(ROOT)} with Python {sys.version.split()[0]}")
    if not run([sys.executable, "-m", "venv", str(environment)], log, lock):
        shutil.rmtree(environment, ignore_errors=True)
        sys.exit(CANNOT)
    (environment / "created").touch()


def install(stage: str, environment: Path, log: Path, lock: int) -> None:
    say(f"Installing what `make {stage}` needs")
    unfinished = environment / f"{UNFINISHED}{stage}"
    unfinished.touch()
    command = [str(environment / "bin/python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--constraint", str(ROOT / CONSTRAINTS)]
    for name in STAGES[stage]:
        command += ["--requirement", str(ROOT / name)]
    if not run(command, log, lock):
        say("".join(log.read_text(errors="replace").splitlines(keepends=True)[-20:]))
        sys.exit(f"pip failed; its whole output is in {log}")
    unfinished.rename(environment / f"installed-{stage}")


def is_usable(environment: Path) -> bool:
    """Whether it was made, and no run was killed while it installed something there."""
    return (environment / "created").exists() and not list(environment.glob(f"{UNFINISHED}*"))


def main(stage: str) -> None:
    BUILD.mkdir(exist_ok=True)
    environment = BUILD / f"python-{environment_key()}"
    log = environment.with_suffix(".log")
    with (BUILD / "environment.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another run that makes the environment")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_usable(environment):
            create(environment, log, lock.fileno())
        for needed in ["demo"] if stage == "demo" else list(STAGES):
            if not (environment / f"installed-{needed}").exists():
                install(needed, environment, log, lock.fileno())
    print(environment)


if __name__ == "__main__":
    main(sys.argv[1])
