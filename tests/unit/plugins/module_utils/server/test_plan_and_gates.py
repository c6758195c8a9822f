# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan for all servers, and the gates between two of them."""

from __future__ import annotations

import re

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal
from ansible_collections.atlasdb.timelock.plugins.module_utils.server import gates
from ansible_collections.atlasdb.timelock.plugins.module_utils.server.plan import plan
from ansible_collections.atlasdb.timelock.tests.unit.hostile import TEXTS
from hypothesis import given
from hypothesis import strategies as st

NAMES = ["tl-1", "tl-2", "tl-3"]
MEMBERS = [f"{name}:8421" for name in NAMES]
URLS = [f"https://{member}" for member in MEMBERS]
SUM = "sha256:" + "0" * 64
PACKAGE = {"distribution": "/timelock.tgz", "checksum": SUM}
PLAIN = re.compile(r"[A-Za-z0-9_.:@+,=~/\[\]-]*")
"""In one place or another."""
INSTALLATION = {
    "folders": ["/opt/timelock", "/data/time-lock_2/paxos"],
    "names": ["timelock", "timelock@1", "0.1175.0"],
}
CLUSTER = {
    "version": "0.1175.0",
    "members": MEMBERS,
    "data_directory": "/data/paxos",
    "sqlite_directory": "/data/sqlite",
    "admin_port": 8422,
    "dangerous_topology": False,
    "tls": {"keystore": "/k", "keystore_type": "JKS", "truststore": "/t", "truststore_type": "JKS"},
    "settings": {},
}


def node(name, state="serving", version="0.1175.0", listening=True, fresh="7", **changes):
    record = {"state": state, "cluster": "c1", "members": MEMBERS, "version": version, "fresh": fresh}
    return {
        "name": name,
        "member": f"{name}:8421",
        "record": record,
        "version": version,
        "versions": {version: SUM},
        "paxos": "present",
        "paxos_directory": "/data/paxos",
        "sqlite": "present",
        "sqlite_directory": "/data/sqlite",
        "listening": listening,
        "changed_files": [],
        "java": {"home": "/java", "version": "17"},
        "java_looked": ["/java"],
        **changes,
    }


def bare(name):
    nothing = {"record": None, "version": None, "versions": {}, "paxos": "absent", "sqlite": "absent"}
    return node(name, listening=False, **nothing)


def made(nodes, group=None, package=None, accept_old="", installation=None, **changes):
    group, cluster = NAMES if group is None else group, {**CLUSTER, **changes}
    return plan(nodes, group, cluster, accept_old, package or PACKAGE, installation or INSTALLATION)


def refused(*arguments, **changes):
    with pytest.raises(Refusal) as refusal:
        made(*arguments, **changes)
    return refusal.value.code


def test_new_servers_are_all_started_at_once():
    found = made([bare(name) for name in NAMES])
    assert found["start_first"] == found["new"] == NAMES
    assert found["lines"][0] == "tl-1: nothing, down: install TimeLock 0.1175.0, start as new"


def test_a_server_that_is_down_comes_first():
    found = made([node("tl-1"), node("tl-2"), node("tl-3", listening=False)])
    assert found["order"] == ["tl-3", "tl-1", "tl-2"]
    assert found["start_first"] == []


def test_without_a_quorum_those_that_are_down_are_started_as_they_are():
    found = made([node("tl-1"), node("tl-2", listening=False), node("tl-3", listening=False)])
    assert found["start_first"] == ["tl-2", "tl-3"] and found["new"] == []


def test_the_highest_timestamp_on_record_is_compared_as_a_number():
    assert made([node("tl-1", fresh="9"), node("tl-2", fresh="10"), node("tl-3", fresh=None)])["highest"] == "10"


def test_an_upgrade_is_told():
    found = made([node(name, version="0.1000.0") for name in NAMES])
    assert set(found["changes"].values()) == {"upgrade"}
    assert found["lines"][0] == "tl-1: serving, up: upgrade from 0.1000.0 to 0.1175.0"


def test_a_version_that_the_link_names_counts_as_having_written_the_data():
    nodes = [node(name, version="0.400.0") for name in NAMES]
    nodes[0]["version"] = "0.1175.0"
    assert refused(nodes, version="0.400.0", accept_old="why not") == "server-downgrade"


def test_a_run_that_leaves_a_server_out_is_refused():
    assert refused([node("tl-1"), node("tl-2")]) == "server-cluster-split"


def test_an_empty_group_is_refused():
    assert refused([], group=[]) == "inventory-empty"


@given(TEXTS.filter(lambda text: not PLAIN.fullmatch(text)), st.sampled_from(["folder", "name", "java", "member"]))
def test_what_is_more_than_a_name_to_a_unit_or_a_command_is_refused(text, place):
    servers = [node(name) for name in NAMES]
    installation, changes = {**INSTALLATION}, {}
    if place == "folder":
        installation["folders"] = ["/opt/timelock", f"/opt/{text}"]
    elif place == "name":
        installation["names"] = ["timelock", text]
    elif place == "java":
        servers[2]["java"] = {"home": f"/usr/lib/jvm/{text}", "version": "17"}
    else:
        servers[2]["member"] = f"{text}:8421"
        changes["members"] = [*MEMBERS[:2], servers[2]["member"]]
    assert refused(servers, installation=installation, **changes) == "server-config-invalid"


@pytest.mark.parametrize("folder", ["", "opt/timelock", "-x", "/opt/timelock\n", "/opt/a b", "/opt/%h", "/opt/a:b"])
def test_a_folder_is_absolute_and_plain(folder):
    installation = {**INSTALLATION, "folders": [folder]}
    assert refused([node(name) for name in NAMES], installation=installation) == "server-config-invalid"


@pytest.mark.parametrize("name", ["tl-[1:3]", "!tl", "tl 1", "../tl", "tl\n"])
def test_a_server_that_a_play_or_a_file_cannot_name_is_refused(name):
    group = [*NAMES[:2], name]
    assert refused([node(each) for each in group], group=group) == "inventory-name-unusable"


def test_a_server_without_java_is_refused():
    assert refused([node("tl-1"), node("tl-2"), node("tl-3", java=None)]) == "server-java-missing"


@pytest.mark.parametrize(
    "package", [{"distribution": "", "checksum": SUM}, {"distribution": "/x", "checksum": ""},
                {"distribution": "/x", "checksum": "md5:" + "0" * 32}]
)  # fmt: skip
def test_a_version_that_is_to_be_installed_needs_a_package_and_its_checksum(package):
    assert refused([bare(name) for name in NAMES], package=package) == "server-package"


def test_a_version_is_one_package():
    other = {"distribution": "/x", "checksum": "sha256:" + "1" * 64}
    assert refused([node(name) for name in NAMES], package=other) == "server-package"
    assert made([node(name) for name in NAMES], package={"distribution": "", "checksum": ""})["new"] == []


def cluster(*silent, leader=URLS[0], fresh=10, **seen):
    return {
        "nodes": [
            {"url": url, "reachable": url not in silent, "error": "refused", "leader_seen": seen.get(name, leader)}
            for name, url in zip(("a", "b", "c"), URLS, strict=True)
        ],
        "leader": leader,
        "fresh_timestamp": fresh,
    }


def judged(judge, *arguments):
    with pytest.raises(Refusal) as refusal:
        judge(*arguments)
    return refusal.value.code, refusal.value.found


def test_a_server_may_stop_only_while_all_others_answer():
    gates.may_stop("tl-1", URLS[0], URLS, cluster())
    gates.may_stop("tl-1", URLS[0], URLS, cluster(URLS[0]))
    assert judged(gates.may_stop, "tl-1", URLS[0], URLS, cluster(URLS[2]))[0] == "server-quorum"
    unreachable = {"code": "timelock-unreachable", "found": "No quorum.", "do": "Look."}
    assert judged(gates.may_stop, "tl-1", URLS[0], URLS, unreachable)[0] == "timelock-unreachable"


def test_a_cluster_too_small_to_lose_one_has_no_gate():
    gates.may_stop("tl-1", URLS[0], URLS[:1], {})


@pytest.mark.parametrize("fresh", [9, 10])
def test_a_timestamp_that_is_not_above_the_one_before_is_refused(fresh):
    assert judged(gates.increased, "10", cluster(fresh=fresh))[0] == "timelock-went-backwards"
    assert gates.increased("9", cluster(fresh=10)) == "10"


def test_a_cluster_is_proved_when_every_server_sends_clients_to_the_leader():
    assert gates.proved("9", cluster()) == "10"
    assert judged(gates.proved, "9", cluster(URLS[1]))[0] == "server-not-serving"
    assert judged(gates.proved, "9", cluster(b=URLS[1]))[0] == "timelock-clusters-differ"
    assert judged(gates.proved, "9", cluster(c=None))[0] == "timelock-clusters-differ"


def test_a_server_that_does_not_answer_after_its_start_is_named_with_the_reason():
    gates.answers("tl-1", URLS[0], cluster())
    assert judged(gates.answers, "tl-1", URLS[0], cluster(URLS[0])) == (
        "server-not-serving",
        "tl-1 was started, and https://tl-1:8421 refused.",
    )


def test_a_server_is_left_alone_only_if_nothing_differs():
    look = node("tl-1")
    assert gates.outdated(look, "0.1175.0", False) == []
    assert gates.outdated(look, "0.1175.0", True)
    assert gates.outdated(look, "0.1176.0", False)
    assert gates.outdated({**look, "version": "0.1.0"}, "0.1175.0", False)
    assert gates.outdated({**look, "changed_files": ["/etc/x"]}, "0.1175.0", False)
    assert gates.outdated({**look, "listening": False}, "0.1175.0", False)
    assert gates.outdated(node("tl-1", state="founded"), "0.1175.0", False)


def test_a_package_is_the_one_that_was_named():
    gates.package({"checksum": SUM}, SUM, "")
    gates.package({"version": ""}, "", "0.1.0")
    assert judged(gates.package, {"checksum": "sha256:1"}, SUM, "")[0] == "server-package"
    assert judged(gates.package, {"version": "0.2.0"}, "", "0.1.0")[0] == "server-package"


def test_a_package_that_was_not_fetched_is_refused_with_the_reason():
    code, found = judged(gates.package, {"error": "Request failed: HTTP Error 404: Not Found"}, "", "")
    assert code == "server-package" and "HTTP Error 404" in found
