# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation site: made whole, without a warning, and with no link that leads nowhere.

Its source is a folder with the checkout's Markdown at its own places, and the plugins' pages beside it.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import checkout
from checks.outcome import Failed, Log

WORK = checkout.BUILD / "docs"
SOURCE = WORK / "source"
HTML = WORK / "html"
CONFIGURATION = Path("docs/site")
LEFT_OUT = (".", "changelogs/", "tests/")


def lay_out() -> None:
    """Everything that a page can be or lead to: Markdown, and files without a suffix or with one that is only shown."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    for name in checkout.files():
        if not name.startswith(LEFT_OUT) and Path(name).suffix in {".md", ".pml", ""}:
            target = SOURCE / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(checkout.ROOT / name, target)
    shutil.copyfile(checkout.ROOT / CONFIGURATION / "index.md", SOURCE / "index.md")


def site(log: Log) -> None:
    lay_out()
    pages = SOURCE / "collections"
    pages.mkdir()
    command = ["antsibull-docs", "collection", "--use-current", "--squash-hierarchy", "--fail-on-error"]
    # It logs to a file in the home.
    env = {**os.environ, "HOME": str(WORK)}
    log.run(*command, "--no-add-antsibull-docs-version", "--dest-dir", pages, "atlasdb.timelock", env=env)
    shutil.rmtree(HTML, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "--fresh-env", "--fail-on-warning", "--keep-going", "--nitpicky"]
    command += ["--conf-dir", checkout.ROOT / CONFIGURATION, "--doctree-dir", WORK / "doctrees"]
    log.run(*command, "--builder", "html", SOURCE, HTML)
    require_no_contents_twice()


def require_no_contents_twice() -> None:
    """The theme shows contents beside a page, and a red error above those that stand on it. Raises Failed."""
    pages = [page.name for page in HTML.rglob("*.html") if 'class="contents' in page.read_text(encoding="utf-8")]
    if pages:
        raise Failed(f"contents stand on {', '.join(sorted(pages))}")
