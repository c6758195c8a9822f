# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A slow link, as ssh's ProxyCommand: HOST PORT SECONDS. What goes either way arrives so much later.

The kernel's netem would do it for every connection, but is not in every kernel.
"""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable


def carry(read: Callable[[int], bytes], write: Callable[[bytes], object], seconds: float) -> None:
    """Until there is nothing more to read."""
    under_way: queue.Queue[tuple[float, bytes]] = queue.Queue()

    def arrive() -> None:
        while True:
            due, data = under_way.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                os._exit(0)
            write(data)

    threading.Thread(target=arrive, daemon=True).start()
    while data := read(65536):
        under_way.put((time.monotonic() + seconds, data))
    under_way.put((time.monotonic() + seconds, b""))


def main() -> None:
    host, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    link = socket.create_connection((host, port))
    up = threading.Thread(target=carry, args=(lambda size: os.read(0, size), link.sendall, seconds))
    down = threading.Thread(target=carry, args=(link.recv, lambda data: os.write(1, data), seconds))
    for way in (up, down):
        way.start()
    for way in (up, down):
        way.join()
    # Whatever is still under way arrives before the process ends.
    time.sleep(2 * seconds)


if __name__ == "__main__":
    main()
