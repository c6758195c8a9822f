# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a configuration file is one that can be replaced by renaming another over it."""

from __future__ import annotations

import array
import fcntl
import os
import re
import stat

from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

# linux/fs.h, as on the architectures with the generic ioctl numbers; elsewhere the call fails and tells nothing.
_FS_IOC_GETFLAGS = 0x80086601
_IMMUTABLE_OR_APPEND_ONLY = 0x10 | 0x20


def is_mount(path: str, mountinfo: str = "/proc/self/mountinfo") -> bool:
    """Whether something is mounted on ``path`` itself, a file included (proc(5): field 5, with octal escapes)."""
    with open(mountinfo, encoding="utf-8", errors="surrogateescape") as file:
        points = {re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split()[4]) for line in file}
    return os.path.realpath(path) in points


def require_plain(path: str) -> None:
    """Raise Refusal hold-impossible, or config-missing, unless ``path`` is a regular file and no link or mount."""
    try:
        found = os.lstat(path)
    except OSError as error:
        raise Refusal("config-missing", f"{path} cannot be read: {error.strerror}.") from error
    if stat.S_ISLNK(found.st_mode):
        raise Refusal("hold-impossible", f"{path} is a symbolic link to {os.readlink(path)}.")
    if not stat.S_ISREG(found.st_mode):
        raise Refusal("config-missing", f"{path} is not a regular file.")
    if is_mount(path):
        raise Refusal("hold-impossible", f"{path} is a mount point: a file cannot be renamed over it.")


def why_not_writable(path: str) -> str | None:
    """Why a file of this size could not be put beside ``path`` and renamed over it; None if it could."""
    folder = os.path.dirname(path)
    found = os.stat(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} is not writable for this login, or mounted read-only"
    if os.geteuid() not in (0, found.st_uid):
        return f"{path} belongs to uid {found.st_uid}, and this login cannot make a file that does"
    for name in (path, folder):
        if _flags(name) & _IMMUTABLE_OR_APPEND_ONLY:
            return f"{name} is immutable or append-only (chattr)"
    space = os.statvfs(folder)
    if space.f_bavail * space.f_frsize < 2 * found.st_size + 65536:
        return f"{folder} has only {space.f_bavail * space.f_frsize} bytes left"
    if space.f_files and not space.f_favail:
        return f"{folder} has no inode left"
    return None


def _flags(path: str) -> int:
    flags = array.array("L", [0])
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        fcntl.ioctl(descriptor, _FS_IOC_GETFLAGS, flags)
    except OSError:
        return 0
    finally:
        os.close(descriptor)
    return flags[0]
