# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a key-value service has to show that it is the one that was meant."""

from __future__ import annotations

VERIFIED = "verified"
OFF = "off"
"""It has a certificate to show, perhaps, and whoever has configured us says that nobody shall look at it."""
NONE = "none"
"""No certificate is asked for: there is no TLS, or for PostgreSQL no authority that would have to vouch for one."""


def trust_in(kvs: dict) -> str:
    """VERIFIED, OFF or NONE, for the modules' option ``kvs``."""
    if not kvs.get("validate_certs", True):
        return OFF
    asked = kvs.get("ca_path") or (kvs["type"] == "cassandra" and (kvs.get("tls") or kvs.get("client_cert")))
    return VERIFIED if asked else NONE
