# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.redaction import mask, redact


@pytest.mark.parametrize(
    "line",
    [
        "dbPassword: hunter2",
        "dbPassword: 'hun''ter2 hunter2'",
        'dbPassword: "hun\\"ter2 hunter2"',
        "keyStorePassword: hunter2 # hunter2 was old",
        "  - client_secret: hunter2",
        '{"password":"hunter2","a":1}',
        "credentials: {username: hunter2, password: hunter2}",
        "{user: a, password: hunter2, more: hunter2}",
        "# password: hunter2",
        "api-key: hunter2",
        "accessToken=hunter2",
        "db_passwd = hunter2",
        "+  privateKey: hunter2",
        "url: https://bob:hunter2@db:5432/x",
        "x: ${enc:hunter2}",
        "x: 'a ${enc:hunter2} b'",
        "x: ${enc:hunter2",
    ],
)
def test_no_secret_is_left_in_a_line(line):
    assert "hunter2" not in redact(line + "\n")
    assert "hunter2" not in redact(line)
    assert "hunter2" not in mask(line + "\n")


@pytest.mark.parametrize(
    "line",
    [
        "keyspace: orders",
        "keyValueService:",
        "keyStorePath: var/security/keyStore.jks",
        "keyStoreType: PEM",
        "trustStorePath: var/security/trustStore.jks",
        "servers: [http://tl1:8421/timelock/api]",
        "localServer: http://${ME}:3828",
        "namespace: orders # the old one",
    ],
)
def test_what_a_reviewer_needs_to_see_stays(line):
    assert redact(line) == line
    assert mask(line) == line


@pytest.mark.parametrize("piece", ["x", "-", "x.", '"', "'", "://", "${enc:", "a: b, ", '"a":"b",', "a=", "\\"])
def test_a_long_line_takes_no_longer_than_many_short_ones(piece):
    line = f"certificate: {piece * 60_000}"
    began = time.process_time()
    redact(line)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("prefix", ["", "+", "-", " "])
def test_a_secret_over_several_lines_is_hidden_whole(prefix):
    lines = ["a: 1", "privateKey: |", "  -----BEGIN", "", "  hunter2", "  -----END", "b: 2"]
    shown = redact("".join(f"{prefix}{line}\n" for line in lines))
    assert "hunter2" not in shown
    assert "BEGIN" not in shown
    assert f"{prefix}a: 1\n" in shown
    assert f"{prefix}b: 2\n" in shown


def test_a_quoted_secret_over_several_lines_is_hidden_whole_even_unindented():
    shown = mask('a: 1\npassword: "hun\nter2\n  hunter2"\nb: 2\n')
    assert "ter2" not in shown
    assert shown.endswith("b: 2\n")


def test_every_value_below_a_secret_key_is_hidden():
    shown = mask("tokens:\n  one: hunter2\n  two: [hunter2, {x: hunter2}]\nb: 2\n")
    assert "hunter2" not in shown
    assert "b: 2" in shown
    assert "hunter2" not in mask("tokens: [\nhunter2,\n{x: hunter2}\n]\nb: 2\n")


def test_a_null_stays_visible_and_line_endings_stay():
    assert mask("password:\r\nb: 2\r\n") == "password:\r\nb: 2\r\n"


def test_what_is_not_yaml_is_masked_line_by_line():
    assert "hunter2" not in mask("a: [\npassword: hunter2\n")
