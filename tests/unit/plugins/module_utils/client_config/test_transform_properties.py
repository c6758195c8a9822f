# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Properties of the transformation over generated files, whatever else is in them and in whichever style."""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.documents import parse
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reading import read_config
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.transform import TimelockBlock, to_timelock
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

yaml = pytest.importorskip("yaml")
hypothesis = pytest.importorskip("hypothesis")
strategies = hypothesis.strategies

TIMELOCK = TimelockBlock(["https://tl1:8421", "https://tl2:8421/timelock/api"], {"trust_store_path": "t.jks"})
OURS = ("leader", "lock", "timestamp", "namespace", "timelock")
SETTINGS = hypothesis.settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large],
)

RUNTIME = "the-runtime"
"""A key that KEYS never is."""

KEYS = strategies.from_regex(r"[a-z][a-zA-Z]{0,8}", fullmatch=True).filter(
    lambda key: key not in OURS and not key.lower().startswith(("atlas", "runtime", "keyvalue"))
)
TEXTS = strategies.text(
    strategies.characters(
        min_codepoint=32, max_codepoint=0x1F600, exclude_categories=("Cs", "Cc", "Cn", "Zl", "Zp")
    ).filter(lambda letter: letter not in "\ufeff\ufffe\uffff"),
    max_size=12,
)
PLAINS = strategies.sampled_from(
    ["1", "yes", "0x1f", "~", "var/data", "${enc:AbC==}", "http://a:1/b", "1e3", "a b", "-x", "''"]
)
COMMENTS = strategies.sampled_from(["", "", "", " # a: b", "   #\ttab", " # 'quote", "  "])
BETWEEN = strategies.sampled_from(["", "", "", "\n", "# leader: {}\n", "    # deep\n", "#\n\n# ü😀\n", "   \n"])


@strategies.composite
def blocks(draw, depth=0, indent=0):
    """The lines of a mapping in block style, with whatever may stand between them."""
    lines = []
    for key in draw(strategies.lists(KEYS, min_size=1, max_size=4, unique=True)):
        lines.append(entry(draw, key, depth, indent))
        lines.append(draw(BETWEEN))
    return "".join(lines)


def entry(draw, key, depth, indent):
    pad, quote = " " * indent, draw(strategies.sampled_from(["", "", "'", '"']))
    name = f"{pad}{quote}{key}{quote}:"
    kinds = ["plain", "quoted", "flow", "literal", "list", "null"] + (["block"] * 2 if depth < 2 else [])
    kind = draw(strategies.sampled_from(kinds))
    comment = draw(COMMENTS)
    if kind == "plain":
        return f"{name} {draw(PLAINS)}{comment}\n"
    if kind == "quoted":
        return f"{name} {json.dumps(draw(TEXTS), ensure_ascii=False)}{comment}\n"
    if kind == "flow":
        return f"{name} {{a: [1, {{b: c}}], 'd': }}{comment}\n"
    if kind == "literal":
        header = draw(strategies.sampled_from(["|", ">", "|-", "|+", ">+"]))
        return f"{name} {header}{comment}\n{pad}   leader: x\n\n{pad}   # no comment\n"
    if kind == "list":
        return f"{name}{comment}\n{pad}- a{comment}\n{pad}-   b: 1\n{pad}    c: 2\n"
    if kind == "null":
        return f"{name}{comment}\n"
    return f"{name}{comment}\n" + draw(blocks(depth + 1, indent + draw(strategies.integers(1, 4))))


@strategies.composite
def embedded(draw, indent):
    """What is to go: a leader block, or lock and timestamp, with anything inside and a line of theirs at the end."""
    pad, head = " " * indent, draw(COMMENTS)
    inner = draw(blocks(1, indent + 2)) + f"{pad}  last: 1{head}\n"
    if draw(strategies.booleans()):
        return f"{pad}leader:{head}\n{pad}  leaders: [a, b]\n{inner}"
    remote = f"{head}\n{pad}  servers:\n{pad}  - http://a:1/api{head}\n"
    return f"{pad}lock:{remote}{pad}timestamp:{remote}{inner}"


@strategies.composite
def files(draw):
    """An install file, the same without what is to go, and how many lines are to come for a client of today."""
    indent = draw(strategies.integers(1, 4))
    pad, explicit = " " * indent, draw(strategies.booleans())
    store = f"{pad}keyValueService:{draw(COMMENTS)}\n{pad}  type: cassandra\n{pad}  keyspace: my_app\n"
    store += f"{pad}  password: ${{enc:x}}\n{pad}  servers: [c1]\n"
    parts = [store, draw(blocks(1, indent)), f"{pad}namespace: my_app{draw(COMMENTS)}\n" if explicit else ""]
    gone = draw(embedded(indent))
    head = draw(BETWEEN) + draw(strategies.just("") | blocks()) + "atlasdb:" + draw(COMMENTS) + "\n"
    pieces = [draw(BETWEEN) + part for part in draw(strategies.permutations(parts))]
    place = draw(strategies.integers(0, len(pieces)))
    tail = draw(strategies.sampled_from(["", "\n", "# x\n"])) + draw(
        strategies.just("") | blocks().map("zz: 1\n".__add__)
    )
    # A deeper comment right below a block is the block's: nothing of that kind may follow what goes.
    below = draw(strategies.sampled_from(["", f"{pad}# mine\n", "# mine\n"]))
    texts = [head + "".join(pieces[:place]) + middle + below + "".join(pieces[place:]) + tail for middle in (gone, "")]
    if not below and place < len(pieces) or "    # deep" in (pieces + [""])[place][:12]:
        texts = [text.replace("    # deep\n", "") for text in texts]
    if draw(strategies.booleans()):
        texts = [text.replace("\n", "\r\n") for text in texts]
    bom = draw(strategies.sampled_from(["", "\ufeff"]))
    return bom + texts[0], bom + texts[1], 7 if explicit else 8


def distinct(text):
    """Whether the generated keys are: it is not promised, and a key that stands twice is refused."""
    try:
        parse(text)
    except Refusal as refusal:
        assert "second time" in refusal.found
        return False
    return True


def transformed(text, version="0.905.0", runtime_root=None):
    """The transformed file. A scalar that keeps its empty lines would take up those behind a block: that is refused."""
    try:
        return to_timelock(text, version=version, timelock=TIMELOCK, runtime_root=runtime_root)
    except Refusal as refusal:
        assert "cannot be edited safely" in refusal.found
        assert re.search(r"[|>]\+", text)
        hypothesis.reject()


def plain(text):
    return yaml.load(text, Loader=yaml.BaseLoader)


def rest_of(text):
    tree = plain(text)
    tree.pop(RUNTIME, None)
    return {**tree, "atlasdb": {key: value for key, value in tree["atlasdb"].items() if key not in OURS}}


@SETTINGS
@hypothesis.given(
    files(),
    strategies.sampled_from(["0.50.0", "0.60.0", "0.70.0", "0.905.0"]),
    strategies.sampled_from([None, f"/{RUNTIME}", f"/{RUNTIME}/atlas"]),
)
def test_every_key_that_is_not_of_the_migration_stays_and_a_second_time_changes_nothing(file, version, runtime_root):
    text = file[0]
    hypothesis.assume(distinct(text))
    got = transformed(text, version, runtime_root)
    again = transformed(got.install_text, version, runtime_root)
    assert (again.install_text, again.changed_files) == (got.install_text, [])

    assert rest_of(got.install_text) == rest_of(text)
    assert not set(plain(got.install_text)["atlasdb"]) & {"leader", "lock", "timestamp"}

    config = read_config(got.install_text, runtime_root=runtime_root, version=version)
    assert (config.mode, config.namespace, config.timelock.servers) == ("timelock", "my_app", TIMELOCK.servers)
    assert config.problems == []


@SETTINGS
@hypothesis.given(files())
def test_every_line_that_is_not_of_the_migration_stays_byte_for_byte(file):
    text, cut, count = file
    hypothesis.assume(distinct(text))
    new = transformed(text).install_text
    assert new == transformed(cut).install_text

    old_lines, new_lines = cut.splitlines(keepends=True), new.splitlines(keepends=True)
    remaining = iter(new_lines)
    assert all(any(line == candidate for candidate in remaining) for line in old_lines)
    assert len(new_lines) - len(old_lines) == count


JSON_VALUES = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers(-5, 5) | TEXTS,
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@SETTINGS
@hypothesis.given(
    strategies.dictionaries(KEYS, JSON_VALUES, max_size=4),
    strategies.dictionaries(KEYS, JSON_VALUES, max_size=3),
    strategies.permutations(["keyValueService", "leader", "lock", "rest"]),
    strategies.sampled_from([None, 1, 4]),
    strategies.sampled_from([None, f"/{RUNTIME}"]),
)
def test_a_json_file_stays_json_and_keeps_the_rest(around, rest, order, indent, runtime_root):
    inner = {}
    for key in order:
        parts = {
            "keyValueService": {"type": "cassandra", "keyspace": "my_app"},
            "leader": {"leaders": ["a"]},
            "lock": None,
        }
        inner.update(rest if key == "rest" else {key: parts[key]})
    old = {**around, "atlasdb": inner}
    text = json.dumps(old, indent=indent, ensure_ascii=False)
    got = to_timelock(text, version="0.905.0", timelock=TIMELOCK, runtime_root=runtime_root)
    new = json.loads(got.install_text)
    new.pop(RUNTIME, None)
    assert {**new, "atlasdb": None} == {**old, "atlasdb": None}
    timelock = new["atlasdb"].pop("timelock")
    assert (timelock == {}) == bool(runtime_root)
    assert new["atlasdb"].pop("namespace") == "my_app"
    assert new["atlasdb"] == {key: value for key, value in inner.items() if key not in OURS}
