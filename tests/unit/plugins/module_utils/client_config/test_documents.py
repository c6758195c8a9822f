# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config import documents
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.documents import Scalar, parse
from ansible_collections.atlasdb.timelock.plugins.module_utils.client_config.pointers import parse_pointer, pointer
from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import Refusal


def refused(text):
    with pytest.raises(Refusal) as refusal:
        parse(text)
    assert refusal.value.code == "config-invalid"
    return refusal.value.found


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_positions_count_characters_whatever_they_are(bom, line_break):
    text = bom + line_break.join(["é😀: 'ü😀'", "b: # 😀", "  c: plain", "d: {x: 1}", ""])
    document = parse(text)
    assert document.bom == bom
    first = document.root.entries[0]
    assert document.text[first.value.start : first.value.end] == "'ü😀'"
    inner = document.root.get("b").entries[0].value
    assert document.text[inner.start : inner.end] == "plain"
    assert document.text[document.root.get("d").start : document.root.get("d").end] == "{x: 1}"
    assert "".join(document.lines()) == document.text


def test_a_block_scalar_ends_with_its_last_words():
    document = parse("a: |+\n  x\n  y\n\n\nb: 1\n")
    value = document.root.get("a")
    assert document.text[value.start : value.end] == "|+\n  x\n  y"


@pytest.mark.parametrize("null", ["", "~", "null", "Null", "NULL"])
def test_a_null_counts_as_absent(null):
    assert parse(f"a: {null}\n").root.get("a") is None


@pytest.mark.parametrize("word", ["'null'", '""', "!!str null", "nULL", "0", "false"])
def test_what_only_looks_like_null_does_not(word):
    assert isinstance(parse(f"a: {word}\n").root.get("a"), Scalar)


def test_an_alias_stands_for_what_it_names():
    root = parse("a: &x {k: v}\nb: *x\n").root
    assert root.get("b") is root.get("a")


@pytest.mark.parametrize(
    "text",
    ["a: [1", "a: b: c\n", "\tq: 1\n", "a: *x\n", "a: 1\n b: 2\n", "a: \x00\n", "a: \ud800\n", "{a: 1}}", "a: &x *x\n"],
)
def test_what_is_not_yaml_is_refused(text):
    refused(text)


def test_a_refusal_names_the_line_and_never_a_value():
    found = refused("a: 1\npassword: 'hunter2\n")
    assert "line" in found
    assert "hunter2" not in found


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3\n", "x: {leader: 1, 'leader': 2}\n", 'x:\n  - y: 1\n    "y": 2\n'])
def test_a_key_that_stands_twice_is_refused_wherever_it_is(text):
    assert "second time" in refused(text)


def test_a_key_may_stand_again_in_another_block():
    assert parse("a: {k: 1}\nb: {k: 1}\n").root.get("b")


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 1\n", "a: 1\n...\n---\nb: 1\n"])
def test_several_documents_are_refused(text):
    assert "several" in refused(text)


def test_markers_of_a_single_document_are_no_second_one():
    document = parse("%YAML 1.1\n--- # x\na: 1\n...\n# end\n")
    assert document.text[document.end :].startswith("...")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "\n\n"])
def test_an_empty_file_has_no_root(text):
    assert parse(text).root is None


def test_nesting_without_end_is_refused_and_not_followed():
    assert "levels" in refused("[" * 5000)


def test_without_its_library_the_requirement_is_named(monkeypatch):
    monkeypatch.setattr(documents, "yaml", None)
    with pytest.raises(Refusal) as refusal:
        parse("a: 1\n")
    assert refusal.value.code == "controller-requirements"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/atlasdb", ("atlasdb",)),
        ("atlasdb", ("atlasdb",)),
        ("install.atlas", ("install", "atlas")),
        ("/com.acme/a~1b~0c", ("com.acme", "a/b~c")),
        ("/x~01y", ("x~1y",)),
        ("/", ()),
    ],
)
def test_a_pointer_may_be_written_with_slashes_or_dots(text, path):
    assert parse_pointer(text) == path
    assert parse_pointer(pointer(path)) == path


def test_a_second_alias_of_an_anchor_stands_for_the_same():
    root = parse("a: &x {k: v}\nb: *x\nc: *x\n").root
    assert root.get("c") is root.get("a")
