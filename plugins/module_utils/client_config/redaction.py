# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hiding what must not be shown: passwords, secrets, tokens, keys, and what is encrypted, in configuration and in
diffs of it.
"""

from __future__ import annotations

import functools
import re

from ..refusal import Refusal
from .documents import Alias, Document, Mapping, Node, Scalar, Sequence, is_null, parse

MASK = "********"

_SECRET_WORDS = ("passw", "passphrase", "pwd", "secret", "token", "credential", "private")
_ENCRYPTED = re.compile(r"\$\{enc:[^}\n]*\}?")
_IN_URL = re.compile(r"(://[^\s/:@]*):[^\s/@]+@")
_KEY = re.compile(
    r"""(?P<key>"[^"\n]*"|'[^'\n]*'|(?<![A-Za-z0-9_.$-])[A-Za-z0-9_.$-]*[A-Za-z0-9_$])"""
    r"""[ \t]*(?::(?=\s|["']|$)|(?<=["']):|=)[ \t]*"""
)
"""Up to where the value begins. A word is tried from its beginning alone: a line may be one of a megabyte."""
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'""")
_INDENT = re.compile(r"[ +\-\t]*")


@functools.lru_cache(maxsize=1000)
def is_secret(key: str) -> bool:
    """Whether what stands under ``key`` is nobody's business."""
    name = re.sub("[^a-z0-9]", "", key.lower())
    return name == "pass" or name.endswith(("key", "keys")) or any(word in name for word in _SECRET_WORDS)


def redact(text: str) -> str:
    """``text``, a piece of configuration or a diff of it, without its secrets.

    It goes by lines, so it hides too much rather than too little: after a secret's key everything up to the end
    of the line, and the deeper lines after it. For a whole file mask() is more exact.
    """
    lines, hidden_below = [], None
    for line in text.splitlines(keepends=True):
        body = line.rstrip("\r\n")
        depth = _INDENT.match(body).end()
        if hidden_below is not None and (depth > hidden_below or not body.strip(" +-\t")):
            if body.strip(" +-\t"):
                line = body[:depth] + MASK + line[len(body) :]
            lines.append(line)
            continue
        hidden_below = None
        shown, secret = _redact_line(body)
        if secret:
            hidden_below = depth
        lines.append(shown + line[len(body) :])
    return "".join(lines)


def _redact_line(body: str) -> tuple:
    """The line without its secrets, and whether one of them may go on in the next lines."""
    shown, at, goes_on = "", 0, False
    while True:
        found = _KEY.search(body, at)
        if not found:
            shown += body[at:]
            break
        shown += body[at : found.end()]
        at = found.end()
        if not is_secret(found.group("key").strip("\"'")):
            continue
        quoted = _QUOTED.match(body, at)
        if not quoted:
            shown += MASK if body[at:].strip() else ""
            goes_on = True
            break
        shown += MASK
        at = quoted.end()
    return _IN_URL.sub(rf"\1:{MASK}@", _ENCRYPTED.sub(f"${{enc:{MASK}}}", shown)), goes_on


def mask(text: str) -> str:
    """A whole configuration file without its secrets, by what its keys and values are. What is not YAML goes
    through redact().
    """
    try:
        return masked(parse(text))
    except Refusal:
        return redact(text)


def masked(document: Document) -> str:
    """The text of a parsed file without its secrets."""
    spans = []

    def visit(node: Node, secret: bool) -> None:
        if isinstance(node, Mapping):
            for entry in node.entries:
                visit(entry.value, secret or (isinstance(entry.key, Scalar) and is_secret(entry.key.value)))
        elif isinstance(node, Sequence):
            for item in node.items:
                visit(item, secret)
        elif secret and not isinstance(node, Alias) and not is_null(node):
            spans.append((node.start, node.end))

    if document.root is not None:
        visit(document.root, False)
    shown, at = document.bom, 0
    for start, end in spans:
        shown += document.text[at:start] + MASK
        at = end
    return redact(shown + document.text[at:])
