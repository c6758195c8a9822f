# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corners of Java that show through TimeLock's answers."""
from __future__ import annotations

import unicodedata

MAX_LONG = 2**63 - 1
MIN_LONG = -(2**63)
MAX_INT = 2**31 - 1
MIN_INT = -(2**31)


def parse_long(text):
    """Return the number that Java's Long.parseLong reads, or raise ValueError."""
    return _parse(text, MIN_LONG, MAX_LONG)


def parse_int(text):
    """Return the number that Java's Integer.parseInt reads, or raise ValueError."""
    return _parse(text, MIN_INT, MAX_INT)


def _parse(text, lowest, highest):
    sign, digits = (text[:1], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if not digits:
        raise ValueError(text)
    value = 0
    for digit in digits:
        # Java takes the decimal digits of every script; int() would take underscores and blanks besides.
        value = value * 10 + unicodedata.decimal(digit)
    value = -value if sign == "-" else value
    if not lowest <= value <= highest:
        raise ValueError(text)
    return value


def hash_set_order(strings):
    """Return the distinct strings in the order in which Java iterates a HashSet of them."""
    strings = list(dict.fromkeys(strings))
    table = 16
    while len(strings) > table * 3 // 4:
        table *= 2
    return sorted(strings, key=lambda string: _bucket(string, table))


def _bucket(string, table):
    code = 0
    for character in string:
        code = (31 * code + ord(character)) & 0xFFFFFFFF
    return (code ^ (code >> 16)) & (table - 1)
