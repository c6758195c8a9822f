# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of one TimeLock node: ``python -m lab.timelock.node FOLDER INDEX APPLICATION ADMIN PEER``.

The last three are file descriptors of listening sockets that the starter bound.
"""
from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import sys
import time

from lab.timelock import admin
from lab.timelock.dropwizard import Dropwizard
from lab.timelock.election import Election
from lab.timelock.faults import Faults
from lab.timelock.peers import Peer, serve_peer
from lab.timelock.service import Service
from lab.timelock.store import Store
from lab.timelock.undertow import Undertow
from lab.timelock.wire import LIMIT, Malformed, encode_answer, keeps_alive, read_request

FLAVOURS = {"dropwizard": Dropwizard, "undertow": Undertow}


class Node:
    """The node's parts, put together as ``settings`` say; its peers, by index, without itself."""

    def __init__(self, settings, index, store, peers, log):
        self.settings = settings
        self.index = index
        self._log = open(log, "a", buffering=1)  # noqa: SIM115
        self.election = Election(index, store, peers, settings["leader_timeout"], settings["no_quorum_wait"])
        service = Service(self.election, store, settings["max_clients"])
        self.faults = Faults()
        self._server = FLAVOURS[settings["flavour"]](settings["context_path"], service, self._redirect_target)

    def _redirect_target(self):
        others = [index for index in range(len(self.settings["nodes"])) if index != self.index]
        if not others:
            return None
        known = self.election.leader
        target = known if known in others else random.choice(others)
        return self.settings["nodes"][target]["url"]

    async def serve_application(self, reader, writer):
        await self._serve(reader, writer, self._answer)

    async def serve_admin(self, reader, writer):
        await self._serve(reader, writer, admin.answer)

    async def serve_peer(self, reader, writer):
        await serve_peer(self.settings["id"], self._answer_peer, reader, writer)

    def _answer_peer(self, message):
        if message["op"] == "fault":
            return self.faults.set(message)
        return self.election.answer(message)

    async def _answer(self, request):
        answer = await self._server.answer(request)
        dropped = self.faults.drops(request.target)
        self._log.write(json.dumps({
            "time": time.time(), "method": request.method, "target": request.target, "status": answer.status,
            "user_agent": request.headers.get("user-agent", ""), "dropped": dropped}) + "\n")
        if dropped:
            return None
        if self.faults.delay:
            await asyncio.sleep(self.faults.delay)
        return answer

    @staticmethod
    async def _serve(reader, writer, answer_to):
        try:
            while True:
                request = await read_request(reader)
                if request is None:
                    break
                answer = await answer_to(request)
                if answer is None:
                    break
                writer.write(encode_answer(answer, request.method, keeps_alive(request)))
                await writer.drain()
                if not keeps_alive(request):
                    break
        except (Malformed, OSError):
            pass
        finally:
            writer.close()


async def serve(folder, index, descriptors):
    """Run the node until its process ends."""
    with open(os.path.join(folder, "cluster.json")) as file:
        settings = json.load(file)
    own = os.path.join(folder, f"node-{index}")
    peers = {
        other: Peer(settings["id"], node["peer"], node.get("host", "127.0.0.1"))
        for other, node in enumerate(settings["nodes"]) if other != index}
    node = Node(settings, index, Store(os.path.join(own, "state.sqlite")), peers, os.path.join(own, "requests.jsonl"))
    context = None
    if settings["tls"]:
        from lab.timelock.tls import server_context
        context = server_context(folder)
    handlers = ((node.serve_application, context), (node.serve_admin, context), (node.serve_peer, None))
    for descriptor, (handler, tls) in zip(descriptors, handlers, strict=True):
        await asyncio.start_server(handler, sock=socket.socket(fileno=descriptor), ssl=tls, limit=LIMIT)
    await node.election.run()


def main():
    folder, index, *descriptors = sys.argv[1:]
    asyncio.run(serve(folder, int(index), [int(descriptor) for descriptor in descriptors]))


if __name__ == "__main__":
    main()
