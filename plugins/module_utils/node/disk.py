# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are there as a whole or not at all, also after a crash.

The functions named by a bare verb (``create``, ``fill``, ...) are the only ones that write to a disk on a node. Each
is one step between two of which the module may be killed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from ansible_collections.atlasdb.timelock.plugins.module_utils.node.names import Beside
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal


@dataclass(frozen=True)
class Ownership:
    """Who may do what with a file: ``mode`` (permission bits), ``uid``, ``gid``, and its extended attributes."""

    mode: int
    uid: int
    gid: int
    attributes: dict = field(default_factory=dict)

    @classmethod
    def of(cls, path: str) -> Ownership:
        found = os.lstat(path)
        return cls(stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, _attributes(path))


def _attributes(path: str) -> dict:
    try:
        names = os.listxattr(path, follow_symlinks=False)
        return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    except OSError:
        return {}


def private() -> Ownership:
    """For the collection's own files."""
    return Ownership(0o600, os.geteuid(), os.getegid())


def sha256(data: bytes) -> str:
    """The hash, in hexadecimal, by which files are recognised."""
    return hashlib.sha256(data).hexdigest()


def create(path: str) -> int:
    """A new empty file that only its owner can read; its descriptor."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def fill(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data):]


_ACL = "system.posix_acl_access"


def adopt(descriptor: int, ownership: Ownership) -> None:
    """Give an open file owner, attributes and mode; the mode last, since what its group's bits say depends on the
    access list. The folder may have a default one, which the file that is to be like it never had.
    """
    found = os.fstat(descriptor)
    if (found.st_uid, found.st_gid) != (ownership.uid, ownership.gid):
        os.fchown(descriptor, ownership.uid, ownership.gid)
    if _ACL in ownership.attributes:
        os.setxattr(descriptor, _ACL, ownership.attributes[_ACL])
    else:
        with contextlib.suppress(OSError):  # there is none
            os.removexattr(descriptor, _ACL)
    for name, value in ownership.attributes.items():
        if name != _ACL:
            with contextlib.suppress(OSError):  # a label that only the kernel may set; the folder's default applies
                os.setxattr(descriptor, name, value)
    os.fchmod(descriptor, ownership.mode)


def flush(descriptor: int) -> None:
    os.fsync(descriptor)


def rename(source: str, target: str) -> None:
    os.replace(source, target)


def remove(path: str) -> None:
    os.unlink(path)


def make_folder(path: str) -> None:
    os.mkdir(path, 0o755)


def remove_folder(path: str) -> None:
    os.rmdir(path)


def flush_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: str) -> bytes | None:
    """The bytes of a regular file; None if there is none. Raises Refusal config-missing if it cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Refusal("config-missing", f"{path} is not a regular file.")
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refusal("config-missing", f"{path} cannot be read: {error.strerror}.") from error


def changed_at(path: str) -> float:
    """When this path last came to lead to what lies there now, in seconds of the epoch; 0 where nothing does.

    A file that was written long ago may have been moved there today: that changes its inode's time, and not its own.
    """
    try:
        return max(os.stat(path).st_ctime, os.lstat(path).st_ctime)
    except OSError:
        return 0.0


def read_json(path: str, keys: tuple) -> dict | None:
    """One of the collection's own files; None if there is none. Raises Refusal config-changed if ``keys`` are not in
    it."""
    data = read(path)
    if data is None:
        return None
    try:
        found = json.loads(data)
    except ValueError as error:
        raise Refusal("config-changed", f"{path} was damaged: it cannot be read as JSON.") from error
    if not isinstance(found, dict) or not set(keys) <= set(found):
        raise Refusal("config-changed", f"{path} was damaged: it lacks some of {', '.join(keys)}.")
    return found


def prepare(path: str, data: bytes, ownership: Ownership) -> None:
    """Write ``path``, complete and on the disk, where nothing of that name matters yet; leaves nothing when it
    fails."""
    try:
        if os.path.lexists(path):
            remove(path)
        descriptor = create(path)
        try:
            fill(descriptor, data)
            adopt(descriptor, ownership)
            flush(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if os.path.lexists(path):
            remove(path)
        raise not_writable(path, error) from error


@contextlib.contextmanager
def prepared(path: str, data: bytes, ownership: Ownership) -> Iterator[None]:
    """``prepare`` for a block that ends by moving ``path`` to where it matters; if it refuses, ``path`` is gone."""
    prepare(path, data, ownership)
    try:
        yield
    except Refusal:
        discard(path)
        raise


def move(source: str, target: str) -> None:
    """Rename within a folder, for good. Raises Refusal config-not-writable."""
    try:
        rename(source, target)
        flush_folder(os.path.dirname(target))
    except OSError as error:
        raise not_writable(target, error) from error


def write(path: str, data: bytes, ownership: Ownership) -> None:
    """Create or replace ``path`` at once. Raises Refusal config-not-writable, and then ``path`` is as it was."""
    unfinished = Beside.unfinished(path)
    prepare(unfinished, data, ownership)
    move(unfinished, path)


def write_json(path: str, value: dict) -> None:
    write(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode(), private())


def discard(path: str) -> bool:
    """Remove ``path`` if it is there; whether it was. Raises Refusal config-not-writable."""
    try:
        remove(path)
        flush_folder(os.path.dirname(path))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise not_writable(path, error) from error
    return True


def not_writable(path: str, error: OSError) -> Refusal:
    """What a failed write means to the operator."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Refusal("config-missing", f"{path} cannot be written: there is no folder {os.path.dirname(path)}.")
    return Refusal("config-not-writable", f"{path} cannot be written: {error.strerror}.")
