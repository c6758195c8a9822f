# Copyright: (c) 2026, the atlasdb.timelock authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a service may be down until the point of no return."""

from __future__ import annotations

from .refusal import Refusal


def require_in_time(elapsed: float, limit: float) -> None:
    """Raise Refusal window-too-long where a service has been down for more seconds than it may; 0 is no limit."""
    if limit and elapsed > limit:
        found = f"The service has been down for {elapsed:.1f} s, and may be for {limit:.1f} s."
        raise Refusal("window-too-long", found)
