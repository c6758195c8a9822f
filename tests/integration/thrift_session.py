# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session on Cassandra's Thrift port, as AtlasDB has it: it reads the bound by `get`, and changes it by `cas`.

Of Thrift's binary protocol there is here what these four calls need (interface/cassandra.thrift of Cassandra 2.2).
"""

from __future__ import annotations

import socket
import struct

TABLE = b"_timestamp"
KEY = b"ts"
QUORUM, SERIAL = 2, 9
_I32, _I64, _STRING, _STRUCT, _MAP, _LIST, _STOP = 8, 10, 11, 12, 13, 15, b"\0"


class ThriftSession:
    """Logged in, with `keyspace` as its own, from the address `source`. Raises PermissionError. Close it."""

    def __init__(self, address: str, port: int, user: str, password: str, keyspace: str, source: str = ""):
        self._socket = socket.create_connection((address, port), 10, (source, 0))
        pairs = b"".join(map(_text, (b"username", user.encode(), b"password", password.encode())))
        credentials = _field(_MAP, 1, struct.pack(">bbi", _STRING, _STRING, 2) + pairs) + _STOP
        for name, body in (
            ("login", _field(_STRUCT, 1, credentials)),
            ("set_keyspace", _field(_STRING, 1, _text(keyspace.encode()))),
        ):
            if said := self._call(name, body):
                self.close()
                raise PermissionError(said)

    def close(self) -> None:
        self._socket.close()

    def get(self, column: bytes) -> str | None:
        """What the server objects to reading a column, None where it answers."""
        path = _field(_STRING, 3, _text(TABLE)) + _field(_STRING, 5, _text(_composite(column))) + _STOP
        return self._call("get", _field(_STRING, 1, _text(KEY)) + _field(_STRUCT, 2, path) + _level(3, QUORUM))

    def cas(self, column: bytes, expected: bytes, value: bytes) -> str | None:
        """The same of a compare-and-set, whether or not it is applied."""
        body = _field(_STRING, 1, _text(KEY)) + _field(_STRING, 2, _text(TABLE))
        for number, content in ((3, expected), (4, value)):
            cell = _field(_STRING, 1, _text(_composite(column))) + _field(_STRING, 2, _text(content))
            cell += _field(_I64, 3, struct.pack(">q", 0)) + _STOP
            body += _field(_LIST, number, struct.pack(">bi", _STRUCT, 1) + cell)
        return self._call("cas", body + _level(5, SERIAL) + _level(6, QUORUM))

    def _call(self, name: str, body: bytes) -> str | None:
        message = struct.pack(">I", 0x80010001) + _text(name.encode()) + struct.pack(">i", 1) + body + _STOP
        self._socket.sendall(struct.pack(">i", len(message)) + message)
        reply = self._read(struct.unpack(">i", self._read(4))[0])
        result = reply[12 + len(name) :]
        # A field other than 0 is one of the exceptions that are declared.
        of_success = result[:1] == _STOP or result[1:3] == b"\0\0"
        return None if of_success and reply[3] == 2 else result.decode(errors="replace")

    def _read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            found += self._socket.recv(count - len(found)) or _closed()
        return found


def _closed() -> bytes:
    raise ConnectionError("The server has closed the connection.")


def _text(content: bytes) -> bytes:
    return struct.pack(">i", len(content)) + content


def _field(kind: int, number: int, content: bytes) -> bytes:
    return struct.pack(">bh", kind, number) + content


def _level(number: int, level: int) -> bytes:
    return _field(_I32, number, struct.pack(">i", level))


def _composite(column: bytes) -> bytes:
    """CompositeType(BytesType, LongType) of the column and -1."""
    return b"".join(struct.pack(">H", len(part)) + part + b"\0" for part in (column, struct.pack(">q", -1)))
