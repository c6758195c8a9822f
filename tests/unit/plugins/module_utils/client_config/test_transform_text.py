# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files as people write them: what is not of the migration keeps its every byte, or the file is refused."""

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config import proofs, transform
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.reading import read_config
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.transform import to_timelock
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal

STORE = "  keyValueService: {type: cassandra, keyspace: myapp}\n"
NEW = '  namespace: "myapp"\n  timelock: {}\n'
RUNTIME = "atlasDbRuntime: {}\n"


@pytest.fixture
def after(timelock):
    def transform_install(install, **roots):
        first = to_timelock(install, RUNTIME, version="0.905.0", timelock=timelock, **roots)
        assert (
            to_timelock(
                first.install_text, first.runtime_text, version="0.905.0", timelock=timelock, **roots
            ).changed_files
            == []
        )
        return first.install_text

    return transform_install


@pytest.fixture
def refused(timelock):
    def transform_refused(install, runtime=RUNTIME, **roots):
        with pytest.raises(Refusal) as refusal:
            to_timelock(install, runtime, version="0.905.0", timelock=timelock, **roots)
        assert refusal.value.code == "config-invalid"
        return refusal.value.found

    return transform_refused


def test_comments_inside_a_removed_block_go_and_those_around_it_stay(after):
    text = """\
atlasdb:  # the block
  # above

  # of leader
  leader: # here
    # within
    leaders: # these
    - a # first
    # between
    - b

    # of the block, after a gap
      # and deeper
  # below, of store
  keyValueService: {type: cassandra, keyspace: myapp} # store
  # last of the block
# of the file
"""
    assert (
        after(text)
        == """\
atlasdb:  # the block
  namespace: "myapp"
  timelock: {}
  # above

  # of leader
  # below, of store
  keyValueService: {type: cassandra, keyspace: myapp} # store
  # last of the block
# of the file
"""
    )


def test_a_comment_at_the_keys_own_depth_stays(after):
    text = "atlasdb:\n" + STORE + "  leader:\n    leaders: [a]\n  # mine\n    # deeper, but after one that stays\n"
    assert after(text) == "atlasdb:\n" + NEW + STORE + "  # mine\n    # deeper, but after one that stays\n"


@pytest.mark.parametrize("ending", ["", "\n", "\n\n", "   \n", " # x"])
def test_a_block_at_the_end_of_the_file_goes_to_its_last_byte(after, ending):
    text = "atlasdb:\n" + STORE + "  leader:\n    leaders:\n      - https://a:3828"
    assert after(text + ending).rstrip("\n") == ("atlasdb:\n" + NEW + STORE).rstrip("\n")


def test_the_first_and_only_other_block_goes(after):
    assert after("atlasdb:\n  leader: {leaders: [a]}\n" + STORE) == "atlasdb:\n" + NEW + STORE
    assert (
        after("atlasdb:\n  lock: {servers: [a]}\n  timestamp: {servers: [a]}\n" + STORE) == "atlasdb:\n" + NEW + STORE
    )


def test_all_three_blocks_in_a_row_go(after):
    text = "atlasdb:\n" + STORE + "  leader:\n  lock: ~\n  timestamp:\n    servers:\n    - a\n  initializeAsync: true\n"
    assert after(text) == "atlasdb:\n" + NEW + STORE + "  initializeAsync: true\n"


def test_crlf_stays_and_new_lines_have_it(after):
    text = ("# é\natlasdb:\n  leader:\n    # x\n    leaders: [a]\n" + STORE + "end: 1\n").replace("\n", "\r\n")
    assert after(text) == ("# é\natlasdb:\n" + NEW + STORE + "end: 1\n").replace("\n", "\r\n")


def test_mixed_line_endings_stay_as_they_are(after):
    text = "a: 1\natlasdb:\r\n  leader: {leaders: [a]}\r\n" + STORE + "b: 2\r\n"
    assert after(text) == "a: 1\natlasdb:\r\n" + NEW + STORE + "b: 2\r\n"


def test_a_byte_order_mark_stays(after):
    assert after("\ufeffatlasdb:\n" + STORE) == "\ufeffatlasdb:\n" + NEW + STORE


@pytest.mark.parametrize(
    "line",
    [
        "name: 'Überdruck 😀'  # ñ",
        "x: ${enc:AES/GCM:abc==}",
        'x: "${enc:abc}"   ',
        "x: |\n  leader:\n    leaders: [a]\n\n  # no comment\n",
        "x: >-\n  atlasdb:\n    leader: 1\n",
        'x: "several\n  leader: lines\n\n  of text"',
        "x: 'it''s\n  two'",
        "x: plain\n  goes on",
        "x: [1,\n# comment in flow\n 2]",
        "? complex key\n: value",
        "? [a, b]\n: value",
        "a: &anchor {k: v}\nb: *anchor\nc:\n  <<: *anchor\n",
        "x: !custom {k: v}",
        "# tab\tin a comment",
        "x: 1 #\ttab",
        "x: yes\ny: 010\nz: 1e3\nw: 2026-11-22",
        "x:\n- a\n-   b\n",
        "x:\n    deep:\n          deeper: 1",
        "leader: {leaders: [not, ours]}\ntimestamp: 5\nlock: 6",
        "trailing:   spaces   ",
    ],
)
def test_what_else_is_in_the_file_keeps_its_every_byte(after, line):
    block, done = "atlasdb:\n  leader: {leaders: [a]}\n" + STORE, "atlasdb:\n" + NEW + STORE
    line = line if line.endswith("\n") else line + "\n"
    assert after(line + block) == line + done
    assert after(block + line) == done + line
    assert after(line + block.rstrip("\n")) == line + done.rstrip("\n")


def test_what_else_is_in_the_block_keeps_its_every_byte(after):
    inside = """\
  keyValueService:
      type:    cassandra # c
      keyspace: 'myapp'
      password: ${enc:x}
  "initializeAsync":   yes
"""
    text = "atlasdb:\n" + inside + "  leader: {leaders: [a]}\n"
    assert after(text) == "atlasdb:\n" + NEW + inside


@pytest.mark.parametrize("leader", ["'leader'", '"leader"', "leader ", '"lead\\x65r"'])
def test_quoted_keys_are_the_same_keys(after, leader):
    assert after(f"'atlasdb':\n  {leader}: {{leaders: [a]}}\n" + STORE) == "'atlasdb':\n" + NEW + STORE


def test_a_quoted_namespace_is_the_namespace(after):
    text = 'atlasdb:\n  "namespace" : "myapp"\n' + STORE
    assert after(text) == text.replace("atlasdb:\n", "atlasdb:\n  timelock: {}\n")


@pytest.mark.parametrize(
    "leader",
    [
        "  leader:\n    leaders: [a]\n    note: |+\n      text\n\n      # not a comment\n\n",
        "  leader:\n    leaders: [a]\n    note: >\n      folded\n      text\n",
        '  leader:\n    leaders: [a]\n    note: "quoted\n  oddly\n    text"\n',
        "  leader: {leaders: [\n a,\n# c\nb]\n}\n",
        "  leader: &unused !!map\n    leaders: [a] # x\n",
        "  leader:\n    leaders: &here [a]\n    others: *here\n",
        "  leader: !custom\n    leaders:\n    - a\n",
    ],
)
def test_a_removed_block_may_hold_anything(after, leader):
    assert after("atlasdb:\n" + leader + STORE).replace("\n\n", "\n") == "atlasdb:\n" + NEW + STORE
    assert after("atlasdb:\n" + STORE + leader).rstrip("\n") == ("atlasdb:\n" + NEW + STORE).rstrip("\n")


@pytest.mark.parametrize("head", ["---\n", "--- # x\n", "%YAML 1.1\n---\n", "# c\n---\n"])
@pytest.mark.parametrize("tail", ["", "...\n", "...\n# after\n"])
def test_document_markers_stay(after, head, tail):
    assert after(head + "atlasdb:\n" + STORE + tail) == head + "atlasdb:\n" + NEW + STORE + tail


def test_a_block_that_is_the_whole_document_begins_with_the_new_keys_below_its_heading(after):
    text = "# licence\n\nkeyValueService: {type: cassandra, keyspace: myapp}\nleader: {leaders: [a]}\n"
    new = '# licence\n\nnamespace: "myapp"\ntimelock: {}\nkeyValueService: {type: cassandra, keyspace: myapp}\n'
    assert after(text) == new
    assert after(text, root="/") == new


def test_the_indentation_of_the_block_is_kept(after):
    text = "atlasdb:\n        keyValueService:\n           type: cassandra\n           keyspace: myapp\n"
    assert after(text) == text.replace("atlasdb:\n", 'atlasdb:\n        namespace: "myapp"\n        timelock: {}\n')


def test_only_the_named_one_of_several_blocks_changes(after):
    other = "other:\n  leader: {leaders: [a]}\n  keyValueService: {type: cassandra, keyspace: second}\n"
    text = "atlasdb:\n  leader: {leaders: [a]}\n" + STORE + other
    assert after(text, root="/atlasdb") == "atlasdb:\n" + NEW + STORE + other
    assert after(text, root="/other").startswith(text[: text.index("other:")])


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (
            "atlasdb: {keyValueService: {type: cassandra, keyspace: myapp}, leader: {leaders: [a]}}\n",
            'atlasdb: {"namespace": "myapp", "timelock": {}, keyValueService: {type: cassandra, keyspace: myapp}}\n',
        ),
        (
            "atlasdb: { leader: {leaders: [a]} , lock: , keyValueService: {type: cassandra, keyspace: myapp}, }\n",
            'atlasdb: {"namespace": "myapp", "timelock": {},  keyValueService: {type: cassandra, keyspace: myapp}, }\n',
        ),
        (
            '{"atlasdb":{"leader":{"leaders":["a"]},"keyValueService":{"type":"cassandra","keyspace":"myapp"}},"x":1}',
            '{"atlasdb":{"namespace": "myapp", "timelock": {}, '
            '"keyValueService":{"type":"cassandra","keyspace":"myapp"}},"x":1}',
        ),
        (
            '{\n  "atlasdb": {\n    "leader": {},\n'
            '    "keyValueService": {"type": "cassandra", "keyspace": "myapp"}\n  }\n}\n',
            '{\n  "atlasdb": {\n    "namespace": "myapp",\n    "timelock": {},\n'
            '    "keyValueService": {"type": "cassandra", "keyspace": "myapp"}\n  }\n}\n',
        ),
        (
            "atlasdb: {\n  keyValueService: {type: cassandra, keyspace: myapp}, # keep, this\n  leader: {}\n}\n",
            'atlasdb: {\n  "namespace": "myapp",\n  "timelock": {},\n'
            "  keyValueService: {type: cassandra, keyspace: myapp}, # keep, this\n  \n}\n",
        ),
    ],
)
def test_flow_style_is_edited_in_flow_style(after, text, result):
    assert after(text) == result


def test_a_json_file_stays_json(timelock):
    import json

    old = {
        "a": [1],
        "atlasdb": {"keyValueService": {"type": "cassandra", "keyspace": "myapp"}, "leader": {"leaders": ["a"]}},
    }
    for indent in (None, 2, 4):
        got = to_timelock(json.dumps(old, indent=indent), version="0.905.0", timelock=timelock, runtime_root="/rt")
        new = json.loads(got.install_text)
        assert new["atlasdb"]["timelock"] == {}
        assert new["rt"]["timelockRuntime"]["serversList"]["servers"] == timelock.servers
        assert "leader" not in new["atlasdb"]
        assert new["a"] == [1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("base: &b\n" + STORE + "atlasdb: *b\n", "anchor &b"),
        ("atlasdb: &b\n" + STORE + "copy: *b\n", "anchor &b"),
        ("all: &b\n  atlasdb:\n  " + STORE + "copy: *b\n", "anchor &b"),
        ("atlasdb:\n" + STORE + "  leader: {leaders: &l [a]}\nhosts: *l\n", "anchor &l"),
        ("base: &b {leader: {leaders: [a]}}\natlasdb:\n  <<: *b\n" + STORE, "merges"),
        (
            "? atlasdb\n: ? leader\n  : {leaders: [a]}\n  ? keyValueService\n  : {type: cassandra, keyspace: myapp}\n",
            "before the key",
        ),
    ],
)
def test_what_cannot_be_edited_without_touching_something_else_is_refused(refused, text, words):
    found = refused(text)
    assert "cannot be edited safely" in found
    assert words in found


def test_a_scalar_that_would_take_up_the_empty_lines_behind_a_block_is_refused(refused, after):
    text = "atlasdb:\n  note: |+\n    words\n  leader: {leaders: [a]}\n\n" + STORE
    assert "would not mean" in refused(text)
    assert after(text.replace("|+", "|")) == "atlasdb:\n" + NEW + "  note: |\n    words\n\n" + STORE


def test_a_block_reached_by_an_alias_is_refused_for_editing_but_read(refused):
    text = "base: &b\n" + STORE + "atlasdb: *b\n"
    assert read_config(text, root="/atlasdb").namespace == "myapp"
    assert "anchor &b" in refused(text, root="/atlasdb")
    assert "anchor &b" in refused("all: &b\n  atlasdb:\n  " + STORE + "copy: *b\n", root="/copy/atlasdb")


def test_an_anchor_that_nobody_uses_is_no_obstacle(after):
    assert after("atlasdb: &unused\n" + STORE) == "atlasdb: &unused\n" + NEW + STORE


def test_an_alias_inside_a_removed_block_is_no_obstacle(after):
    text = "hosts: &h [a]\natlasdb:\n" + STORE + "  leader: {leaders: *h}\n"
    assert after(text) == "hosts: &h [a]\natlasdb:\n" + NEW + STORE


def test_a_runtime_file_that_is_no_block_of_keys_is_refused(refused):
    refused("atlasdb:\n" + STORE, "- a\n", runtime_root="/rt")
    refused("atlasdb:\n" + STORE, "rt: 5\n", runtime_root="/rt")
    refused("atlasdb:\n" + STORE, "rt: [a]\n", runtime_root="rt.x")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("keyspace: myapp", "keyspace: other"),
        lambda text: text.replace("# mine", "# yours"),
        lambda text: text.replace("# mine\n", ""),
        lambda text: text.replace("enabled: true", "enabled: 'true'"),
        lambda text: text.replace("timelock: {}", "timelock: {} # x\n  initializeAsync: true"),
        lambda text: text.replace('namespace: "myapp"', 'namespace: "myApp"'),
        lambda text: text + "tail: [",
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
    ],
)
def test_an_edit_that_went_wrong_is_noticed_before_anybody_sees_it(refused, monkeypatch, damage):
    """The proof must hold against faults of the editing itself, so the editing is made faulty."""
    honest = transform.edited
    text = "# mine\natlasdb:\n" + STORE + "  leader: {leaders: [a]}\n  sweep: {enabled: true}\n"
    monkeypatch.setattr(transform, "edited", lambda plan: damage(honest(plan)))
    assert "cannot be edited safely" in refused(text)


def test_a_proof_that_a_second_time_changes_nothing_is_part_of_every_run(refused, monkeypatch):
    monkeypatch.setattr(transform, "proved", lambda plan, text: plan.document)
    assert "second time" in refused("atlasdb:\n" + STORE)
    assert "second time" in refused("atlasdb:\n" + STORE, None)
    assert proofs.proved is not transform.proved
