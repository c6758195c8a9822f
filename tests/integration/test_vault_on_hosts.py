# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory whose secrets are in a vault, over SSH, to a login that needs a password to become root, with no more
rights than docs/privileges.md lists: forward, and back.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from cassandra_here import only_wide
from documented_rights import STATEMENTS, taken_away
from host_fleet import HostFleet, host_fleet
from lab.hosts import image
from lab.hosts.fleet import SUDOERS
from lab.hosts.host import Host
from lab.playbooks import environment

pytestmark = only_wide

BECOME = "become-%s-2bfa41"
KEY_STORE = "key-store-7d10c9"
CLIENT_STORE = "/etc/atlasdb/client.pem"
"""What a node shows to TimeLock; the simulator does not ask."""
OF_ATLASDB = "GRANT CREATE ON SCHEMA public TO orders"
"""What the service itself needs besides, which asks at each start for its tables to be made where they are not."""
ALL_LIES_THERE = "begin-restart_others"
"""One node has its new configuration, and the others are held with theirs staged."""
SEARCHED = ("/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp", "/var")
WITH_A_PASSWORD = SUDOERS.replace("NOPASSWD: ", "")


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    with host_fleet(tmp_path_factory.mktemp("hosts"), {"orders": 3}, rate=2) as fleet:
        _leave_only_listed_rights(fleet)
        tls = fleet.lab.timelock.ca_path.parent
        for node in fleet.nodes:
            node.on.write(CLIENT_STORE, "".join((tls / name).read_text() for name in ("server.pem", "server.key")))
            node.on.run("chpasswd", stdin=f"{image.LOGIN}:{BECOME % node.name}\n")
            node.on.write(f"etc/sudoers.d/{image.LOGIN}", WITH_A_PASSWORD, 0o440)
        fleet.write(_by_the_vault)
        (service,) = fleet.services
        right = service.settings.password
        told = SimpleNamespace(fleet=fleet, runs={})
        told.secrets = [KEY_STORE, right, *(BECOME % node.name for node in fleet.nodes)]
        unlocked = f"--vault-password-file={_lock(fleet, right)}"
        told.runs["locked"] = fleet.play("migrate.yml")
        _lock(fleet, "wrong-4a88")
        told.runs["wrong"] = fleet.play("migrate.yml", unlocked)
        told.as_before = fleet.modes()
        _lock(fleet, right)
        with fleet.paused(ALL_LIES_THERE, unlocked) as told.runs["migrate"]:
            told.readable = {node.name: _what_others_read(node.on, told.secrets) for node in fleet.nodes}
            told.shown = _what_this_machine_shows(told.secrets)
        told.reverse = lambda: fleet.play("reverse.yml", unlocked)
        yield told


@pytest.fixture(scope="module")
def back(story):
    story.runs["reverse"] = story.reverse()
    return story


def _what_others_read(host: Host, secrets: list[str]) -> list[str]:
    """The files on the host with a secret that its other users may read; the search itself is seen to work."""
    host.write("/var/tmp/for-all", secrets[0])
    words = [word for secret in secrets for word in ("-e", secret)]
    found = []
    for user in ("nobody", image.LOGIN):
        search = ["grep", "-rlsFI", "--devices=skip", *words, *SEARCHED]
        found += host.run("runuser", "--user", user, "--", *search, check=False).stdout.splitlines()
    assert found.count("/var/tmp/for-all") == 2
    return sorted({*found} - {"/var/tmp/for-all"})


def _what_this_machine_shows(secrets: list[str]) -> list[str]:
    """The processes, of hosts too, whose arguments tell a secret."""
    shown = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            shown += [words for secret in secrets if secret in words]
    return shown


def _leave_only_listed_rights(fleet: HostFleet) -> None:
    with fleet.lab.postgres.connect("orders") as session:
        for statement in ("CREATE TABLE _punch (ts int8 NOT NULL)", *taken_away("orders"), *STATEMENTS, OF_ATLASDB):
            session.execute(statement)


def _by_the_vault(everything: dict) -> None:
    everything["vars"]["timelock_quiet_seconds"] = 1
    services = everything["children"]["atlasdb_services"]
    services["vars"]["ansible_become_password"] = "{{ vault_become[inventory_hostname] }}"
    services["vars"]["timelock_client_ssl"] |= {
        "keyStorePath": CLIENT_STORE, "keyStorePassword": "{{ vault_key_store_password }}",
    }  # fmt: skip
    services["children"]["orders"]["vars"]["atlasdb_kvs_overrides"] = {"password": "{{ vault_orders_password }}"}


def _lock(fleet: HostFleet, password: str) -> Path:
    """A vault with this password of the database; the file with its key."""
    vault = fleet.inventory.parent / "group_vars/all/vault.yml"
    vault.parent.mkdir(parents=True, exist_ok=True)
    key = fleet.inventory.with_name("vault-key")
    key.write_text("open-sesame-59e1\n")
    secrets = {
        "vault_become": {node.name: BECOME % node.name for node in fleet.nodes},
        "vault_key_store_password": KEY_STORE, "vault_orders_password": password,
    }  # fmt: skip
    vault.write_text(yaml.safe_dump(secrets))
    program = Path(sys.executable).parent / "ansible-vault"
    subprocess.run([program, "encrypt", "--vault-password-file", key, vault], env=environment(), check=True)
    assert vault.read_text().startswith("$ANSIBLE_VAULT;")
    return key


def test_without_the_vault_s_key_nothing_begins(story):
    run = story.runs["locked"]
    assert not run.ok and run.begun() == [] and "ault" in run.output, run.tail


def test_what_the_vault_says_is_what_is_used(story):
    run = story.runs["wrong"]
    assert not run.ok and run.begun() == [], run.tail
    assert any("kvs-denied" in reason for reason in run.reasons), run.reasons
    assert set(story.as_before.values()) == {"leader"}


def test_the_service_is_migrated_with_the_listed_rights_alone(story):
    assert story.runs["migrate"].ok, story.runs["migrate"].tail
    story.fleet.assert_migrated()
    for node in story.fleet.nodes:
        assert KEY_STORE in node.runtime_path.read_text()
        assert node.runtime_path.stat().st_mode & 0o777 == 0o600


def test_in_the_middle_of_the_window_no_other_user_of_a_host_reads_a_secret_and_no_process_shows_one(story):
    assert story.readable == {node.name: [] for node in story.fleet.nodes}
    assert story.shown == []


def test_it_goes_back_with_them_too(back):
    assert back.runs["reverse"].ok, back.runs["reverse"].tail
    back.fleet.assert_as_before()


def test_no_secret_of_the_vault_is_told_to_anybody(back):
    told = {name: run.output for name, run in back.runs.items()}
    told |= {path.name: path.read_text() for path in back.fleet.reports.iterdir()}
    for node in back.fleet.nodes:
        told[node.name] = node.on.run("journalctl", "--no-pager").stdout
    assert len(told) > 6
    found = [(name, secret) for name, text in told.items() for secret in back.secrets if secret in text]
    assert not found
