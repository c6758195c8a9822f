# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.node.sockets import (
    Sockets,
    endpoint,
    own_ipv4,
    own_ipv6,
    parse,
    resolve,
)
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
REST = "00000000:00000000 00:00000000 00000000  1000        0"


def line(local, remote, state, inode):
    return f"   0: {local} {remote} {state} {REST} {inode} 1 0000000000000000 100 0 0 10 0\n"


def test_a_listening_socket_is_read_from_a_recorded_line():
    text = HEAD + line("0100007F:1F90", "00000000:0000", "0A", 77) + line("0100007F:1F91", "0100007F:1F90", "06", 0)
    ((state, found),) = parse(text)
    assert state == "0A"
    assert (found.local, found.port, found.inode) == ("127.0.0.1:8080", 8080, 77)


def test_an_ipv4_address_in_ipv6_is_written_as_ipv4():
    text = HEAD + line("0000000000000000FFFF00000100007F:1F90", "0000000000000000FFFF00000200000A:20E5", "01", 79)
    ((dummy, found),) = parse(text)
    assert (found.local, found.remote) == ("127.0.0.1:8080", "10.0.0.2:8421")


def test_an_ipv6_address_is_written_in_brackets():
    text = HEAD + line("00000000000000000000000001000000:1F90", "B80D0120000000000000000001000000:20E5", "01", 80)
    ((dummy, found),) = parse(text)
    assert (found.local, found.remote) == ("[::1]:8080", "[2001:db8::1]:8421")


def test_an_endpoint_has_one_spelling():
    assert endpoint("2001:0db8:0::1", 1) == endpoint("2001:db8::1", 1) == "[2001:db8::1]:1"


def test_names_that_do_not_resolve_are_left_out():
    assert resolve(["127.0.0.1:8421", "[::1]:8422", "no.such.host.invalid:1"]) == {"127.0.0.1:8421", "[::1]:8422"}


@pytest.fixture
def proc(tmp_path):
    """A host: 10.0.1.1 listens on 9160 and took one connection in, and has one to 10.0.9.9:9160."""
    (tmp_path / "self/net").mkdir(parents=True)
    (tmp_path / "self/net/tcp").write_text(
        HEAD
        + line("0101000A:23C8", "00000000:0000", "0A", 1)
        + line("0101000A:23C8", "0200000A:1388", "01", 2)
        + line("0101000A:1389", "0909000A:23C8", "01", 3)
    )
    return tmp_path


def test_what_came_in_is_told_from_what_goes_out(proc):
    table = Sockets(str(proc)).table()
    assert [found.remote for found in table.incoming([9160])] == ["10.0.0.2:5000"]
    assert [found.remote for found in table.outgoing()] == ["10.0.9.9:9160"]
    assert table.incoming([9042]) == []


def other_namespace(proc, pid, namespace):
    (proc / f"{pid}/net").mkdir(parents=True)
    (proc / f"{pid}/net/tcp").write_text(HEAD + line("0100007F:1389", "0707000A:20E5", "01", 4))
    if namespace:
        (proc / f"{pid}/ns").mkdir()
        (proc / f"{pid}/ns/net").symlink_to(namespace)


@pytest.mark.parametrize("namespace", ["net:[2]", None], ids=["another", "not told"])
def test_a_process_in_another_network_namespace_has_sockets_of_its_own(proc, namespace):
    (proc / "self/ns").mkdir()
    (proc / "self/ns/net").symlink_to("net:[1]")
    other_namespace(proc, 7, namespace)
    sockets = Sockets(str(proc))
    assert [found.remote for found in sockets.table_of(7, sockets.table()).established] == ["10.0.7.7:8421"]


def test_the_table_of_our_own_network_namespace_is_read_once(proc):
    (proc / "self/ns").mkdir()
    (proc / "self/ns/net").symlink_to("net:[1]")
    other_namespace(proc, 7, "net:[1]")
    sockets = Sockets(str(proc))
    table = sockets.table()
    assert sockets.table_of(7, table) is table


def test_a_process_that_has_ended_has_no_sockets(proc):
    sockets = Sockets(str(proc))
    assert sockets.table_of(7, sockets.table()).established == []


def test_sockets_that_cannot_be_read_are_not_taken_for_none(tmp_path):
    with pytest.raises(Refusal, match="probe-blind"):
        Sockets(str(tmp_path)).table()


FIB_TRIE = """Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
     +-- 10.0.1.0/24 2 0 2
        |-- 10.0.1.0
           /24 link UNICAST
        |-- 10.0.1.1
           /32 host LOCAL
        |-- 10.0.1.255
           /32 link BROADCAST
"""


def test_a_hosts_own_addresses_are_read_without_those_that_every_host_has(proc):
    assert own_ipv4(FIB_TRIE) == {"127.0.0.1", "10.0.1.1"}
    assert own_ipv6("20010db8000000000000000000000001 04 40 00 82     eth0\n") == {"2001:db8::1"}
    (proc / "self/net/fib_trie").write_text(FIB_TRIE)
    (proc / "self/net/if_inet6").write_text("00000000000000000000000000000001 01 80 10 80       lo\n")
    assert Sockets(str(proc)).addresses() == ["10.0.1.1"]
