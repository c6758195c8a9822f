# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which servers may start as new."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.server.founding import founding

MEMBERS = ["tl-1:8421", "tl-2:8421", "tl-3:8421"]


def record(state="serving", cluster="c1", members=None, version="0.1175.0"):
    return {"state": state, "cluster": cluster, "members": members or MEMBERS, "version": version}


def node(number, paxos="present", sqlite="present", written=None):
    return {
        "name": f"tl-{number}",
        "record": written,
        "paxos": paxos,
        "paxos_directory": "/data/paxos",
        "sqlite": sqlite,
        "sqlite_directory": "/data/sqlite",
    }


def bare(number):
    return node(number, "absent", "absent")


def told(number, paxos="absent", sqlite="absent"):
    return node(number, paxos, sqlite, record("founding"))


def serving(number, **changes):
    return node(number, written=record(), **changes)


def refused(*nodes, members=None):
    with pytest.raises(Refusal) as refusal:
        founding(list(nodes), members or MEMBERS)
    return refusal.value.code, refusal.value.found


def test_hosts_without_anything_are_founded_as_one_new_cluster():
    found = founding([bare(1), bare(2), bare(3)], MEMBERS)
    assert found["unfinished"] and found["new"] == ["tl-1", "tl-2", "tl-3"]
    assert found["cluster"] != founding([bare(1), bare(2), bare(3)], MEMBERS)["cluster"]


def test_a_founding_that_was_cut_off_before_any_start_goes_on():
    found = founding([told(1), bare(2), bare(3)], MEMBERS)
    assert (found["cluster"], found["new"]) == ("c1", ["tl-1", "tl-2", "tl-3"])


def test_a_founding_that_was_cut_off_between_starts_goes_on_with_those_that_have_not_started():
    found = founding([told(1, "present", "present"), told(2), told(3, "present", "present")], MEMBERS)
    assert found["unfinished"] and found["new"] == ["tl-2"]


def test_where_all_have_started_none_is_new_again():
    found = founding([serving(1), serving(2), node(3, written=record("founded"))], MEMBERS)
    assert not found["unfinished"] and found["new"] == []


def test_a_record_of_founding_counts_as_founded_where_another_server_says_that_all_have_started():
    found = founding([node(1, written=record("founded")), told(2, "present", "present"), serving(3)], MEMBERS)
    assert not found["unfinished"] and found["new"] == []
    assert refused(node(1, written=record("founded")), told(2), serving(3))[0] == "server-data-lost"


def test_a_host_without_anything_among_servers_that_serve_has_lost_its_disk():
    code, found = refused(serving(1), serving(2), bare(3))
    assert code == "server-data-lost" and "by the record of tl-1, tl-2" in found


def test_a_host_without_anything_in_a_founding_that_has_begun_has_lost_its_disk():
    assert refused(told(1, "present", "present"), told(2), bare(3))[0] == "server-data-lost"


@pytest.mark.parametrize(("directory", "state"), [("paxos", "absent"), ("paxos", "empty"), ("sqlite", "empty")])
def test_a_server_that_started_and_misses_one_of_its_directories_is_not_started(directory, state):
    code, found = refused(serving(1), serving(2), serving(3, **{directory: state}))
    assert code == "server-data-lost"
    assert found == f"tl-3 has started before, and /data/{directory} is {state}."


def test_all_servers_without_data_and_with_records_are_no_new_cluster():
    nodes = [node(number, "absent", "absent", record()) for number in (1, 2, 3)]
    assert refused(*nodes)[0] == "server-data-lost"


def test_a_version_before_sqlite_needs_only_its_files():
    old = [node(number, sqlite="absent", written=record(version="0.218.0")) for number in (1, 2, 3)]
    assert founding(old, MEMBERS)["new"] == []


@pytest.mark.parametrize("changes", [{"paxos": "present"}, {"sqlite": "present"}])
def test_data_without_a_record_is_not_taken_over(changes):
    states = {"paxos": "absent", "sqlite": "absent", **changes}
    assert refused(bare(1), bare(2), node(3, **states))[0] == "server-data-unknown"


def test_a_directory_that_was_made_beforehand_is_refused():
    assert refused(bare(1), bare(2), node(3, "empty", "absent"))[0] == "server-data-precreated"
    assert refused(told(1), told(2), told(3, "empty"))[0] == "server-data-precreated"


def test_files_gone_and_sqlite_left_is_a_loss_also_while_founding():
    assert refused(told(1), told(2), told(3, "absent", "present"))[0] == "server-data-lost"


def test_an_added_and_a_removed_member_are_named():
    added = refused(serving(1), serving(2), serving(3), bare(4), members=[*MEMBERS, "tl-4:8421"])
    assert added[0] == "server-members-changed" and "tl-4:8421 would be added" in added[1]
    removed = refused(serving(1), serving(2), members=MEMBERS[:2])
    assert removed[0] == "server-members-changed" and "tl-3:8421 would be removed" in removed[1]


def test_servers_of_two_clusters_are_not_one():
    other = node(3, written=record(cluster="c2"))
    assert refused(serving(1), serving(2), other)[0] == "server-clusters-differ"
