# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as a user runs them, on two services under load, one on PostgreSQL and one on Cassandra: plan, look,
migrate one, then the other, then again.

It is one story, told once; the tests are what must be true of it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import threading
import time
from types import SimpleNamespace

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils import journal

from fleet import CASSANDRA, STEPS, STORES, Fleet, Run, fleet, lab
from lab.layout import POSTGRES

__all__ = ["lab"]


CANARIES = {name: f"canary-{name}-{secrets.token_hex(8)}" for name in ("removed", "kept", "written")}
"""Secrets besides the stores' passwords: in what the migration removes from a configuration, beside it, and writes."""


UNVERIFIED = {"timelock_validate_certs": False, "atlasdb_kvs_overrides": {"validate_certs": False}}
"""Settings by which nobody has to show who it is."""


def _put_canaries(services: Fleet) -> None:
    for node in services.nodes:
        text = node.config_path.read_text()
        key_store = f"      keyStorePath: {node.config_path}\n      keyStorePassword: {CANARIES['removed']}\n"
        text = text.replace("    sslConfiguration:\n", f"    sslConfiguration:\n{key_store}")
        mail = f"  mail: {{user: a, password: '{CANARIES['kept']}'}}\n"
        text = text.replace("  initializeAsync:", f"{mail}  initializeAsync:")
        node.config_path.write_text(text)

    def with_key_store(everything: dict) -> None:
        everything["vars"] |= UNVERIFIED
        group = everything["children"]["atlasdb_services"]
        ssl = group["vars"]["timelock_client_ssl"]
        ssl |= {"keyStorePath": ssl["trustStorePath"], "keyStorePassword": CANARIES["written"]}
        # By a second name, so that it is the second node's to look at as well: nodes share the store's hosts.
        for hosts in (everything["children"].get("cassandra_nodes") or {"hosts": {}}).values():
            hosts |= {f"{name}-again": dict(variables) for name, variables in hosts.items()}

    services.write(with_key_store)


class _CommandLines:
    """Every command line that any process of this machine had. A process is looked at all the time while it is young,
    since it may become another program, and now and then afterwards.
    """

    LOOKS_WHILE_YOUNG = 50

    def __init__(self):
        self.seen = set()
        self._looks = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            before, self._looks = self._looks, {}
            for pid in filter(str.isdigit, os.listdir("/proc")):
                looks = self._looks[pid] = before.get(pid, 0) + 1
                if looks <= self.LOOKS_WHILE_YOUNG or looks % self.LOOKS_WHILE_YOUNG == 0:
                    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
                        self.seen.add(file.read())

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._ended.set()
        self._thread.join()


@pytest.fixture(scope="module")
def story(lab, tmp_path_factory):
    with fleet(lab, tmp_path_factory.mktemp("fleet"), 2, 2, managers=("sls", "command"), stores=STORES) as services:
        _put_canaries(services)
        told = SimpleNamespace(fleet=services, looks=[], runs={}, log=services.inventory.with_name("ansible.log"))
        one, _other = services.services

        def play(name: str, *arguments: str, **settings: str) -> Run:
            told.runs[name] = services.play(*arguments, **settings)
            return told.runs[name]

        # A node that serves may move its bound at any time; one that rests does not.
        services.load(0)
        _await_rest(services)
        told.looks.append(services.look())
        play("plan", "plan.yml", "--diff")
        told.looks.append(services.look())
        play("check", "migrate.yml", "--check", "--diff")
        told.looks.append(services.look())
        services.load()
        with _CommandLines() as command_lines:
            play("one", "migrate.yml", "--limit", one.name, "-vvv", ANSIBLE_LOG_PATH=str(told.log))
        told.command_lines = command_lines.seen
        told.modes = services.modes()
        play("all", "migrate.yml", ANSIBLE_STDOUT_CALLBACK="atlasdb.timelock.progress")
        play("again", "migrate.yml")
        play("status", "status.yml")
        yield told


def _await_rest(services: Fleet) -> None:
    before = None
    while (now := [services.store(service) for service in services.services]) != before:
        before = now
        time.sleep(0.3)


def test_a_plan_changes_not_one_byte(story):
    assert story.runs["plan"].ok, story.runs["plan"].tail
    assert story.looks[1] == story.looks[0]


def test_migrate_in_check_mode_changes_not_one_byte(story):
    assert story.runs["check"].ok, story.runs["check"].tail
    assert story.looks[2] == story.looks[1]


def test_a_plan_and_a_check_call_timelock_for_no_namespace(story):
    assert story.looks[2]["namespaced calls"] == []


def test_a_plan_shows_how_the_configuration_files_would_change(story):
    """In plain lines, once for all nodes whose files change alike."""
    for name in ("plan", "check"):
        lines = story.runs[name].said("Show how the configuration files would change")
        heads = [line.removesuffix(":") for line in lines if line[:1] not in "+-@ "]
        assert sorted(node for head in heads for node in head.split(", ")) == [node.name for node in story.fleet.nodes]
        assert [line for line in lines if line.startswith("+") and line.rstrip().endswith("timelockRuntime:")], lines
        assert not [line for line in lines if "\n" in line]


def test_check_mode_says_what_would_be_migrated(story):
    for service in story.fleet.services:
        assert f"{service.name}: would migrate" in story.runs["check"].verdict


def test_a_limit_to_one_service_migrates_that_one_alone(story):
    assert story.runs["one"].ok, story.runs["one"].tail
    one, other = story.fleet.services
    assert story.modes == {node.name: "timelock" for node in one.nodes} | {node.name: "leader" for node in other.nodes}


def test_a_node_is_called_twice_while_its_service_is_down(story):
    """However slow a machine is: what the window costs is these calls. It ends before the last step begins."""
    lines = story.runs["one"].output.splitlines()
    began, ended = (next(n for n, line in enumerate(lines) if step in line) for step in (": (2/9) ", ": (9/9) "))
    for node in story.fleet.services[0].nodes:
        calls = [line for line in lines[began:ended] if line.startswith(f"<{node.name}> EXEC ")]
        assert len(calls) == 2, calls


def test_services_of_both_managers_move_under_load(story):
    assert story.runs["all"].ok, story.runs["all"].tail
    assert story.runs["all"].changed
    story.fleet.assert_migrated()


def test_timelock_was_above_ts_before_any_node_started(story):
    """A client would fast-forward it too, at its start; that must not be what makes it so."""
    reports = [json.loads(path.read_text())["services"] for path in story.fleet.reports.glob("*.json")]
    for service in story.fleet.services:
        ends = [report[service.name]["end"] for report in reports if service.name in report]
        (end,) = [end for end in ends if end["fresh_before_start"]]
        assert int(end["fresh_before_start"]) > int(end["ts"]) == story.fleet.store(service)[1]


def test_a_client_on_cassandra_finds_the_work_of_its_own_migration_done(story):
    for node in (node for node in story.fleet.nodes if node.service.store == CASSANDRA):
        assert "Didn't backup, because there is already a valid backup of" in node.log()
        assert "Backed up the value" not in node.log()


def test_a_second_run_changes_nothing_on_any_host(story):
    assert story.runs["again"].ok, story.runs["again"].tail
    assert story.runs["again"].changed == {}


def test_status_knows_every_service_as_migrated(story):
    assert story.runs["status"].ok, story.runs["status"].tail
    assert story.runs["status"].output.count("migrated") >= len(story.fleet.services)


def test_a_journal_tells_every_effect_as_it_came_and_in_its_order(story):
    lines = [
        json.loads(line) for path in story.fleet.reports.glob("*.jsonl") for line in path.read_text().splitlines()
    ]
    for service in story.fleet.services:
        told = [line for line in lines if line["service"] == service.name and "effect" in line]
        came = [(line["effect"], line["came"]) for line in told if line["node"] == service.nodes[0].name]
        expected = ["record", "record", "configure", "stop", "record", "fast-forward", "invalidate", "start", "record"]
        assert came == [each for effect in expected for each in ((effect, "begun"), (effect, "changed"))]
        assert [line["time"] for line in told] == sorted(line["time"] for line in told)
        (invalidated,) = [line for line in told if (line["effect"], line["came"]) == ("invalidate", "changed")]
        assert invalidated["before"]["bound"] == invalidated["after"]["backup"] == story.fleet.store(service)[1]
        others = {line["node"] for line in told} - {service.nodes[0].name}
        assert others == {node.name for node in service.nodes[1:]}


def test_report_and_record_have_in_short_what_the_journal_says_of_their_run(story):
    reports = [json.loads(path.read_text()) for path in story.fleet.reports.glob("*.json")]
    for service in story.fleet.services:
        (report,) = [one for one in reports if (one["services"].get(service.name) or {"end": {}})["end"].get("effects")]
        lines = journal.read(str(story.fleet.reports / f"{report['run_id']}.jsonl"))
        assert report["services"][service.name]["end"]["effects"] == journal.short(lines, service.name)
        if service.settings.store == POSTGRES:
            with story.fleet.lab.postgres.connect(service.name) as session:
                ((document,),) = session.execute("SELECT document FROM atlasdb_timelock.record").fetchall()
            # The end of the last effect, which wrote this, cannot be in it.
            assert document["journal"] == journal.short(lines, service.name)[:-1]


def test_a_report_shows_every_step_number_and_proof_and_is_a_page_too(story):
    for service in story.fleet.services:
        paths = [path for path in story.fleet.reports.glob("*.json") if _effects(path, service.name)]
        (path,) = paths
        end = json.loads(path.read_text())["services"][service.name]["end"]
        assert [step["step"] for step in end["steps"]] == STEPS
        fresh = [int(one["number"]) for one in end["numbers"] if one["what"] == "fresh"]
        above = [number for number in fresh if number > int(end["ts"])]
        assert above == sorted(above) == fresh[-len(above) :] and len(above) > 2
        names = {node.name for node in service.nodes}
        for kind in ("hold", "process", "serving"):
            assert {proof["node"] for proof in end["proofs"] if proof["kind"] == kind} == names
        page = path.with_suffix(".html").read_text()
        assert f"{int(end['ts']):,}" in page and f"{above[0]:,}" in page and page.count("<svg") == 4
        assert "proved held down and gone" in page and "Its namespace moves" in page and end["unchecked"]


def test_an_automation_controller_is_told_how_each_service_ended(story):
    (told,) = [event["told"] for event in story.runs["all"].events if event["event"] == "stats"]
    ends = told["timelock_run"]["services"]
    one, other = story.fleet.services
    assert {name: end["outcome"] for name, end in ends.items()} == {one.name: "migrated", other.name: "migrated"}
    assert ends[other.name]["ts"] == str(story.fleet.store(other)[1]) and ends[other.name]["outage_seconds"] > 0


def test_what_is_not_verified_is_said_in_the_plan_and_in_the_report(story):
    stores = [f"the store of {service.name}" for service in story.fleet.services]
    for name in ("plan", "check", "one", "all"):
        warned = "".join(story.runs[name].said("Warn of servers whose certificates nobody verifies"))
        named = stores[:1] if name == "one" else stores
        assert f"certificates are not verified of {', '.join(['TimeLock', *named])} (" in warned, name
    for service in story.fleet.services:
        (path,) = [path for path in story.fleet.reports.glob("*.json") if _effects(path, service.name)]
        sentence = "Who the key-value service is: validate_certs of its connection is off."
        told = json.loads(path.read_text())["services"][service.name]
        assert told["trust"] == "off" and sentence in told["end"]["unchecked"]
        assert sentence in path.with_suffix(".html").read_text()


def _effects(path, service: str) -> list:
    return ((json.loads(path.read_text())["services"].get(service) or {}).get("end") or {}).get("effects") or []


def test_progress_is_a_line_for_each_step_of_the_service_that_moves(story):
    _moved, moves = story.fleet.services
    lines = [line.split() for line in story.runs["all"].output.splitlines() if "/9 " in line and " waits " not in line]
    assert [(words[2], words[3]) for words in lines] == [(moves.name, f"{number}/9") for number in range(1, 10)]
    assert not [line for line in story.runs["all"].output.splitlines() if line.startswith(("TASK", "ok:", "skipping:"))]


def test_a_run_that_changes_nothing_writes_no_journal_of_effects(story):
    with_effects = {path.stem for path in story.fleet.reports.glob("*.jsonl")}
    assert len(with_effects) == 2
    assert len(list(story.fleet.reports.glob("*.json"))) == 3


def test_ansible_core_warns_of_nothing_that_it_will_take_away(story):
    for name, run in story.runs.items():
        assert "[DEPRECATION WARNING]" not in run.output, name


def test_no_secret_is_in_any_output_log_diff_journal_report_record_or_command_line(story):
    known = [service.settings.password for service in story.fleet.services] + list(CANARIES.values())
    words = [word for secret in known for word in _spellings(secret)]
    said = [run.output for run in story.runs.values()]
    said += [path.read_text() for path in story.fleet.reports.iterdir()]
    assert len(said) > len(story.runs)
    assert "Hold, stop, prove offline" in story.log.read_text()
    lab = story.fleet.lab
    folders = (lab.layout.services, lab.layout.timelock, *(cluster.folder for cluster in lab.cassandra.values()))
    logs = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".log", ".jsonl")]
    assert {"node.log", "requests.jsonl", *(node.log_path.name for node in story.fleet.nodes)} <= {
        path.name for path in logs
    }
    said += [path.read_text(errors="replace") for path in (story.log, lab.postgres.log_path, *logs)]
    stores = story.fleet.look()
    assert "atlasdb_timelock" in stores["databases"]
    for text in [*said, stores["databases"], *(row for rows in stores["clusters"] for row in rows)]:
        assert not [word for word in words if word in text]
    assert not [word for word in words for line in story.command_lines if word.encode() in line]


def test_the_secrets_are_where_they_belong(story):
    """They were there to be told, in the files before and after."""
    for node in story.fleet.nodes:
        text = node.config_path.read_text()
        runtime = node.runtime_path.read_text() if node.runtime_path else ""
        assert CANARIES["kept"] in text and CANARIES["written"] in text + runtime
        assert CANARIES["removed"] not in text


def _spellings(secret: str) -> list[str]:
    """The secret, and what is always in the Base64 of a text that holds it."""
    encoded = []
    for offset in range(3):
        text = base64.b64encode(b"x" * offset + secret.encode()).decode()
        encoded.append(text[4 if offset else 0 : len(text) - 4])
    return [secret, *encoded]
