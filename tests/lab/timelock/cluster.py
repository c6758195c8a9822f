# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TimeLock cluster of a lab: start, stop, and every fault, from the process that made it or from another."""
from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sys
import time
import urllib.error
import urllib.request

from lab import processes
from lab.timelock.tls import authority_path, make_authority

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PORTS = ("application", "admin", "peer")


class Cluster:
    """Nodes are numbered from 0; everything lives in ``folder``, so that ``attach`` finds it again.

    A new folder becomes a new cluster; a folder that already is one keeps its ports, its settings and its timestamps.

    no_quorum_wait: seconds for which a leader that just lost its quorum holds a request before it answers 503.
    leader_timeout: seconds after which followers give up a leader that does not answer (a dead one is noticed at once).
    """

    def __init__(self, folder, nodes=3, flavour="dropwizard", context_path="", tls=False,
                 max_clients=500, no_quorum_wait=6.4, leader_timeout=3.0):
        self.folder = os.path.abspath(str(folder))
        self._settings_path = os.path.join(self.folder, "cluster.json")
        if os.path.exists(self._settings_path):
            self._settings = _read_json(self._settings_path)
            return
        context_path = "/" + context_path.strip("/") if context_path.strip("/") else ""
        if flavour not in ("dropwizard", "undertow"):
            raise ValueError(f"no such flavour: {flavour}")
        self._settings = {
            "id": secrets.token_hex(8), "flavour": flavour, "context_path": context_path, "tls": tls,
            "max_clients": max_clients, "no_quorum_wait": no_quorum_wait, "leader_timeout": leader_timeout,
            "nodes": [{} for _number in range(nodes)],
        }

    @classmethod
    def attach(cls, folder):
        """Return the cluster of that folder, running or not; raise FileNotFoundError where there is none."""
        if not os.path.exists(os.path.join(str(folder), "cluster.json")):
            raise FileNotFoundError(f"no TimeLock cluster in {folder}")
        return cls(folder)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_exception):
        self.stop()

    @property
    def size(self):
        return len(self._settings["nodes"])

    @property
    def urls(self):
        """The base URL of every node, with the context path."""
        return [node["url"] for node in self._settings["nodes"]]

    @property
    def admin_urls(self):
        return ["{}://127.0.0.1:{}".format(self._scheme, node["admin"]) for node in self._settings["nodes"]]

    @property
    def ca_path(self):
        """The certificate to trust, or None without TLS."""
        return authority_path(self.folder) if self._settings["tls"] else None

    @property
    def _scheme(self):
        return "https" if self._settings["tls"] else "http"

    def start(self):
        """Start every node that does not run; nobody leads before the first namespaced request."""
        listeners = {}
        for index, node in enumerate(self._settings["nodes"]):
            os.makedirs(self._node_folder(index), exist_ok=True)
            if not self.runs(index):
                listeners[index] = self._listen(node)
        if not os.path.exists(self._settings_path):
            if self._settings["tls"]:
                make_authority(self.folder)
            _write_json(self._settings_path, self._settings)
        for index, sockets in listeners.items():
            self._spawn(index, sockets)
        for index in listeners:
            self._await_ready(index)

    def start_node(self, index):
        """Start a node again, at its old ports, with what it has on disk."""
        if not self.runs(index):
            self._spawn(index, self._listen(self._settings["nodes"][index]))
            self._await_ready(index)

    def stop(self):
        """End every node, whoever started it; what they stored stays."""
        ended = [process for process in map(self._process, range(self.size)) if process is not None]
        for process in ended:
            processes.send(process, signal.SIGKILL)
        left = processes.wait_gone(ended, 10)
        if left:
            raise TimeoutError(f"still there after SIGKILL: {left}")

    def runs(self, index):
        """Whether the node's process exists, paused or not."""
        return self._process(index) is not None

    def kill(self, index):
        """End the node as a crash would (SIGKILL), and wait until it is gone."""
        process = self._signal(index, signal.SIGKILL)
        if processes.wait_gone([process], 10):
            raise TimeoutError(f"node {index} is still there after SIGKILL")

    def pause(self, index):
        """Stop the node from running without ending it (SIGSTOP): its clients hang."""
        self._signal(index, signal.SIGSTOP)

    def resume(self, index):
        self._signal(index, signal.SIGCONT)

    def slow(self, index, seconds):
        """Delay every answer of the node by so many seconds, after the work; 0 ends it."""
        self._command(index, {"delay": seconds})

    def drop_answers(self, index, count, match=""):
        """Do the work of the next ``count`` requests whose target contains ``match``, but hang up without answering."""
        self._command(index, {"drops": count, "match": match})

    def lose_quorum(self):
        """Kill nodes until fewer than a majority are left, the leader last; return the indexes of the killed."""
        alive = [index for index in range(self.size) if self.runs(index)]
        alive.sort(key=lambda index: index == self.leader())
        killed = alive[:max(0, len(alive) - (self.size - 1) // 2)]
        for index in killed:
            self.kill(index)
        return killed

    def leader(self):
        """Return the index of the node that says it leads, or None; creates nothing."""
        for index in range(self.size):
            if self._process(index) is not None and self._ask(index, "GET", "/leader/ping") == (200, "true"):
                return index
        return None

    def wake(self, namespace, seconds=10.0):
        """Ping the namespace at every node until one leads, as an operator does after a start; return its index.

        This creates the namespace. Raises TimeoutError.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            path = f"/{namespace}/timestamp-management/ping"
            answers = [self._ask(index, "GET", path) for index in range(self.size)]
            if (200, "pong") in answers:
                return answers.index((200, "pong"))
            time.sleep(0.05)
        raise TimeoutError(f"nobody leads after {seconds} s")

    def requests(self, index=None):
        """Return what was asked of one node, or of all, oldest first, as the nodes logged it.

        Each is a dictionary of time, node, method, target, status, user_agent and dropped. The cluster's own looks
        (``leader``, ``wake``) are left out.
        """
        lines = []
        for number in range(self.size) if index is None else [index]:
            path = os.path.join(self._node_folder(number), "requests.jsonl")
            if os.path.exists(path):
                with open(path) as file:
                    lines += [dict(json.loads(line), node=number) for line in file if line.endswith("\n")]
        return sorted((line for line in lines if line["user_agent"] != _AGENT), key=lambda line: line["time"])

    def _ask(self, index, method, path):
        import ssl

        context = ssl.create_default_context(cafile=self.ca_path) if self.ca_path else None
        request = urllib.request.Request(self.urls[index] + path, method=method, headers={"User-Agent": _AGENT})
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(request, timeout=1.0) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return None

    def _node_folder(self, index):
        return os.path.join(self.folder, f"node-{index}")

    def _listen(self, node):
        sockets = []
        for name in PORTS:
            listener = _bind(node.get(name, 0))
            node[name] = listener.getsockname()[1]
            sockets.append(listener)
        node["url"] = "{}://127.0.0.1:{}{}".format(self._scheme, node["application"], self._settings["context_path"])
        return sockets

    def _spawn(self, index, sockets):
        descriptors = [listener.fileno() for listener in sockets]
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        log = os.path.join(self._node_folder(index), "node.log")
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        # -S: a node needs no installed package, and starts faster without looking for them.
        command = [sys.executable, "-S", "-m", "lab.timelock.node", self.folder, str(index), *map(str, descriptors)]
        pid = os.posix_spawn(
            sys.executable, command, dict(os.environ, PYTHONPATH=TESTS), setsid=True,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                          (os.POSIX_SPAWN_OPEN, 1, log, append, 0o644), (os.POSIX_SPAWN_DUP2, 1, 2)])
        process = processes.identify(pid)
        _write_json(self._process_path(index), {"pid": pid, "start": process.start if process else -1})
        for listener in sockets:
            listener.close()

    def _await_ready(self, index):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if not self.runs(index):
                raise RuntimeError(f"TimeLock node {index} did not start: {self._log_end(index)}")
            try:
                self._send(index, {"op": "ping"})
                return
            except OSError:
                time.sleep(0.01)
        raise TimeoutError(f"TimeLock node {index} does not answer: {self._log_end(index)}")

    def _log_end(self, index):
        with open(os.path.join(self._node_folder(index), "node.log")) as file:
            return file.read()[-1000:]

    def _process_path(self, index):
        return os.path.join(self._node_folder(index), "process.json")

    def _process(self, index):
        try:
            process = processes.Process(**_read_json(self._process_path(index)))
        except FileNotFoundError:
            return None
        return process if processes.is_alive(process) else None

    def _signal(self, index, number):
        process = self._process(index) if index < self.size else None
        if process is None or not processes.send(process, number):
            raise ProcessLookupError(f"node {index} does not run")
        return process

    def _command(self, index, fault):
        self._send(index, dict(fault, op="fault"))

    def _send(self, index, message):
        with socket.create_connection(("127.0.0.1", self._settings["nodes"][index]["peer"]), timeout=5) as connection:
            message = dict(message, cluster=self._settings["id"], number=0)
            connection.sendall(json.dumps(message).encode() + b"\n")
            if not connection.makefile().readline():
                raise ConnectionError(f"node {index} hung up")


_AGENT = "atlasdb-timelock-lab/1.0"


def _bind(port):
    # A client's own port may be this one for a moment after its connection ended.
    deadline = time.monotonic() + 5
    while True:
        try:
            return socket.create_server(("127.0.0.1", port), backlog=1024)
        except OSError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.05)


def _read_json(path):
    with open(path) as file:
        return json.load(file)


def _write_json(path, value):
    with open(path + ".new", "w") as file:
        json.dump(value, file, indent=1)
    os.replace(path + ".new", path)
