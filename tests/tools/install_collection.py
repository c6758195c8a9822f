# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs the collection as it now is, from a built tarball, in a folder under .build, and prints the folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from checkout import BUILD, ROOT, files

UNSHIPPED = (".ci/", "extensions/", "tests/")
STORE = BUILD / "collections"
KEPT_SECONDS = 24 * 3600


def content_key() -> str:
    digest = hashlib.sha256()
    for name in files():
        if not name.startswith(UNSHIPPED):
            digest.update(f"{name}\0{(ROOT / name).stat().st_mode}\0".encode() + (ROOT / name).read_bytes())
    return digest.hexdigest()[:16]


def galaxy(*arguments: str) -> None:
    done = subprocess.run(
        ["ansible-galaxy", "collection", *arguments],
        cwd=ROOT,
        # A copy that the user has installed would be taken for this one.
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(STORE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(done.stdout)


def install(destination: Path) -> None:
    """Build in the checkout, as a user would, and install into a folder of the tarball's own."""
    with tempfile.TemporaryDirectory(dir=STORE) as made:
        galaxy("build", "--output-path", made)
        (tarball,) = Path(made).glob("*.tar.gz")
        galaxy("install", str(tarball), "--collections-path", f"{made}/installed", "--offline")
        try:
            Path(made, "installed").rename(destination)
        except OSError:
            # Another run was faster.
            if not destination.is_dir():
                raise


def forget_old(used: Path) -> None:
    os.utime(used)
    for folder in STORE.iterdir():
        if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    STORE.mkdir(parents=True, exist_ok=True)
    destination = STORE / content_key()
    if not destination.is_dir():
        install(destination)
    forget_old(destination)
    print(destination)


if __name__ == "__main__":
    main()
