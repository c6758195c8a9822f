# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of refusals and the code agree."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from ansible_collections.atlasdb.timelock.plugins.module_utils.refusal import CODES

ROOT = Path(__file__).parents[4]
TABLE = ROOT / "plugins/module_utils/refusal.py"


def raised():
    """Every code that stands as a string of its own in a plugin."""
    words = set()
    for path in (ROOT / "plugins").rglob("*.py"):
        if path != TABLE:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            words |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in CODES}
    return words


def explained():
    page = (ROOT / "docs/refusals.md").read_text(encoding="utf-8")
    return re.findall(r"^### `([a-z-]+)`$", page, re.MULTILINE)


def test_every_code_that_can_be_seen_is_explained():
    assert raised() - set(explained()) == set()


def test_no_code_is_explained_that_cannot_be_seen():
    assert set(explained()) - raised() == set()


def test_no_code_is_explained_twice():
    assert len(explained()) == len(set(explained()))


def test_links_from_the_page_lead_to_headings_of_the_runbook():
    page = (ROOT / "docs/refusals.md").read_text(encoding="utf-8")
    runbook = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", runbook, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(runbook\.md#([a-z-]+)\)", page)) <= headings
