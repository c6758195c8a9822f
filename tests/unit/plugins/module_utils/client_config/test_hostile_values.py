# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of a configuration, and those that the inventory has written into it, are data: read, written and read again
as they are, or refused by a code; and what is secret is in no diff and no message."""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reading import read_config
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.redaction import mask, redact
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.renaming import to_namespace
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.transform import TimelockBlock, to_timelock
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import CODES, Refusal
from ansible_collections.atlasdb.timelock.tests.unit.hostile import NAMES, TEXTS
from hypothesis import assume, example, given
from hypothesis import strategies as st

yaml = pytest.importorskip("yaml")

SERVERS = ["https://tl1:8421"]
VERSION = "0.905.0"
SECRET = "hunter2"


def quoted(text):
    """As YAML, in one line: what YAML does not allow as it is, escaped. It has no half of a pair of UTF-16."""
    escaped = (json.dumps(each)[1:-1] if ord(each) < 0x10000 else f"\\U{ord(each):08x}" for each in text)
    return f'"{"".join(escaped)}"'


def written(text):
    """Whether there is YAML for it."""
    return not re.search("[\ud800-\udfff]", text)


def install(password="p", database="orders", host="db", login="o", more="x"):
    return (
        f"other: {quoted(more)}\natlasdb:\n  keyValueService:\n    type: relational\n    ddl:\n      type: postgres\n"
        f"    connection:\n      type: postgres\n      host: {quoted(host)}\n      dbName: {quoted(database)}\n"
        f"      dbLogin: {quoted(login)}\n      dbPassword: {quoted(password)}\n"
        f"  namespace: orders\n  leader:\n    leaders: [{quoted(more)}]\n"
    )


def refused(call, *arguments, **named):
    """The result, or None for what is refused by a code, in words that can be shown and hold no secret."""
    try:
        return call(*arguments, **named)
    except Refusal as refusal:
        assert refusal.code in CODES and str(refusal).isprintable() and SECRET not in str(refusal)
        return None


def block(**ssl):
    return TimelockBlock(SERVERS, {"trust_store_path": "t.jks", **ssl})


@given(TEXTS.filter(written), NAMES.filter(written), NAMES.filter(written), NAMES.filter(written))
def test_what_a_configuration_says_is_read_as_it_is(more, host, database, login):
    assume("${" not in host + database + login + more)
    kvs = read_config(install(f"{SECRET}{more}", database, host, login), version=VERSION).kvs
    told = (kvs["hosts"], kvs["database"], kvs["user"], kvs["password"])
    assert told == ([host], database, login, f"{SECRET}{more}")


@given(TEXTS.filter(written), NAMES.filter(written), NAMES.filter(written))
def test_what_a_configuration_says_stays_as_it_is(more, host, login):
    text = install(f"{SECRET}{more}", "orders", host, login, more)
    new = to_timelock(text, version=VERSION, timelock=block())
    tree, before = yaml.safe_load(new.install_text), yaml.safe_load(text)
    assert tree["other"] == more and tree["atlasdb"].pop("timelock") and before["atlasdb"].pop("leader")
    assert tree == before
    assert SECRET not in new.diff_redacted


@given(TEXTS, TEXTS, st.sampled_from([None, "/runtime"]))
@example("a\u2028b", "\x85", None)
@example("\x7f", "\ufeff", "/runtime")
def test_what_the_inventory_gives_is_written_as_it_is_or_refused(path, password, runtime_root):
    given_block = block(trust_store_path=path, key_store_path="k", key_store_password=f"{SECRET}{password}")
    new = refused(to_timelock, install(), version=VERSION, timelock=given_block, runtime_root=runtime_root)
    if new is None:
        assert not path or not f"{path}{password}".replace("\n", "").isprintable()
        return
    tree = yaml.safe_load(new.install_text)
    where = tree["runtime"] if runtime_root else tree["atlasdb"]
    ssl = (where.get("timelockRuntime") or where["timelock"])["serversList"]["sslConfiguration"]
    assert (ssl["trustStorePath"], ssl["keyStorePassword"]) == (path, f"{SECRET}{password}")
    assert SECRET not in new.diff_redacted and SECRET not in " ".join(new.summary)


@given(TEXTS)
def test_a_new_namespace_is_one_that_timelock_has_or_refused(name):
    migrated = to_timelock(install(), version=VERSION, timelock=block()).install_text
    new = refused(to_namespace, migrated, None, name, version=VERSION)
    assert new is None or re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name)


@given(TEXTS, TEXTS)
def test_text_that_is_no_configuration_is_refused_by_a_code(head, tail):
    for text in (head, f"{head}\n{install()}", f"{install()}{tail}", f"atlasdb: {head}\n"):
        refused(read_config, text, version=VERSION)
        refused(to_timelock, text, version=VERSION, timelock=block())


@given(TEXTS, st.sampled_from(["password", "keyStorePassword", "api-key", "token"]))
def test_no_secret_is_left_in_what_is_shown_whatever_else_it_holds(more, key):
    for secret in (f"{SECRET}{more}", f"{more}{SECRET}"):
        for line in (
            f"{key}: {quoted(secret)}\n",
            json.dumps({"a": more, key: secret}),
            f"+  {key}: {quoted(secret)}\n",
        ):
            assert SECRET not in redact(line)
            assert SECRET not in mask(line)
