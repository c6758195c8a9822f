# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.atlasdb.timelock.plugins.module_utils.node.sockets import endpoint, parse, resolve

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
REST = "00000000:00000000 00:00000000 00000000  1000        0"


def line(local, remote, state, inode):
    return f"   0: {local} {remote} {state} {REST} {inode} 1 0000000000000000 100 0 0 10 0\n"


def test_a_listening_socket_is_read_from_a_recorded_line():
    text = HEAD + line("0100007F:1F90", "00000000:0000", "0A", 77) + line("0100007F:1F91", "0100007F:1F90", "01", 78)
    (found,) = parse(text, "0A")
    assert (found.local, found.port, found.inode) == ("127.0.0.1:8080", 8080, 77)


def test_an_ipv4_address_in_ipv6_is_written_as_ipv4():
    text = HEAD + line("0000000000000000FFFF00000100007F:1F90", "0000000000000000FFFF00000200000A:20E5", "01", 79)
    (found,) = parse(text, "01")
    assert (found.local, found.remote) == ("127.0.0.1:8080", "10.0.0.2:8421")


def test_an_ipv6_address_is_written_in_brackets():
    text = HEAD + line("00000000000000000000000001000000:1F90", "B80D0120000000000000000001000000:20E5", "01", 80)
    (found,) = parse(text, "01")
    assert (found.local, found.remote) == ("[::1]:8080", "[2001:db8::1]:8421")


def test_an_endpoint_has_one_spelling():
    assert endpoint("2001:0db8:0::1", 1) == endpoint("2001:db8::1", 1) == "[2001:db8::1]:1"


def test_names_that_do_not_resolve_are_left_out():
    assert resolve(["127.0.0.1:8421", "[::1]:8422", "no.such.host.invalid:1"]) == {"127.0.0.1:8421", "[::1]:8422"}
