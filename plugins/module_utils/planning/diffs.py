# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How configuration files would change, for a person: nodes whose files change alike share one diff."""

from __future__ import annotations

from ..printable import printable


def alike(diffs: dict) -> list:
    """Pairs of nodes and the text of their change, from the ``diffs`` by node; nodes without one are left out."""
    found: dict = {}
    for node, text in diffs.items():
        if text:
            found.setdefault(text, []).append(node)
    return [(nodes, text) for text, nodes in found.items()]


def diff_lines(plans: dict) -> list:
    """Lines of text for all services: above each change the nodes whose it is."""
    changes = [change for plan in plans.values() for change in alike(plan["diffs"])]
    return [printable(line) for nodes, text in changes for line in (f"{', '.join(nodes)}:", *text.splitlines())]
