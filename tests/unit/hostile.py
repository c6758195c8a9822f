# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words that want to be more than words: to a shell, a template, a terminal, a page, YAML, or a command's options."""

from __future__ import annotations

from hypothesis import strategies as st

NASTY = [
    "a b", "a'b", 'a"b', "a\nb: c", "{{ 7 * 7 }}", "{% raw %}", "-x", "--help", "$(id)", "`id`", "a;b", "é\u2028b: c",
    "\x85x: y", "#", ": ", "\x1b[2J\x1b]0;x\x07", "\x9b31m", "\u202egnp.exe", "a\r\nb", "\0", "\ud800", "../../etc",
    "<script>alert(1)</script>", "</pre>", "&lt;", "<!--", "]]>", "'><img src=x onerror=alert(2)>", "%s%n", "!unsafe",
    "x" * 3000,
]  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(NASTY), st.text(st.characters()), st.tuples(st.sampled_from(NASTY), st.text()).map("".join)
)
"""Any text there is, lone surrogates included."""
NAMES = TEXTS.filter(bool)
