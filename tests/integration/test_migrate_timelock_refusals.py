# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with TimeLock, or with what the inventory says of it, and how the service is left."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cassandra_here import only_wide
from fleet import Fleet, fleet, lab
from lab.callback.breakpoints import moment_of
from lab.lab import Lab
from lab.timelock.cluster import Cluster
from lab.timelock.tls import authority_path, make_authority, server_context
from timelock_proxy import proxies

__all__ = ["lab"]

pytestmark = only_wide


@pytest.fixture(scope="module")
def one(lab, tmp_path_factory):
    """A service that every test leaves as it was."""
    with fleet(lab, tmp_path_factory.mktemp("fleet"), 1) as services:
        services.set(timelock_timeout=3)
        yield services


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another cluster, which has room for one namespace, and serves with TLS."""
    with Cluster(tmp_path_factory.mktemp("other") / "timelock", tls=True, max_clients=1) as cluster:
        yield cluster


def _servers(urls: list[str]) -> tuple[str, str]:
    return "-e", json.dumps({"timelock_server_urls": urls})


def _refused_by_the_plan(services: Fleet, *arguments: str, asked: tuple[str, ...] = ()) -> tuple[list[str], str]:
    """The codes with which migrate.yml refuses, having changed nothing."""
    services.load(0)
    run = services.refused(*arguments, asked=asked)
    services.load()
    return run.codes + [word for reason in run.reasons for word in reason.split(": ")[:2]], "\n".join(run.reasons)


def _as_it_is(_target: str, status: int, body: bytes) -> tuple[int, bytes]:
    return status, body


def _html(_target: str, _status: int, _body: bytes) -> tuple[int, bytes]:
    return 200, b"<html><body>Please log in.</body></html>"


def _all_lead(target: str, status: int, body: bytes) -> tuple[int, bytes]:
    return (200, b"true") if target.endswith("/leader/ping") else (status, body)


def _nobody_leads(target: str, status: int, body: bytes) -> tuple[int, bytes]:
    if target.endswith("/leader/ping"):
        return 200, b"false"
    return (status, body) if target.startswith(("/leader/", "/tl/")) else (503, b"")


@pytest.mark.refuses("timelock-not-timelock", "timelock-many-leaders")
@pytest.mark.parametrize(
    ("alter", "code"), [(_html, "timelock-not-timelock"), (_all_lead, "timelock-many-leaders")],
    ids=["a_proxys_login_page", "servers_that_all_lead"],
)  # fmt: skip
def test_the_plan_refuses(one, alter, code):
    with proxies(one.lab.settings.timelock_urls, alter) as urls:
        codes, reasons = _refused_by_the_plan(one, *_servers(urls))
    assert code in codes and urls[0] in reasons, reasons


@pytest.mark.refuses("timelock-tls")
def test_the_plan_refuses_a_certificate_of_an_unknown_authority(one, other):
    codes, reasons = _refused_by_the_plan(one, *_servers(other.urls))
    assert "timelock-tls" in codes and other.urls[0] in reasons, reasons


@pytest.mark.refuses("timelock-tls")
@pytest.mark.parametrize(
    ("certificate", "found"),
    [({"lifetime": -datetime.timedelta(minutes=1)}, "expired"),
     ({"addresses": (), "names": ("timelock.example.org",)}, "not valid for '127.0.0.1'")],
    ids=["is_expired", "names_another_host"],
)  # fmt: skip
def test_the_plan_refuses_a_certificate_that(one, tmp_path, certificate, found):
    make_authority(tmp_path, **certificate)
    trusted = "-e", f"timelock_ca_path={authority_path(tmp_path)}"
    with proxies(one.lab.settings.timelock_urls, _as_it_is, server_context(tmp_path)) as urls:
        codes, reasons = _refused_by_the_plan(one, *_servers(urls), *trusted)
    assert "timelock-tls" in codes and urls[0] in reasons and found in reasons, reasons


@pytest.mark.refuses("timelock-not-timelock")
def test_the_plan_refuses_the_path_of_another_program_on_the_servers(one):
    urls = [f"{url}/another" for url in one.lab.settings.timelock_urls]
    one.load(0)
    before = one.look()
    run = one.play("migrate.yml", *_servers(urls))
    after = one.look()
    assert not run.ok and run.begun() == [], run.tail
    assert any(": timelock-not-timelock: " in reason and urls[0] in reason for reason in run.reasons), run.reasons
    after["namespaced calls"] = [call for call in after["namespaced calls"] if not call.startswith("/another/")]
    assert after == before | {"reports": True}
    one.load()


@pytest.mark.refuses("timelock-clusters-differ")
def test_the_plan_refuses_a_server_that_is_named_twice(one):
    first, second, _third = one.lab.settings.timelock_urls
    codes, reasons = _refused_by_the_plan(one, *_servers([first, second, first.replace("127.0.0.1", "localhost")]))
    assert "timelock-clusters-differ" in codes and f"{first} and " in reasons, reasons


@pytest.mark.refuses("timelock-too-old")
def test_the_plan_refuses_servers_of_a_version_that_can_issue_a_timestamp_twice(one):
    codes, reasons = _refused_by_the_plan(one, "-e", "timelock_server_version=0.642.0")
    assert "timelock-too-old" in codes and "0.642.0" in reasons


@pytest.mark.refuses("inventory-empty")
def test_the_plan_refuses_a_list_without_servers(one):
    codes, reasons = _refused_by_the_plan(one, *_servers([]))
    assert "inventory-empty" in codes, reasons


@pytest.mark.refuses("inventory-empty")
def test_the_plan_refuses_an_inventory_without_nodes_and_has_nothing_to_report(one):
    one.write(lambda everything: everything["children"].update(atlasdb_services={}))
    one.load(0)
    before = one.look()
    try:
        run, status = one.play("migrate.yml"), one.play("status.yml")
    finally:
        one.set(timelock_timeout=3)
    assert not run.ok and not status.ok
    assert any(line.startswith("inventory-empty: ") for line in status.said()), status.tail
    assert [reason.split(": ")[0] for reason in run.reasons] == ["inventory-empty"], run.tail
    assert run.said("Say where it lies") == []
    assert one.look() == before
    one.load()


def _refused_before_the_stop(services: Fleet, *arguments: str) -> list[str]:
    """The codes with which migrate.yml refuses after the plan, the service having run all the time."""
    ((service,), (node,)) = services.services, services.nodes
    process, before = node.process(), services.look_at(service)
    run = services.play("migrate.yml", *arguments)
    assert not run.ok
    assert run.begun() == ["prepare"], run.tail
    assert node.process() == process
    assert services.look_at(service) == before
    services.assert_as_before()
    return run.codes


@pytest.mark.refuses("timelock-no-leader")
def test_a_timelock_without_a_leader_is_refused_before_anything_stops(one):
    with proxies(one.lab.settings.timelock_urls, _nobody_leads) as urls:
        assert "timelock-no-leader" in _refused_before_the_stop(one, *_servers(urls))


@pytest.mark.refuses("timelock-client-limit")
def test_a_timelock_that_makes_no_more_namespaces_is_refused_before_anything_stops(one, other):
    other.wake("somebody")
    codes = _refused_before_the_stop(one, *_servers(other.urls), "-e", f"timelock_ca_path={other.ca_path}")
    assert "timelock-client-limit" in codes


@pytest.mark.refuses("timelock-client-limit")
def test_a_timelock_that_may_create_no_namespace_is_refused_before_anything_stops(lab, tmp_path):
    """With can-create-new-clients: false the leader answers as if it did not lead, and does not list the namespace."""
    with fleet(lab, tmp_path, 1) as services:
        services.set(timelock_timeout=3)
        name = services.services[0].name

        def create_none(target: str, status: int, body: bytes) -> tuple[int, bytes]:
            if target == "/tl/management/getNamespaces":
                return status, json.dumps([one for one in json.loads(body) if one != name]).encode()
            return (503, b"") if target.startswith(f"/{name}/") else (status, body)

        with proxies(lab.settings.timelock_urls, create_none) as urls:
            codes = _refused_before_the_stop(services, *_servers(urls))
        assert "timelock-client-limit" in codes


@pytest.mark.refuses("timelock-clusters-differ")
def test_servers_of_two_clusters_are_refused_before_anything_stops(lab, tmp_path):
    with fleet(lab, tmp_path / "fleet", 1) as services, _two_clusters(lab, tmp_path / "another") as mixed:
        assert "timelock-clusters-differ" in _refused_before_the_stop(services, *mixed)


@contextlib.contextmanager
def _two_clusters(lab: Lab, folder: Path) -> Iterator[tuple[str, str]]:
    """A list of two servers of the lab's, and one of another cluster, which leads elsewhere."""
    ours, leader = lab.settings.timelock_urls, lab.timelock.wake("anybody")
    with Cluster(folder) as another:
        follower = another.urls[another.wake("somebody") - 1]
        yield _servers([ours[leader], ours[leader - 1], follower])


def _fresh_timestamps(number):
    """Alters every fresh timestamp: ``number`` of the real one, and of how many there were before it."""
    seen = []

    def alter(target: str, status: int, body: bytes) -> tuple[int, bytes]:
        if status != 200 or not target.endswith("/timestamp/fresh-timestamp"):
            return status, body
        seen.append(int(body))
        return status, str(number(int(body), len(seen) - 1)).encode()

    return alter


def _put_back_in_the_window(services: Fleet, alter) -> list[str]:
    (service,) = services.services
    before = services.look_at(service)
    with proxies(services.lab.settings.timelock_urls, alter) as urls:
        run = services.play("migrate.yml", *_servers(urls))
    assert not run.ok
    assert run.begun()[-1] == "fast_forward", run.tail
    assert any("put back: the service runs as before" in line for line in run.verdict), run.tail
    assert services.look_at(service) == before
    services.assert_as_before()
    return run.codes


@pytest.mark.refuses("timelock-behind")
def test_a_service_is_put_back_when_timelock_is_not_above_ts_after_the_fast_forward(one):
    assert "timelock-behind" in _put_back_in_the_window(one, _fresh_timestamps(lambda real, before: 2 + before))


@pytest.mark.refuses("timelock-went-backwards")
def test_a_service_is_put_back_when_the_timestamps_of_timelock_do_not_increase(one):
    falling = _fresh_timestamps(lambda real, before: 1000 - before)
    assert "timelock-went-backwards" in _put_back_in_the_window(one, falling)


@pytest.mark.refuses("timelock-no-leader", "timelock-clusters-differ")
def test_of_a_namespace_that_is_the_services_own_already_that_is_refused_by_the_plan(one, tmp_path):
    """An earlier run has put the service back after it had asked for the namespace."""
    run = one.play("migrate.yml", "-e", "timelock_window_limit=0.01")
    assert run.codes == ["window-too-long"], run.tail
    asked = (one.services[0].name,)
    with proxies(one.lab.settings.timelock_urls, _nobody_leads) as urls:
        codes, reasons = _refused_by_the_plan(one, *_servers(urls), asked=asked)
    assert "timelock-no-leader" in codes, reasons
    with _two_clusters(one.lab, tmp_path / "another") as mixed:
        codes, reasons = _refused_by_the_plan(one, *mixed, asked=asked)
    assert "timelock-clusters-differ" in codes, reasons


@pytest.mark.refuses("timelock-stuck")
def test_a_namespace_that_was_fast_forwarded_too_far_is_refused_by_the_plan(lab, tmp_path):
    """The last here: its namespace is lost."""
    with fleet(lab, tmp_path, 1) as services:
        services.set(timelock_timeout=3, timelock_adopt_namespace=True)
        namespace = services.services[0].name
        leader = lab.settings.timelock_urls[lab.timelock.wake(namespace)]
        connection = http.client.HTTPConnection(urlsplit(leader).netloc, timeout=5)
        with contextlib.closing(connection):
            connection.request("POST", f"/{namespace}/timestamp-management/fast-forward?currentTimestamp={2**63 - 1}")
            assert connection.getresponse().status == 500
        codes, reasons = _refused_by_the_plan(services, asked=(namespace,))
        assert "timelock-stuck" in codes, reasons
        services.load(0)
        before = services.look()
        status = services.play("status.yml")
        assert status.ok and services.look() == before, status.tail


@pytest.mark.refuses("node-not-on-timelock")
def test_a_node_that_serves_and_takes_no_timestamps_is_not_on_timelock(lab, tmp_path):
    """It is suspended once it serves, which leaves it its connections, and what it took until then is not told."""
    asking = moment_of("before", "restart_first", "Wait until the namespace moves by more than our own calls")
    suspended = threading.Event()
    still = _fresh_timestamps(lambda real, before: 1 if suspended.is_set() else real)
    with fleet(lab, tmp_path, 1) as services, proxies(lab.settings.timelock_urls, still) as urls:
        (node,) = services.nodes
        with services.paused(asking, *_servers(urls)) as run:
            node.pause()
            suspended.set()
            before = services.look_at(services.services[0])
        assert not run.ok and run.codes == ["node-not-on-timelock"], run.tail
        assert services.look_at(services.services[0]) == before
        assert any("moves only by the timestamps taken here" in line for line in run.verdict)
        suspended.clear()
        node.resume()
        services.migrate(*_servers(urls))
        services.assert_migrated()
