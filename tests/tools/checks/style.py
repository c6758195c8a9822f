# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks that read files: style, documentation, changelog, licences."""

from __future__ import annotations

import os

import yaml

from checkout import BUILD, ROOT
from checks.outcome import Failed, Log


def ruff(log: Log) -> None:
    log.run("ruff", "check", "--no-cache", ".")


def oldest_python(log: Log) -> None:
    """Modules run with the node's Python, and ansible-core 2.19 supports 3.8 there."""
    log.run("vermin", "--target=3.8-", "--violations", "--no-tips", "plugins/modules", "plugins/module_utils")


def yamllint(log: Log) -> None:
    log.run("yamllint", "--strict", ".")


def ansible_lint(log: Log) -> None:
    log.run("ansible-lint", "--profile", "production", "--offline", "--strict", "--nocolor")


def changelog(log: Log) -> None:
    log.run("antsibull-changelog", "lint")
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["version"]
    kept = ROOT / "changelogs/changelog.yaml"
    released = yaml.safe_load(kept.read_text(encoding="utf-8"))["releases"] if kept.exists() else {}
    if version in released and list((ROOT / "changelogs/fragments").glob("*")):
        raise Failed(f"{version} is released, and fragments tell of more: galaxy.yml needs the next version")


def licences(log: Log) -> None:
    """Every file is somebody's, under a licence whose text is there."""
    log.run("reuse", "lint")


def documentation(log: Log) -> None:
    # It logs to a file in the home.
    home = BUILD / "antsibull"
    home.mkdir(exist_ok=True)
    command = ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=all", "."]
    log.run(*command, env={**os.environ, "HOME": str(home)})
