# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of the lab's servers."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from lab import ports

ASK = "from lab import ports; ports._candidates = lambda: range({port}, {port} + 1); ports.free_ports(1)"
NONE = "There are no 1 free ports"


def test_the_port_of_a_server_that_is_down_is_given_to_no_other_and_the_server_gets_it_back(monkeypatch):
    port = ports.free_port()
    monkeypatch.setattr(ports, "_candidates", lambda: range(port, port + 1))
    for listens in (False, True, False):
        with socket.create_server(("127.0.0.1", port)) if listens else socket.socket():
            with pytest.raises(RuntimeError, match=NONE):
                ports.free_ports(1)
            command = [sys.executable, "-c", ASK.format(port=port)]
            asked = subprocess.run(
                command, capture_output=True, text=True, check=False, env={"PYTHONPATH": "tests"}
            )
            assert NONE in asked.stderr


def test_ports_that_were_given_out_long_ago_are_free_again(monkeypatch):
    monkeypatch.setattr(ports, "_KEPT_AT_MOST", 2)
    first = ports.free_port()
    ports.free_ports(2)
    monkeypatch.setattr(ports, "_candidates", lambda: range(first, first + 1))
    assert ports.free_ports(1) == [first]
