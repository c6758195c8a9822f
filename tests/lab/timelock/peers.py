# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages between the nodes: one JSON object a line over TCP, answered in any order."""
from __future__ import annotations

import asyncio
import json


class Unreachable(Exception):
    """The peer refused, hung up, or did not answer in time."""


class Peer:
    """A connection to another node, opened when needed and again after it broke."""

    def __init__(self, cluster_id, port, host="127.0.0.1", tls=None):
        self._cluster_id = cluster_id
        self._address = host, port
        self._tls = tls
        self._writer = None
        self._waiting = {}
        self._number = 0
        self._connecting = asyncio.Lock()

    async def call(self, message, timeout):
        """Send the message and return the answer; raise Unreachable after ``timeout`` seconds at the latest."""
        try:
            return await asyncio.wait_for(self._call(message), timeout)
        except (TimeoutError, OSError, ConnectionError) as error:
            raise Unreachable(str(error)) from error

    async def _call(self, message):
        async with self._connecting:
            if self._writer is None:
                await self._connect()
        self._number += 1
        number = self._number
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(encode(dict(message, cluster=self._cluster_id, number=number)))
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def _connect(self):
        reader, writer = await asyncio.open_connection(*self._address, limit=2**24, ssl=self._tls)
        if writer.get_extra_info("sockname") == writer.get_extra_info("peername"):
            # Connecting to a free port in the ephemeral range can meet itself.
            writer.close()
            raise ConnectionRefusedError("nobody listens")
        self._writer = writer
        self._reading = asyncio.ensure_future(self._read(reader, writer))

    async def _read(self, reader, writer):
        try:
            while True:
                line = await reader.readline()
                if not line:
                    break
                answer = json.loads(line)
                future = self._waiting.get(answer["number"])
                if future is not None and not future.done():
                    future.set_result(answer)
        except ConnectionError:
            pass
        writer.close()
        self._writer = None
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionResetError("the peer hung up"))


async def serve_peer(cluster_id, handle, reader, writer):
    """Answer the messages of one connection with what ``handle(message)`` returns, until it ends."""
    try:
        while True:
            line = await reader.readline()
            if not line:
                break
            message = json.loads(line)
            if message["cluster"] != cluster_id:
                break
            writer.write(encode(dict(handle(message), number=message["number"])))
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


def encode(message):
    return json.dumps(message).encode() + b"\n"
