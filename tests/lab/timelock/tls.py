# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority for one lab, and one certificate for all its TimeLock nodes."""
from __future__ import annotations

import os
import ssl


def authority_path(folder):
    return os.path.join(folder, "tls", "ca.pem")


def server_context(folder):
    """Return the nodes' TLS context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "tls", "server.pem"), os.path.join(folder, "tls", "server.key"))
    return context


def make_authority(folder, addresses=("127.0.0.1",), **more):
    """Write ca.pem, server.pem and server.key into the folder's tls folder; see certificates.make."""
    from lab.timelock import certificates  # the nodes run without third-party packages

    os.makedirs(os.path.join(folder, "tls"), exist_ok=True)
    for name, content in certificates.make(addresses, **more).items():
        descriptor = os.open(os.path.join(folder, "tls", name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
