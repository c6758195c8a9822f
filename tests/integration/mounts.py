# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small disks and mounts of a test, for what a node's own files lie on."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

Undo = Callable[[], object]

CAP_SYS_ADMIN = 21  # linux/capability.h


def _may_mount() -> bool:
    """Root in a container may not."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:")]
    return bool(int(line.split()[1], 16) >> CAP_SYS_ADMIN & 1)


MAY_MOUNT = _may_mount()


def disk_of_its_own(folder: Path) -> Undo:
    """A small file system in the place of the folder, with what was in it; what takes it away again."""
    aside = folder.with_name(f"{folder.name}-before")
    shutil.copytree(folder, aside)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=0755", "lab", folder], check=True)
    shutil.copytree(aside, folder, dirs_exist_ok=True)
    return lambda: _unmount(folder)


def filled(folder: Path) -> Undo:
    """No room is left there; what makes some again."""
    filler = folder / "core.1"
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
        while file.write(b"\0" * 4096):
            pass
    return filler.unlink


def mounted(path: Path, *options: str) -> Undo:
    """The file, or the folder, is a mount point, as one that is bound into a container; what undoes it."""
    subprocess.run(["mount", "--bind", path, path], check=True)
    if options:
        subprocess.run(["mount", "-o", ",".join(("remount", "bind", *options)), path], check=True)
    return lambda: _unmount(path)


def _unmount(path: Path) -> None:
    subprocess.run(["umount", "--lazy", path], check=True)
