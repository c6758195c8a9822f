# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS by the stores that a configuration names, of which only PEM is understood."""

from __future__ import annotations

import ssl


def context_of(trust_store: str, key_store: str) -> ssl.SSLContext:
    """What a node connects with; `key_store` may be empty. Raises OSError where a file is not there."""
    context = ssl.create_default_context(cafile=trust_store)
    if key_store:
        context.load_cert_chain(key_store)
    return context
