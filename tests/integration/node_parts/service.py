# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service that starts and refuses as one with AtlasDB inside does: ``service.py CONFIG PID_FILE``.

Its configuration has a block ``atlasdb``, or it does not start. Other keys: ``port``, where it answers 200;
``timelock``, a ``host:port`` to which it holds a connection; ``stubborn``, to survive SIGTERM; ``asked``, a file that
it writes a line to for each SIGTERM that it survives; ``child``, to leave a process behind that survives it too.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time


def note(path: str) -> None:
    with open(path, "a", encoding="ascii") as file:
        file.write("asked to end\n")


def main() -> None:
    config_path, pid_file = sys.argv[1:3]
    with open(config_path, encoding="utf-8") as file:
        config = dict(line.strip().split(": ", 1) for line in file if ": " in line and not line.startswith("#"))
    if "atlasdb" not in config:
        sys.exit("no AtlasDB block in the configuration")
    if "child" in config and os.fork() == 0:
        os.setsid()
        os.chdir("/")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(20)
        os._exit(0)
    if "stubborn" in config:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "asked" in config:
        signal.signal(signal.SIGTERM, lambda *_what: note(config["asked"]))
    server = socket.create_server(("127.0.0.1", int(config["port"])))
    if "timelock" in config:
        host, port = config["timelock"].split(":")
        timelock = socket.create_connection((host, int(port)))
        timelock.setblocking(False)
    with open(pid_file + ".new", "w", encoding="ascii") as file:
        file.write(str(os.getpid()))
    os.replace(pid_file + ".new", pid_file)
    signal.alarm(60)  # whatever becomes of the test
    while True:
        client = server.accept()[0]
        client.recv(1000)
        client.sendall(b"HTTP/1.0 200 OK\r\n\r\nok")
        client.close()


main()
