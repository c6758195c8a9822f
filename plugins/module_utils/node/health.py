# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a service answers on its own node."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 5


def health(url: str) -> dict | None:
    """``{"ok", "detail"}`` of one GET, which is well only if answered by 200; None without ``url``.

    Neither proxies nor redirects are followed: a login page is not the service. Certificates are not checked:
    nothing is sent, and the name that the node uses for itself is seldom in them.
    """
    if not url:
        return None
    try:
        status = _status(url)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return {"ok": False, "detail": f"{url}: {error or type(error).__name__}"}
    return {"ok": status == 200, "detail": f"{url}: status {status}"}


def _status(url: str) -> int:
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("not a URL")
    if parts.scheme == "https":
        # Without the authorities of the host, which take longer to read than all the rest, and are asked nothing.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        return connection.getresponse().status
    finally:
        connection.close()
